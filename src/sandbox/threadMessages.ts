// What goes between a pool and its threads (D12). Structured clone keeps neither an error's own fields nor symbols, so errors
// and the outcomes that handlers return are written out field by field here, and built anew on the other side.
import { causesOf, fieldOf, textOf } from '../../domain/failure/thrown.js'
import type { Message } from '../api/types/index.js'

/** As any handler gets it; its payload is cloned on the way. */
export type SandboxMessage = Message<unknown>

/** What a handler in a thread is told of its attempt. No signal: at the time limit its thread is ended. */
export type SandboxContext = Readonly<{ attempt: number; leaseToken: string; inDoubt: boolean }>

export type ToThread = Readonly<{ run: number; message: SandboxMessage; context: SandboxContext }>

export type WrittenError = Readonly<{
  name: string
  message: string
  stack: string | undefined
  fields: Readonly<Record<string, string | number | boolean>>
  responseStatus: number | undefined
}>

export type FromThread =
  | Readonly<{ kind: 'loaded' }>
  | Readonly<{ kind: 'notLoaded'; reason: string }>
  /** `json` undefined = a result that is none, or too large to be kept. */
  | Readonly<{ kind: 'returned'; run: number; json: string | undefined }>
  | Readonly<{ kind: 'wished'; run: number; wish: Readonly<Record<string, unknown>> }>
  /** What was thrown, then its causes. */
  | Readonly<{ kind: 'threw'; run: number; errors: ReadonlyArray<WrittenError> }>

export type ThreadData = Readonly<{
  module: string
  exportName: string | undefined
  /** Larger results are not kept, in characters of JSON. */
  resultCharsMax: number
  port: import('node:worker_threads').MessagePort
  /** Becomes 1 when the first message stands on the port, or none will: the pool waits on it while it opens. */
  loaded: SharedArrayBuffer
}>

/** What the classifier looks at. */
const FIELDS = ['code', 'sqlState', 'failureType', 'retryable', 'status', 'statusCode'] as const
const STACK_CHARS_MAX = 4_096

const writtenError = (thrown: unknown): WrittenError => {
  const fields: Record<string, string | number | boolean> = {}
  for (const field of FIELDS) {
    const value = fieldOf(thrown, field)
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      fields[field] = value
  }
  const response = fieldOf(thrown, 'response')
  const status = fieldOf(response, 'status') ?? fieldOf(response, 'statusCode')
  return {
    name: textOf(thrown, 'name') ?? 'Error',
    message: textOf(thrown, 'message') ?? asText(thrown),
    stack: textOf(thrown, 'stack')?.slice(0, STACK_CHARS_MAX),
    fields,
    responseStatus: typeof status === 'number' ? status : undefined,
  }
}

const asText = (thrown: unknown): string => {
  if (thrown instanceof Error) return ''
  try {
    return String(thrown)
  } catch {
    return 'something that has no text was thrown'
  }
}

export const writtenErrors = (thrown: unknown): ReadonlyArray<WrittenError> =>
  causesOf(thrown).map(writtenError)

export const errorFrom = (written: ReadonlyArray<WrittenError>): Error => {
  let cause: Error | undefined
  for (const { name, message, stack, fields, responseStatus } of [...written].reverse()) {
    const error: Error = new Error(message, cause === undefined ? {} : { cause })
    Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
    if (stack !== undefined) error.stack = stack
    Object.assign(error, fields, responseStatus === undefined ? {} : { response: { status: responseStatus } })
    cause = error
  }
  return cause ?? new Error('nothing was thrown')
}

const OUTCOME: unique symbol = Symbol.for('ledgerq.outcome') as never

/** JSON that can be kept as a result, as it would be kept without a thread. */
const resultJson = (value: unknown, charsMax: number): string | undefined => {
  try {
    const text: string | undefined = JSON.stringify(value)
    return text !== undefined && text.length <= charsMax ? text : undefined
  } catch {
    return undefined
  }
}

export const writtenValue = (run: number, value: unknown, charsMax: number): FromThread => {
  if (typeof value !== 'object' || value === null || !(OUTCOME in value))
    return { kind: 'returned', run, json: resultJson(value, charsMax) }
  const { result, ...wish } = Object.fromEntries(Object.entries(value))
  const json = resultJson(result, charsMax)
  return { kind: 'wished', run, wish: json === undefined ? wish : { ...wish, result: JSON.parse(json) } }
}

export const wishFrom = (wish: Readonly<Record<string, unknown>>): unknown => ({ ...wish, [OUTCOME]: true })
