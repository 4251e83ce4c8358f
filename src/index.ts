// The public API.

export type { CircuitEvent, CircuitOptions, CircuitSettings } from '../domain/circuit/index.js'
export { CircuitSettingsError, circuit, DEFAULT_CIRCUIT, sensitiveCircuit } from '../domain/circuit/index.js'
export type { BuiltInFailureType, Classifier } from '../domain/failure/index.js'
export { classify, composeClassifiers, DEFAULT_FAILURE_RULES, failureRules } from '../domain/failure/index.js'
export { DEFAULT_QUEUE_CONFIG } from '../domain/queue/index.js'
export * from '../domain/retry/index.js'
export * from './api/errors.js'
export type { LedgerOptions, LogOptions, Trouble } from './api/openLedger.js'
export { openLedger } from './api/openLedger.js'
export type * from './api/types/index.js'
export { connectLedger } from './client/connectLedger.js'
export { UnauthorizedError } from './client/transport.js'
export * from './combinators/index.js'
export { startServer } from './http/server.js'
export {
  consoleLogger,
  type Logger,
  type LoggingOptions,
  pinoLogger,
  winstonLogger,
} from './logging/index.js'
export { type PresetName, QUEUE_PRESETS } from './presets/queuePresets.js'
export { quickLedger } from './presets/quickLedger.js'
export { type SandboxHandler, type SandboxOptions, sandbox } from './sandbox/sandbox.js'
export { CancelledError, complete, fail, release } from './worker/attempt.js'
export { batchResults } from './worker/batchOutcome.js'
