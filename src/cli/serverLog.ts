// The log of a server, as its configuration asks for it: one logger for the ledger and for requests that failed.
import type { Config } from '../config/index.js'
import { type LoggingOptions, openLogger } from '../logging/index.js'
import { CommandFailed, EXIT } from './exitCode.js'

export type ServerLog = Readonly<{
  /** For the ledger; false = off. */
  options: LoggingOptions | false
  onError: (error: unknown) => void
  warn: (event: string, fields: Readonly<Record<string, unknown>>) => void
  close: () => void
}>

const optionsOf = (config: Config): LoggingOptions => ({
  enabled: config.logEnabled,
  level: config.logLevel,
  format: config.logFormat,
  to: config.logTo,
  file: config.logFile,
  fileBytesMax: config.logFileBytesMax,
  filesMax: config.logFilesMax,
  payloads: config.logPayloads,
})

const opened = (config: Config): ReturnType<typeof openLogger> => {
  try {
    return openLogger(optionsOf(config))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new CommandFailed(EXIT.failed, `The log file ${config.logFile} cannot be opened: ${code}.`)
  }
}

export const openServerLog = (config: Config): ServerLog => {
  const open = opened(config)
  if (open === undefined)
    return { options: false, onError: () => undefined, warn: () => undefined, close: () => undefined }
  const { logger, close } = open
  return {
    options: { ...optionsOf(config), logger },
    onError: (error) => {
      // Where it happened is what its report needs; clients are not told.
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
      logger.error('request failed', { reason })
    },
    warn: (event, fields) => logger.warn(event, fields),
    close,
  }
}
