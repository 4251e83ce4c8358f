// The logger that the options ask for: on or off, from which level, in which format, to where, or one that was brought.
import { resolve } from 'node:path'
import { type LogFormat, lineFormat } from './format.js'
import { guarded, type LevelledLogger, type Logger, type LogLevel, levelled } from './logger.js'
import { type LineSink, openRotatingFile } from './rotatingFile.js'

export const LOG_TARGETS = ['stderr', 'stdout', 'file'] as const
export type LogTarget = (typeof LOG_TARGETS)[number]

export type LoggingOptions = Readonly<{
  /** Default true. */
  enabled?: boolean
  /** The least that is told. Default `info`. */
  level?: LogLevel
  /** Default `json`. */
  format?: LogFormat
  /** Default `stderr`, or `file` when a file is named. */
  to?: LogTarget
  /** Default `queue.log`. */
  file?: string
  /** A file is ended when it would grow above this. Default 10 MiB. */
  fileBytesMax?: number
  /** Files kept, the one that is written included. Default 5. */
  filesMax?: number
  /** Adds payloads and the texts of failures to lines about messages. Default false: they may hold anything. */
  payloads?: boolean
  /** Takes the lines instead of format, target and file. Its fields hold no control characters. */
  logger?: Logger
}>

export const DEFAULT_LOGGING = {
  enabled: true,
  level: 'info',
  format: 'json',
  to: 'stderr',
  file: 'queue.log',
  fileBytesMax: 10 * 1_048_576,
  filesMax: 5,
  payloads: false,
} as const satisfies LoggingOptions

export type OpenLogger = Readonly<{ logger: LevelledLogger; payloads: boolean; close: () => void }>

const streamSink = (stream: NodeJS.WriteStream): LineSink => ({
  write: (line) => {
    stream.write(`${line}\n`)
  },
  close: () => undefined,
})

const sinkOf = (options: LoggingOptions): LineSink => {
  const { stderr, stdout } = process
  const to = options.to ?? (options.file === undefined ? DEFAULT_LOGGING.to : 'file')
  if (to !== 'file') return streamSink(to === 'stdout' ? stdout : stderr)
  const path = resolve(options.file ?? DEFAULT_LOGGING.file)
  const onTrouble = (reason: string): void => {
    stderr.write(`ledgerq: the log file ${path} cannot be written: ${reason}\n`)
  }
  const { fileBytesMax: bytesMax, filesMax } = { ...DEFAULT_LOGGING, ...options }
  return openRotatingFile({ path, bytesMax, filesMax, onTrouble })
}

/** Loggers made here escape what they write themselves: a second time would escape the escapes. */
const own = new WeakSet<Logger>()

/**
 * Undefined when logging is off.
 *
 * @throws Error when the file cannot be opened
 */
export const openLogger = (
  options: LoggingOptions,
  wallMs: () => number = Date.now,
): OpenLogger | undefined => {
  const { enabled, level, format, payloads } = { ...DEFAULT_LOGGING, ...options }
  if (!enabled) return undefined
  if (options.logger !== undefined) {
    const brought = own.has(options.logger) ? options.logger : guarded(options.logger)
    return { logger: levelled(brought, level), payloads, close: () => undefined }
  }
  const sink = sinkOf(options)
  const lineOf = lineFormat(format)
  const line = (of: LogLevel) => (event: string, fields: Readonly<Record<string, unknown>>) =>
    sink.write(lineOf(wallMs(), of, event, fields))
  const written = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
  const logger = levelled(written, level)
  own.add(logger)
  return { logger, payloads, close: sink.close }
}
