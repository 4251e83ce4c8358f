// Schedules of recurring messages; the only import path from outside this folder, but for the codecs.
export * from './decide.js'
export type * from './events.js'
export * from './schedule.js'
export * from './ticks.js'
