// From what went wrong to a problem document (RFC 9457) with a stable code. Only refusals speak for themselves: the text
// of a fault or a defect may hold a path, a host or a stack, so those get a fixed sentence each.
import { isLedgerqError, NotFoundError, UnavailableError, UnknownOutcomeError } from '../api/errors.js'
import type { Fault } from './closedRecord.js'
import { RETRY_AFTER_SECONDS } from './limits.js'

export type Problem = Readonly<{
  /** `urn:ledgerq:<code>`: names the kind of problem, and needs no server that explains it. */
  type: string
  title: string
  status: number
  code: string
  detail: string
  /** What is wrong in the request, field by field. */
  faults?: ReadonlyArray<Fault>
  /** The figures of a refusal: sizes, limits, who holds a lease. */
  details?: Readonly<Record<string, unknown>>
}>

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not authenticated',
  403: 'Forbidden',
  404: 'Not found',
  408: 'Request timeout',
  409: 'Conflict',
  413: 'Too large',
  415: 'Unsupported media type',
  421: 'Elsewhere',
  422: 'Refused',
  429: 'Too much at once',
  431: 'Headers too large',
  500: 'Internal error',
  503: 'Unavailable',
  504: 'Outcome unknown',
}

/** A request that the server itself turns down, before the ledger hears of it. */
export class HttpProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly faults?: ReadonlyArray<Fault>,
  ) {
    super(detail)
    this.name = 'HttpProblem'
  }
}

/** Refusals that are no plain 422. A code that is missing here is one: the call was understood and turned down. */
const STATUS_BY_CODE: ReadonlyMap<string, number> = new Map([
  ['message_exists', 409],
  ['lease_not_held', 409],
  ['message_not_claimable', 409],
  ['message_not_cancellable', 409],
  ['message_not_dead', 409],
  ['message_not_editable', 409],
  ['message_not_purgeable', 409],
  ['message_changed', 409],
  ['message_not_expired', 409],
  ['queue_elsewhere', 421],
  ['queue_exists', 409],
  ['queue_not_empty', 409],
  ['queue_deleted', 409],
  ['too_many_resizes', 409],
  ['cluster_too_old', 409],
  ['queue_full', 429],
  ['load_shed', 429],
  ['overloaded', 429],
  ['batch_too_large', 413],
  ['payload_too_large', 413],
])

export const problemOf = (
  status: number,
  code: string,
  detail: string,
  more: Pick<Problem, 'faults' | 'details'> = {},
): Problem => ({
  type: `urn:ledgerq:${code}`,
  title: TITLES[status] ?? 'Problem',
  status,
  code,
  detail,
  ...more,
})

/** What Fastify refuses by itself. */
const BY_FASTIFY_CODE: ReadonlyMap<
  string,
  Readonly<{ status: number; code: string; detail: string }>
> = new Map([
  ['FST_ERR_CTP_BODY_TOO_LARGE', { status: 413, code: 'body_too_large', detail: 'The body is too large.' }],
  [
    'FST_ERR_CTP_INVALID_MEDIA_TYPE',
    { status: 415, code: 'unsupported_media_type', detail: 'Bodies are application/json.' },
  ],
  [
    'FST_ERR_CTP_INVALID_CONTENT_LENGTH',
    { status: 400, code: 'malformed_request', detail: 'The body is not as long as Content-Length says.' },
  ],
  ['FST_ERR_BAD_URL', { status: 400, code: 'malformed_request', detail: 'The path is not well formed.' }],
  ['FST_ERR_MAX_PARAM_LENGTH', { status: 404, code: 'not_found', detail: 'No name in a path is that long.' }],
])

export const problemFor = (error: unknown): Problem => {
  if (error instanceof HttpProblem) {
    const { status, code, message, faults } = error
    return problemOf(status, code, message, faults === undefined ? {} : { faults })
  }
  if (error instanceof UnknownOutcomeError) {
    return problemOf(
      504,
      error.code,
      'The call may or may not have been recorded. The same call with the same Idempotency-Key or id is safe.',
    )
  }
  if (error instanceof UnavailableError) {
    return problemOf(503, error.code, 'The ledger cannot take the call now; nothing of it was recorded.')
  }
  if (isLedgerqError(error)) {
    const status = error instanceof NotFoundError ? 404 : (STATUS_BY_CODE.get(error.code) ?? 422)
    const more = Object.keys(error.details).length === 0 ? {} : { details: error.details }
    return problemOf(status, error.code, error.message, more)
  }
  const known = BY_FASTIFY_CODE.get((error as { code?: string } | null)?.code ?? '')
  if (known !== undefined) return problemOf(known.status, known.code, known.detail)
  return problemOf(500, 'internal', 'The server failed to answer; its own log says why.')
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json; charset=utf-8'

export const headersOf = ({ status }: Pick<Problem, 'status'>): Readonly<Record<string, string>> => {
  if (status === 429 || status === 503) return { 'retry-after': String(RETRY_AFTER_SECONDS) }
  if (status === 401) return { 'www-authenticate': 'Bearer realm="ledgerq"' }
  return {}
}

/** Failures that say something is broken here, not in the request: worth a line in the server's own log. */
export const isOurs = (error: unknown, { status }: Problem): boolean =>
  status >= 500 && !(error instanceof HttpProblem)

/** The call was understood, but things stand otherwise than it expects. */
export const isConflict = (code: string): boolean => STATUS_BY_CODE.get(code) === 409
