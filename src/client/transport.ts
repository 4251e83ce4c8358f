// One HTTP call, and what its failure means. The server's problem documents become the same error classes as in process;
// for everything without one the question is whether the request can have been recorded: not if it never left, or if it
// only reads; otherwise the outcome is unknown, and the same call with the same id or key is safe (I1).

import { isFields } from '../../domain/storedFields.js'
import {
  type LedgerqError,
  NotFoundError,
  RefusedError,
  UnavailableError,
  UnknownOutcomeError,
} from '../api/errors.js'

export type ClientOptions = Readonly<{
  /** Where the server listens: `http://127.0.0.1:7654`. */
  url: string
  token?: string | undefined
  /** A call without an answer after this is given up; the wait of a long poll comes on top. Default 30 s. */
  timeoutMs?: number
  /** Default: the global one, which keeps connections open. */
  fetch?: typeof fetch
}>

export type CallOptions = Readonly<{
  body?: unknown
  query?: Readonly<Record<string, string | number | undefined>>
  waitMs?: number
  signal?: AbortSignal
  /** Repeating it changes nothing, so a lost answer is no unknown outcome. Default: for GET. */
  repeatable?: boolean
}>

export type Transport = Readonly<{
  call: (method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, options?: CallOptions) => Promise<unknown>
}>

const DEFAULT_TIMEOUT_MS = 30_000

/** The request was never sent. */
const NEVER_LEFT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'EHOSTUNREACH',
])

export class UnauthorizedError extends RefusedError {}

export const transport = (options: ClientOptions): Transport => {
  const base = baseOf(options.url)
  const send = options.fetch ?? fetch
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  return {
    call: async (method, path, call = {}) => {
      const repeatable = call.repeatable ?? method === 'GET'
      const late = AbortSignal.timeout(timeoutMs + (call.waitMs ?? 0))
      const request: RequestInit = {
        method,
        redirect: 'error',
        signal: call.signal === undefined ? late : AbortSignal.any([call.signal, late]),
        headers: {
          accept: 'application/json',
          ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
        },
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      }
      let response: Response
      let text: string
      try {
        response = await send(base + path + queryOf(call.query), request)
        text = await response.text()
      } catch (error) {
        throw lostConnection(error, repeatable, base)
      }
      return answerOf(response, text, repeatable)
    },
  }
}

const baseOf = (url: string): string => {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    throw new RangeError(
      `url: found ${JSON.stringify(url)}, accepted is http://host:port or https://host:port`,
    )
  }
  return parsed.origin + parsed.pathname.replace(/\/+$/, '')
}

const queryOf = (query: CallOptions['query'] = {}): string => {
  const given = Object.entries(query).flatMap(
    ([name, value]): Array<[string, string]> => (value === undefined ? [] : [[name, String(value)]]),
  )
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`
}

const codeOf = (error: unknown): string => {
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof AggregateError) return codeOf({ cause: cause.errors[0] })
  const code = isFields(cause) || cause instanceof Error ? (cause as { code?: unknown }).code : undefined
  return typeof code === 'string' ? code : ''
}

const lostConnection = (error: unknown, repeatable: boolean, base: string): LedgerqError => {
  const code = codeOf(error)
  const why = code === '' ? (error instanceof Error ? error.message : String(error)) : code
  if (NEVER_LEFT.has(code)) return new UnavailableError(`no server answers at ${base} (${why})`)
  if (repeatable) return new UnavailableError(`the connection to ${base} was lost (${why})`)
  return new UnknownOutcomeError(
    `the connection to ${base} was lost before the answer came (${why}); repeat the call with the same id or idempotency key`,
  )
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const answerOf = (response: Response, text: string, repeatable: boolean): unknown => {
  const body = text === '' ? undefined : parsed(text)
  if (response.ok && (body !== undefined || response.status === 204)) return body
  if (isFields(body) && typeof body.code === 'string') return throwProblem(response.status, body)
  const what = `status ${response.status} without a problem document: is this a ledgerq server?`
  // A gateway in between may have passed the request on.
  if (response.ok || (response.status >= 500 && response.status !== 503)) {
    throw repeatable ? new UnavailableError(what) : new UnknownOutcomeError(what)
  }
  throw response.status === 503 ? new UnavailableError(what) : new RefusedError('unexpected_reply', what)
}

const throwProblem = (status: number, body: Readonly<Record<string, unknown>>): never => {
  const code = String(body.code)
  const message = typeof body.detail === 'string' ? body.detail : code
  const details = {
    ...(isFields(body.details) ? body.details : {}),
    ...(Array.isArray(body.faults) ? { faults: body.faults } : {}),
  }
  if (code === 'unknown_outcome') throw new UnknownOutcomeError(message, details)
  // A defect of the server may have come after the append.
  if (status === 500) throw new UnknownOutcomeError(message, details)
  if (status === 503) throw new UnavailableError(message, details)
  if (status === 401 || status === 403) throw new UnauthorizedError(code, message, details)
  if (status === 404) throw new NotFoundError(code, message, details)
  throw new RefusedError(code, message, details)
}
