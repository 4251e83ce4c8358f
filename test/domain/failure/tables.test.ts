// Every code, name and status that has a failure type (C1), and the words in which rules are refused.
import { isLeft, isRight } from 'fp-ts/lib/Either.js'
import { PathReporter } from 'io-ts/lib/PathReporter.js'
import { describe, expect, it } from 'vitest'
import {
  classify,
  FailureRulesCodec,
  FailureTypeCodec,
  failureMessage,
  failureRules,
  ruleFor,
} from '../../../domain/failure/index.js'
import { exponential, fixed } from '../../../domain/retry/index.js'

const codes: Readonly<Record<string, string>> = {
  NETWORK: `ECONNREFUSED ECONNRESET ECONNABORTED ENOTFOUND EAI_AGAIN EAI_FAIL EAI_NODATA EPIPE ENETUNREACH ENETDOWN
    ENETRESET EHOSTUNREACH EHOSTDOWN ENOTCONN EADDRNOTAVAIL EPROTO ERR_SOCKET_CLOSED ERR_STREAM_PREMATURE_CLOSE
    UND_ERR_SOCKET UND_ERR_CLOSED`,
  TIMEOUT: `ETIMEDOUT ESOCKETTIMEDOUT ETIME ABORT_ERR ERR_SOCKET_CONNECTION_TIMEOUT UND_ERR_CONNECT_TIMEOUT
    UND_ERR_HEADERS_TIMEOUT UND_ERR_BODY_TIMEOUT UND_ERR_ABORTED 57014`,
  RESOURCE: `ENOSPC EDQUOT EMFILE ENFILE ENOMEM ENOBUFS EAGAIN ERR_WORKER_OUT_OF_MEMORY SQLITE_FULL SQLITE_NOMEM
    ER_CON_COUNT_ERROR ER_DISK_FULL ER_OUT_OF_RESOURCES 53100 53200 53300`,
  DATABASE: `PROTOCOL_CONNECTION_LOST PROTOCOL_SEQUENCE_TIMEOUT SQLITE_BUSY SQLITE_CORRUPT ER_LOCK_DEADLOCK 03000 08006
    09000 0A000 0B000 0D000 0F000 0L000 0P000 0Z000 20000 21000 24000 25001 26000 27000 28P01 2B000 2D000 2F000 34000
    38000 39000 3B000 3D000 3F000 40001 42P01 44000 54000 55P03 57P01 58000 72000 F0000 HV000 HY000 P0001 XX000`,
  VALIDATION: `ER_DUP_ENTRY ER_BAD_NULL_ERROR ER_DATA_TOO_LONG ER_WARN_DATA_OUT_OF_RANGE ER_NO_REFERENCED_ROW_2
    ER_ROW_IS_REFERENCED_2 ER_CHECK_CONSTRAINT_VIOLATED ER_TRUNCATED_WRONG_VALUE ER_TRUNCATED_WRONG_VALUE_FOR_FIELD
    SQLITE_MISMATCH SQLITE_TOOBIG SQLITE_CONSTRAINT SQLITE_CONSTRAINT_UNIQUE 22001 23505`,
  UNKNOWN: 'ENOENT EPERM 50001 99999 4000 400011 40-01 sqlite_busy XER_DUP',
}
const every = Object.entries(codes).flatMap(([type, list]) =>
  list.split(/\s+/).map((code) => [code, type] as const),
)

describe('C1: what has a failure type', () => {
  it.each(every)('the code %s is %s, as code and as sqlState', (code, type) => {
    expect(classify({ code })).toBe(type)
    expect(classify({ sqlState: code })).toBe(type)
  })

  it.each([
    ['AbortError', 'TIMEOUT'],
    ['HeadersTimeoutError', 'TIMEOUT'],
    ['TimeoutErrorOfMine', 'UNKNOWN'],
    ['ZodError', 'VALIDATION'],
    ['MyValidationError', 'VALIDATION'],
    ['MongoError', 'DATABASE'],
    ['PrismaClientKnownRequestError', 'DATABASE'],
    ['SequelizeConnectionError', 'DATABASE'],
    ['NotMongo', 'UNKNOWN'],
  ])('the name %s is %s', (name, type) => {
    expect(classify({ name })).toBe(type)
  })

  it.each([
    [399, 'UNKNOWN'],
    [400, 'VALIDATION'],
    [499, 'VALIDATION'],
    [500, 'UNKNOWN'],
    [408, 'TIMEOUT'],
    [504, 'TIMEOUT'],
    [502, 'NETWORK'],
    [423, 'RESOURCE'],
    [429, 'RESOURCE'],
    [503, 'RESOURCE'],
    [507, 'RESOURCE'],
    [409, 'UNKNOWN'],
    [425, 'UNKNOWN'],
  ])('the HTTP status %i is %s, and its text is nothing', (status, type) => {
    expect(classify({ status })).toBe(type)
    expect(classify({ status: String(status) })).toBe('UNKNOWN')
  })

  it('the code is asked before the name, the name before the status, the status before the one of the response', () => {
    const all = { code: 'EPIPE', name: 'ZodError', status: 503, response: { status: 408 } }
    expect(classify(all)).toBe('NETWORK')
    expect(classify({ ...all, code: 'OWN' })).toBe('VALIDATION')
    expect(classify({ ...all, code: '', name: 'Error' })).toBe('RESOURCE')
    expect(classify({ ...all, code: 7, name: '', status: 409 })).toBe('TIMEOUT')
  })

  it('of a chain of causes the first eight are asked', () => {
    const wrapped = (times: number): unknown =>
      Array.from({ length: times }).reduce<unknown>((cause) => ({ cause }), { code: 'EPIPE' })
    expect(classify(wrapped(7))).toBe('NETWORK')
    expect(classify(wrapped(8))).toBe('UNKNOWN')
    expect(classify({ cause: null, errors: [{ code: 'EPIPE' }] })).toBe('NETWORK')
  })
})

describe('C1: rules', () => {
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`F${n}`, fixed()]))
  const told = (rules: unknown) => PathReporter.report(FailureRulesCodec.decode(rules))

  it('are refused in words', () => {
    expect(told([])).toEqual(['Failure rules are an object of retry policies.'])
    expect(told(null)).toEqual(['Failure rules are an object of retry policies.'])
    expect(told(many(101))).toEqual(['Found 101 failure types, accepted are at most 100.'])
    expect(told({ network: fixed() })).toEqual([
      'Failure type "network": accepted is a capital letter, then up to 63 capital letters, digits and "_".',
    ])
    expect(() => failureRules(many(101))).toThrow('Found 101 failure types')
    expect(() => failureRules({ network: fixed() })).toThrow(RangeError)
    expect(PathReporter.report(FailureTypeCodec.decode('network'))).toEqual([
      'A failure type is a capital letter, then up to 63 capital letters, digits and "_".',
    ])
  })

  it('are accepted up to a hundred, with names of up to 64 characters', () => {
    expect(isRight(FailureRulesCodec.decode(many(100)))).toBe(true)
    expect(FailureRulesCodec.is(many(100))).toBe(true)
    expect(isRight(FailureTypeCodec.decode(`A${'B'.repeat(63)}`))).toBe(true)
    expect(isLeft(FailureTypeCodec.decode(`A${'B'.repeat(64)}`))).toBe(true)
  })

  it('are not anything else', () => {
    for (const wrong of [null, [], 5, many(101), { network: fixed() }, { NETWORK: { kind: 'fixed' } }]) {
      expect(FailureRulesCodec.is(wrong)).toBe(false)
    }
  })

  it('fall back on UNKNOWN, and on three retries where not even that has one', () => {
    expect(ruleFor({ UNKNOWN: fixed({ delayMs: 9 }) }, 'OWN')).toEqual(fixed({ delayMs: 9 }))
    expect(ruleFor({ UNKNOWN: fixed({ delayMs: 9 }) }, 'constructor')).toEqual(fixed({ delayMs: 9 }))
    expect(ruleFor({}, 'OWN')).toEqual(exponential({ retriesMax: 3 }))
  })
})

describe('C1: the text of a failure', () => {
  it.each([
    ['', 'a thrown empty string'],
    ['boom', 'boom'],
    [null, 'null'],
    [undefined, 'undefined'],
    [7, '7'],
    [{}, 'a thrown object'],
    [() => 1, 'a thrown function'],
    [{ code: 'E1' }, 'E1'],
    [{ name: 'Odd', code: 'E1' }, 'Odd'],
    [new Error('plain'), 'plain'],
    [new TypeError('typed'), 'TypeError: typed'],
    [new Error('outer', { cause: new Error('inner') }), 'outer: inner'],
    [new Error('outer: inner', { cause: new Error('inner') }), 'outer: inner'],
  ])('of %j is %j', (thrown, text) => {
    expect(failureMessage(thrown)).toBe(text)
  })

  it('ends with an ellipsis where it was cut, if there is room for one', () => {
    expect(failureMessage('abcdef', 6)).toBe('abcdef')
    expect(failureMessage('abcdefg', 6)).toBe('abc…')
    expect(failureMessage('abcdefg', 3)).toBe('…')
    expect(failureMessage('abcdefg', 2)).toBe('ab')
    expect(failureMessage('żżżż', 7)).toBe('żż…')
  })
})
