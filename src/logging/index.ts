// Logging; the only import path from outside this folder.
export { LOG_FORMATS } from './format.js'
export { ledgerLog } from './ledgerLog.js'
export {
  consoleLogger,
  LOG_LEVELS,
  type LogFields,
  type Logger,
  type LogLevel,
  pinoLogger,
  winstonLogger,
} from './logger.js'
export {
  DEFAULT_LOGGING,
  LOG_TARGETS,
  type LoggingOptions,
  openLogger,
} from './openLogger.js'
