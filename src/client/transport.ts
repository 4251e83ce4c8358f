// One HTTP call, and what its failure means. The server's problem documents become the same error classes as in process;
// for everything without one the question is whether the request can have been recorded: not if it never left, or if it
// only reads; otherwise the outcome is unknown, also where the same call with the same id or key is safe (I1).

import { isFields } from '../../domain/storedFields.js'
import {
  type LedgerqError,
  NotFoundError,
  RefusedError,
  UnavailableError,
  UnknownOutcomeError,
} from '../api/errors.js'
import { type Exchange, ExchangeFailed, httpExchange, type Outgoing, type Reply } from './httpExchange.js'

export type ClientOptions = Readonly<{
  /** Where the server listens: `http://127.0.0.1:7654`. Several nodes of a cluster stand with commas between them, or in `urls`. */
  url?: string
  /** One after the other when one cannot be reached, or takes no calls now. */
  urls?: ReadonlyArray<string>
  token?: string | undefined
  /** A call without an answer after this is given up; the wait of a long poll comes on top. Default 30 s. */
  timeoutMs?: number
}>

export type CallOptions = Readonly<{
  body?: unknown
  /** A body that is JSON text already. */
  bodyText?: string
  query?: Readonly<Record<string, string | number | undefined>>
  waitMs?: number
  signal?: AbortSignal
  /** It changes nothing, so a lost answer is no unknown outcome. Default: for GET. */
  readsOnly?: boolean
}>

export type Transport = Readonly<{
  call: (method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, options?: CallOptions) => Promise<unknown>
  /** Closes the connections that nobody uses now; later calls open new ones. */
  closeIdle: () => void
}>

const DEFAULT_TIMEOUT_MS = 30_000

export class UnauthorizedError extends RefusedError {}

type Server = Readonly<{ base: string; prefix: string; exchange: Exchange }>

const serverAt = (given: string): Server => {
  const url = baseOf(given)
  const prefix = url.pathname.replace(/\/+$/, '')
  return { base: url.origin + prefix, prefix, exchange: httpExchange(url) }
}

const addressesOf = ({ url, urls }: ClientOptions): ReadonlyArray<string> => {
  const given = urls ?? (typeof url === 'string' ? url.split(',').map((one) => one.trim()) : [url])
  return given.length === 0 ? [''] : (given as ReadonlyArray<string>)
}

export const transport = (options: ClientOptions): Transport => {
  const servers = addressesOf(options).map(serverAt)
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  const headers = {
    accept: 'application/json',
    ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
  }
  const headersWithBody = { ...headers, 'content-type': 'application/json' }
  /** The one that answered last. */
  let present = 0

  const askOne = async (server: Server, outgoing: Outgoing, readsOnly: boolean): Promise<unknown> => {
    let reply: Reply
    try {
      reply = await server.exchange.send({ ...outgoing, path: server.prefix + outgoing.path })
    } catch (error) {
      throw lostConnection(error, readsOnly, server.base)
    }
    return answerOf(reply, readsOnly)
  }

  return {
    closeIdle: () => {
      for (const { exchange } of servers) exchange.closeIdle()
    },
    call: async (method, path, call = {}) => {
      const readsOnly = call.readsOnly ?? method === 'GET'
      const body = call.bodyText ?? (call.body === undefined ? undefined : JSON.stringify(call.body))
      const outgoing: Outgoing = {
        method,
        path: path + queryOf(call.query),
        headers: body === undefined ? headers : headersWithBody,
        body,
        timeoutMs: timeoutMs + (call.waitMs ?? 0),
        signal: call.signal,
      }
      for (let tries = servers.length; ; tries--) {
        const asked = present
        try {
          return await askOne(servers[asked] as Server, outgoing, readsOnly)
        } catch (error) {
          // Nothing was recorded, which is what makes asking another one safe.
          const isDefinite = error instanceof UnavailableError
          // One that does not answer may be frozen: the next call need not wait for it, too.
          const isLost = isDefinite || error instanceof UnknownOutcomeError
          if (isLost && present === asked) present = (asked + 1) % servers.length
          if (!isDefinite || tries === 1 || call.signal?.aborted === true) throw error
        }
      }
    },
  }
}

const baseOf = (url: string): URL => {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    throw new RangeError(
      `url: found ${JSON.stringify(url)}, accepted is http://host:port or https://host:port`,
    )
  }
  return parsed
}

const queryOf = (query: CallOptions['query'] = {}): string => {
  const given = Object.entries(query).flatMap(
    ([name, value]): Array<[string, string]> => (value === undefined ? [] : [[name, String(value)]]),
  )
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`
}

const lostConnection = (error: unknown, readsOnly: boolean, base: string): LedgerqError => {
  if (!(error instanceof ExchangeFailed)) throw error
  const { message: why, neverLeft } = error
  if (neverLeft) return new UnavailableError(`no server answers at ${base} (${why})`)
  if (readsOnly) return new UnavailableError(`the connection to ${base} was lost (${why})`)
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

const answerOf = ({ status, text }: Reply, readsOnly: boolean): unknown => {
  const body = text === '' ? undefined : parsed(text)
  const isOk = status >= 200 && status < 300
  if (isOk && (body !== undefined || status === 204)) return body
  if (isFields(body) && typeof body.code === 'string') throw problemError(status, body)
  const what = `status ${status} without a problem document: is this a ledgerq server?`
  // A gateway in between may have passed the request on.
  if (isOk || (status >= 500 && status !== 503)) {
    throw readsOnly ? new UnavailableError(what) : new UnknownOutcomeError(what)
  }
  throw status === 503 ? new UnavailableError(what) : new RefusedError('unexpected_reply', what)
}

/** The error class that a problem document stands for. */
export const problemError = (status: number, body: Readonly<Record<string, unknown>>): LedgerqError => {
  const code = String(body.code)
  const message = typeof body.detail === 'string' ? body.detail : code
  const details = {
    ...(isFields(body.details) ? body.details : {}),
    ...(Array.isArray(body.faults) ? { faults: body.faults } : {}),
  }
  if (code === 'unknown_outcome') return new UnknownOutcomeError(message, details)
  // A defect of the server may have come after the append.
  if (status === 500) return new UnknownOutcomeError(message, details)
  if (status === 503) return new UnavailableError(message, details)
  if (status === 401 || status === 403) return new UnauthorizedError(code, message, details)
  if (status === 404) return new NotFoundError(code, message, details)
  return new RefusedError(code, message, details)
}
