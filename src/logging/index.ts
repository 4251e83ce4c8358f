// Logging; the only import path from outside this folder.
export { LOG_FORMATS, type LogFormat } from './format.js'
export { type LedgerLog, ledgerLog } from './ledgerLog.js'
export {
  type ConsoleLike,
  consoleLogger,
  LOG_LEVELS,
  type LogFields,
  type Logger,
  type LogLevel,
  type LogLine,
  type PinoLike,
  pinoLogger,
  type WinstonLike,
  winstonLogger,
} from './logger.js'
export {
  DEFAULT_LOGGING,
  LOG_TARGETS,
  type LoggingOptions,
  type LogTarget,
  openLogger,
} from './openLogger.js'
