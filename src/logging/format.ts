// A line of the log, as JSON for programs or as text for people. Both are one line whatever users have written.
import { harmlessJson, harmlessText } from './harmless.js'
import type { LogFields, LogLevel } from './logger.js'

export const LOG_FORMATS = ['json', 'text'] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

export type LineFormat = (atMs: number, level: LogLevel, event: string, fields: LogFields) => string

const jsonLine: LineFormat = (atMs, level, event, fields) =>
  harmlessJson({ at: new Date(atMs).toISOString(), level, event, ...fields })

const BARE = /^[\w.:/@+-]+$/

const textValue = (value: unknown): string =>
  typeof value === 'string' && BARE.test(value) ? value : harmlessJson(value)

const LEVEL_CHARS = 5

const textLine: LineFormat = (atMs, level, event, fields) => {
  const facts = Object.entries(fields).flatMap(([key, value]) =>
    value === undefined ? [] : [`${harmlessText(key)}=${textValue(value)}`],
  )
  const head = `${new Date(atMs).toISOString()} ${level.toUpperCase().padEnd(LEVEL_CHARS)} ${event}`
  return [head, ...facts].join('  ')
}

export const lineFormat = (format: LogFormat): LineFormat => (format === 'json' ? jsonLine : textLine)
