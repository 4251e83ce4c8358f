// A message's history as a person reads it: when, since it was enqueued, what, and the facts that matter.
import type { HistoryEntry } from '../api/types/index.js'

type Fields = Readonly<Record<string, unknown>>

const TEXT_CHARS_MAX = 80
const TYPE_CHARS = 20

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Of interest to whoever reads why a message is where it is; the rest is for machines. */
const TOLD = [
  'attempt',
  'worker',
  'failureType',
  'message',
  'ended',
  'delayMs',
  'retryAt',
  'reason',
  'zone',
  'gate',
  'cause',
]

const short = (value: unknown): string => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > TEXT_CHARS_MAX ? `${line.slice(0, TEXT_CHARS_MAX - 1)}…` : line
}

const factsOf = ({ type, data }: HistoryEntry): string => {
  if (!isFields(data)) return ''
  const told = TOLD.filter((name) => data[name] !== undefined && data[name] !== null && data[name] !== '')
  const facts = told.map((name) => `${name}=${short(data[name])}`)
  if (type === 'MessageEnqueued' || type === 'MessageEdited') facts.unshift(`payload=${short(data.payload)}`)
  return facts.join('  ')
}

export const historyLines = (history: ReadonlyArray<HistoryEntry>): ReadonlyArray<string> => {
  const startMs = Date.parse(history[0]?.at ?? '')
  const times = history.map(({ at }) => `+${Date.parse(at) - startMs} ms`)
  const width = Math.max(0, ...times.map(({ length }) => length))
  return history.map((entry, index) =>
    `  ${(times[index] ?? '').padEnd(width)}  ${entry.type.padEnd(TYPE_CHARS)}  ${factsOf(entry)}`.trimEnd(),
  )
}
