// Queue configuration and the queue-wide facts; the only import path from outside this folder.
export * from './config.js'
export * from './decide.js'
export * from './events.js'
