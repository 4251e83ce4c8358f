// Queue configuration and the queue-wide facts; the only import path from outside this folder.
export * from './config.js'
export * from './decide.js'
export * from './events.js'
export * from './layouts.js'
export * from './limits.js'
export * from './resize.js'
export { DURATION_MS_MAX, LEASE_MS_MAX, LEASE_MS_MIN } from './settingRules.js'
export * from './switches.js'
