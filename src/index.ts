// The public API.
export { openLedger } from './api/openLedger.js'
export type { LedgerOptions, LogOptions, Trouble } from './api/openLedger.js'
export * from './api/errors.js'
export type * from './api/types.js'
export { fail, release } from './worker/attempt.js'
export * from '../domain/retry/index.js'
export { classify, composeClassifiers, failureRules, DEFAULT_FAILURE_RULES } from '../domain/failure/index.js'
export { DEFAULT_QUEUE_CONFIG } from '../domain/queue/index.js'
