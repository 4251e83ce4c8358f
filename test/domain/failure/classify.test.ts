import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { classify, composeClassifiers, isFailureType } from '../../../domain/failure/index.js'

const coded = (code: string) => Object.assign(new Error('x'), { code })
const named = (name: string) => Object.assign(new Error('x'), { name })
const http = (status: number) => Object.assign(new Error('x'), { status })

describe('C1 the default classifier', () => {
  it.each([
    ['ECONNREFUSED', 'NETWORK'],
    ['ECONNRESET', 'NETWORK'],
    ['ENOTFOUND', 'NETWORK'],
    ['EAI_AGAIN', 'NETWORK'],
    ['EPIPE', 'NETWORK'],
    ['UND_ERR_SOCKET', 'NETWORK'],
    ['ETIMEDOUT', 'TIMEOUT'],
    ['UND_ERR_HEADERS_TIMEOUT', 'TIMEOUT'],
    ['57014', 'TIMEOUT'],
    ['40001', 'DATABASE'],
    ['08006', 'DATABASE'],
    ['42P01', 'DATABASE'],
    ['57P01', 'DATABASE'],
    ['ER_LOCK_DEADLOCK', 'DATABASE'],
    ['SQLITE_BUSY', 'DATABASE'],
    ['23505', 'VALIDATION'],
    ['ER_DUP_ENTRY', 'VALIDATION'],
    ['SQLITE_CONSTRAINT_UNIQUE', 'VALIDATION'],
    ['53300', 'RESOURCE'],
    ['SQLITE_FULL', 'RESOURCE'],
    ['ENOSPC', 'RESOURCE'],
    ['EMFILE', 'RESOURCE'],
    ['ENOMEM', 'RESOURCE'],
    ['ENOENT', 'UNKNOWN'],
    ['EPERM', 'UNKNOWN'],
    ['P2002', 'UNKNOWN'],
    ['50001', 'UNKNOWN'],
  ])('code %s is %s', (code, type) => {
    expect(classify(coded(code))).toBe(type)
  })

  it.each([
    ['AbortError', 'TIMEOUT'],
    ['TimeoutError', 'TIMEOUT'],
    ['ConnectTimeoutError', 'TIMEOUT'],
    ['ZodError', 'VALIDATION'],
    ['ValidationError', 'VALIDATION'],
    ['PrismaClientValidationError', 'VALIDATION'],
    ['MongoServerError', 'DATABASE'],
    ['TypeError', 'UNKNOWN'],
    ['SyntaxError', 'UNKNOWN'],
  ])('an error named %s is %s', (name, type) => {
    expect(classify(named(name))).toBe(type)
  })

  it.each([
    [400, 'VALIDATION'],
    [404, 'VALIDATION'],
    [408, 'TIMEOUT'],
    [409, 'UNKNOWN'],
    [422, 'VALIDATION'],
    [429, 'RESOURCE'],
    [500, 'UNKNOWN'],
    [502, 'NETWORK'],
    [503, 'RESOURCE'],
    [504, 'TIMEOUT'],
    [200, 'UNKNOWN'],
  ])('HTTP status %i is %s, wherever the client library keeps it', (status, type) => {
    expect(classify(http(status))).toBe(type)
    expect(classify({ statusCode: status })).toBe(type)
    expect(classify({ response: { status } })).toBe(type)
    expect(classify({ response: { statusCode: status } })).toBe(type)
  })

  it('what AbortSignal.timeout throws is TIMEOUT', () => {
    expect(classify(new DOMException('The operation was aborted due to timeout', 'TimeoutError'))).toBe(
      'TIMEOUT',
    )
    expect(classify(new DOMException('This operation was aborted', 'AbortError'))).toBe('TIMEOUT')
  })

  it('the cause decides where the wrapper says nothing, as in a failed fetch', () => {
    expect(classify(new TypeError('fetch failed', { cause: coded('ECONNREFUSED') }))).toBe('NETWORK')
    expect(classify(new AggregateError([coded('ETIMEDOUT'), coded('ECONNREFUSED')]))).toBe('TIMEOUT')
    expect(classify(Object.assign(new Error('x', { cause: coded('EPIPE') }), { status: 503 }))).toBe(
      'RESOURCE',
    )
  })

  it('a failureType on the error wins over everything else it says', () => {
    expect(classify(Object.assign(coded('ECONNREFUSED'), { failureType: 'BUSINESS' }))).toBe('BUSINESS')
    expect(classify({ failureType: 'OUT_OF_STOCK' })).toBe('OUT_OF_STOCK')
  })

  it('a failureType that is no failure type is ignored', () => {
    for (const failureType of ['lower', '', 'A'.repeat(65), 7, null, '__proto__']) {
      expect(classify(Object.assign(coded('EPIPE'), { failureType }))).toBe('NETWORK')
    }
  })

  it('never throws and always answers a failure type, whatever was thrown', () => {
    fc.assert(fc.property(fc.anything(), (thrown) => isFailureType(classify(thrown))))
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const hostile = {
      get code(): string {
        throw new Error('no')
      },
    }
    const loop: { cause?: unknown } = {}
    loop.cause = loop
    for (const thrown of [
      proxy,
      hostile,
      loop,
      Object.create(null),
      undefined,
      null,
      'ECONNREFUSED',
      Symbol('s'),
    ]) {
      expect(classify(thrown)).toBe('UNKNOWN')
    }
  })
})

describe('C1 classifiers of users', () => {
  const outOfStock = composeClassifiers((error) => (error === 'empty' ? 'OUT_OF_STOCK' : undefined))

  it("the user's opinion comes first, the default answers the rest", () => {
    expect(outOfStock('empty')).toBe('OUT_OF_STOCK')
    expect(outOfStock(coded('EPIPE'))).toBe('NETWORK')
  })

  it('compose with each other', () => {
    const both = composeClassifiers((error) => (error === 'late' ? 'TOO_LATE' : undefined), outOfStock)
    expect(['late', 'empty', 'else'].map(both)).toEqual(['TOO_LATE', 'OUT_OF_STOCK', 'UNKNOWN'])
  })

  it('one that throws, or answers nonsense, does not hide the failure', () => {
    const throwing = composeClassifiers(() => {
      throw new Error('mistake')
    })
    expect(throwing(coded('EPIPE'))).toBe('NETWORK')
    expect(composeClassifiers(() => 'not a type')(coded('EPIPE'))).toBe('NETWORK')
  })
})
