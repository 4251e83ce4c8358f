// What ledgerq asks of a logger: four methods, each with the name of an event and its facts. Whoever brings one of their own
// gets texts that are fit for one line, as what stands in them comes from users and may be hostile.
import { harmless } from './harmless.js'

export type LogFields = Readonly<Record<string, unknown>>
/** `event` is a fixed phrase, never a text of a user; what varies stands in the fields. */
export type LogLine = (event: string, fields: LogFields) => void
export type Logger = Readonly<{ debug: LogLine; info: LogLine; warn: LogLine; error: LogLine }>

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export type LevelledLogger = Logger &
  Readonly<{
    /** Asked before facts are gathered that cost something. */
    tells: (level: LogLevel) => boolean
  }>

const ofLevels = (line: (level: LogLevel) => LogLine): Logger => ({
  debug: line('debug'),
  info: line('info'),
  warn: line('warn'),
  error: line('error'),
})

const silence: LogLine = () => undefined

/** Nothing below `from`; a logger that throws costs nobody anything but the line. */
export const levelled = (logger: Logger, from: LogLevel): LevelledLogger => {
  const tells = (level: LogLevel): boolean => LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(from)
  const line = (level: LogLevel): LogLine => {
    if (!tells(level)) return silence
    return (event, fields) => {
      try {
        logger[level](event, fields)
      } catch {
        // There is nowhere left to say so.
      }
    }
  }
  return { ...ofLevels(line), tells }
}

/** A logger that somebody has brought, which may write texts as they are. */
export const guarded = (logger: Logger): Logger =>
  ofLevels((level) => (event, fields) => logger[level](event, harmless(fields) as LogFields))

/** The part of a console that is used, in its own order of arguments. */
export type ConsoleLike = Readonly<Record<LogLevel, (message: string, fields: object) => void>>
/** winston: the message first, then what it calls meta. */
export type WinstonLike = Readonly<Record<LogLevel, (message: string, meta: object) => unknown>>
/** pino: the fields first, then the message. */
export type PinoLike = Readonly<Record<LogLevel, (fields: object, message: string) => void>>

export const consoleLogger = (console: ConsoleLike): Logger =>
  ofLevels((level) => (event, fields) => console[level](event, fields))

export const winstonLogger = (winston: WinstonLike): Logger =>
  ofLevels((level) => (event, fields) => {
    winston[level](event, fields)
  })

export const pinoLogger = (pino: PinoLike): Logger =>
  ofLevels((level) => (event, fields) => pino[level](fields, event))
