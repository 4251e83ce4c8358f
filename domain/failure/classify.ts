// From what a handler threw to a failure type (C1, C11). A table of known codes, names and HTTP states; it never reads
// message texts, which change with versions and languages. What is in no table is UNKNOWN.
//
// TypeError, ReferenceError, SyntaxError stay UNKNOWN on purpose: they are as often a bug that the next deploy repairs
// or a broken answer of another service (fetch fails with a TypeError, a proxy's error page with a SyntaxError) as a
// bad message. CRASH is never answered: who threw did not crash.
import { type BuiltInFailureType, type FailureType, isFailureType } from './failureType.js'
import { causesOf, fieldOf, textOf } from './thrown.js'

/** What a user's classifier answers; undefined = "no opinion", the next one is asked. */
export type Classifier = (error: unknown) => FailureType | undefined

type Opinion = BuiltInFailureType | undefined
const table = (
  type: BuiltInFailureType,
  codes: string,
): ReadonlyArray<readonly [string, BuiltInFailureType]> =>
  codes.split(' ').map((code) => [code, type] as const)

// Node system errors, undici (UND_ERR_*), and the codes of mysql drivers and SQLite that differ from their family.
const BY_CODE: ReadonlyMap<string, BuiltInFailureType> = new Map([
  ...table('NETWORK', 'ECONNREFUSED ECONNRESET ECONNABORTED ENOTFOUND EAI_AGAIN EAI_FAIL EAI_NODATA EPIPE'),
  ...table('NETWORK', 'ENETUNREACH ENETDOWN ENETRESET EHOSTUNREACH EHOSTDOWN ENOTCONN EADDRNOTAVAIL EPROTO'),
  ...table('NETWORK', 'ERR_SOCKET_CLOSED ERR_STREAM_PREMATURE_CLOSE UND_ERR_SOCKET UND_ERR_CLOSED'),
  ...table('TIMEOUT', 'ETIMEDOUT ESOCKETTIMEDOUT ETIME ABORT_ERR ERR_SOCKET_CONNECTION_TIMEOUT'),
  ...table('TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT UND_ERR_HEADERS_TIMEOUT UND_ERR_BODY_TIMEOUT UND_ERR_ABORTED'),
  ...table('RESOURCE', 'ENOSPC EDQUOT EMFILE ENFILE ENOMEM ENOBUFS EAGAIN ERR_WORKER_OUT_OF_MEMORY'),
  ...table('RESOURCE', 'SQLITE_FULL SQLITE_NOMEM ER_CON_COUNT_ERROR ER_DISK_FULL ER_OUT_OF_RESOURCES'),
  ...table('DATABASE', 'PROTOCOL_CONNECTION_LOST PROTOCOL_SEQUENCE_TIMEOUT'),
  // Data that a database refuses will be refused again, and must not open the circuit of the database for others.
  ...table('VALIDATION', 'ER_DUP_ENTRY ER_BAD_NULL_ERROR ER_DATA_TOO_LONG ER_WARN_DATA_OUT_OF_RANGE'),
  ...table('VALIDATION', 'ER_NO_REFERENCED_ROW_2 ER_ROW_IS_REFERENCED_2 ER_CHECK_CONSTRAINT_VIOLATED'),
  ...table(
    'VALIDATION',
    'ER_TRUNCATED_WRONG_VALUE ER_TRUNCATED_WRONG_VALUE_FOR_FIELD SQLITE_MISMATCH SQLITE_TOOBIG',
  ),
])

// SQLSTATE classes of the SQL standard and PostgreSQL. A list, not a pattern: codes such as EPIPE, P2002 (Prisma) or
// an application's own 50001 also have five characters.
const SQLSTATE = /^[0-9A-Z]{5}$/
const SQLSTATE_CLASS: ReadonlyMap<string, BuiltInFailureType> = new Map([
  ...table('DATABASE', '03 08 09 0A 0B 0D 0F 0L 0P 0Z 20 21 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F'),
  ...table('DATABASE', '40 42 44 54 55 57 58 72 F0 HV HY P0 XX'),
  // 22 data exception, 23 integrity constraint.
  ...table('VALIDATION', '22 23'),
  // 53 insufficient resources: disk full, out of memory, too many connections.
  ...table('RESOURCE', '53'),
])
/** PostgreSQL's query_canceled: what a statement timeout answers. */
const SQLSTATE_QUERY_CANCELLED = '57014'

const ofCode = (code: string): Opinion => {
  const known = BY_CODE.get(code)
  if (known !== undefined) return known
  if (code.startsWith('SQLITE_CONSTRAINT')) return 'VALIDATION'
  if (code.startsWith('SQLITE_') || code.startsWith('ER_')) return 'DATABASE'
  if (code === SQLSTATE_QUERY_CANCELLED) return 'TIMEOUT'
  return SQLSTATE.test(code) ? SQLSTATE_CLASS.get(code.slice(0, 2)) : undefined
}

const ofName = (name: string): Opinion => {
  if (name === 'AbortError' || name.endsWith('TimeoutError')) return 'TIMEOUT'
  if (name === 'ZodError' || name.endsWith('ValidationError')) return 'VALIDATION'
  return /^(?:Mongo|Prisma|Sequelize)/.test(name) ? 'DATABASE' : undefined
}

const ofHttpStatus = (status: unknown): Opinion => {
  if (typeof status !== 'number') return undefined
  switch (status) {
    case 408:
    case 504:
      return 'TIMEOUT'
    case 502:
      return 'NETWORK'
    case 423:
    case 429:
    case 503:
    case 507:
      return 'RESOURCE'
    case 409:
    case 425:
      // A conflict, or "too early": the same request may well succeed later, and no type says just that.
      return undefined
  }
  // The other 4xx say that the request itself is wrong. The other 5xx say nothing about what would help: UNKNOWN.
  return status >= 400 && status < 500 ? 'VALIDATION' : undefined
}

const ofOne = (thrown: unknown): FailureType | undefined => {
  const stated = fieldOf(thrown, 'failureType')
  if (isFailureType(stated)) return stated
  const code = textOf(thrown, 'code') ?? textOf(thrown, 'sqlState')
  const response = fieldOf(thrown, 'response')
  return (
    (code === undefined ? undefined : ofCode(code)) ??
    ofName(textOf(thrown, 'name') ?? '') ??
    ofHttpStatus(fieldOf(thrown, 'status') ?? fieldOf(thrown, 'statusCode')) ??
    ofHttpStatus(fieldOf(response, 'status') ?? fieldOf(response, 'statusCode'))
  )
}

/**
 * The default classifier: total, pure, never throws. Each error of the cause chain is asked, outermost first, for its
 * own `failureType` property, its code, its name, its HTTP status; the first opinion counts.
 */
export const classify = (error: unknown): FailureType => {
  for (const thrown of causesOf(error)) {
    const opinion = ofOne(thrown)
    if (opinion !== undefined) return opinion
  }
  return 'UNKNOWN'
}

/**
 * The user's classifier first, then ours. One that throws, or answers what is no failure type, has no opinion: a
 * mistake in it must not hide the failure it was asked about.
 */
export const composeClassifiers =
  (user: Classifier, fallback: (error: unknown) => FailureType = classify) =>
  (error: unknown): FailureType => {
    try {
      const opinion: unknown = user(error)
      if (isFailureType(opinion)) return opinion
    } catch {
      // Fall through: see above.
    }
    return fallback(error)
  }
