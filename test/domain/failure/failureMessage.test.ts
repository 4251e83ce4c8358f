import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FAILURE_MESSAGE_BYTES_MAX, failureMessage } from '../../../domain/failure/index.js'

const bytes = (text: string): number => new TextEncoder().encode(text).length

describe('C3 the recorded text of a failure', () => {
  it('is the message, with the name where it says more than Error', () => {
    expect(failureMessage(new Error('no such order'))).toBe('no such order')
    expect(failureMessage(new RangeError('too far'))).toBe('RangeError: too far')
    expect(failureMessage('just a string')).toBe('just a string')
  })

  it('includes what caused it', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    expect(failureMessage(new TypeError('fetch failed', { cause: refused }))).toBe(
      'TypeError: fetch failed: connect ECONNREFUSED',
    )
  })

  it('says something about things that are no errors', () => {
    expect(
      [undefined, null, 7, Symbol('s'), 5n, {}, '', new Error('')].map((thrown) => failureMessage(thrown)),
    ).toEqual([
      'undefined',
      'null',
      '7',
      'Symbol(s)',
      '5',
      'a thrown object',
      'a thrown empty string',
      'Error',
    ])
  })

  it('keeps control characters, line ends, terminal escapes and direction marks out', () => {
    expect(failureMessage('a\r\nb\u001b[31mc\u0000d\u007fe\u009bf\u2028g\u202eh')).toBe(
      'a  b [31mc d e f g h',
    )
  })

  it('is cut between characters, never inside one, and says so', () => {
    expect(failureMessage('abcdef', 6)).toBe('abcdef')
    expect(failureMessage('abcdefg', 6)).toBe('abc…')
    expect(failureMessage('a🚀🚀', 8)).toBe('a🚀…')
    expect(failureMessage('ééé', 2)).toBe('é')
    expect(bytes(failureMessage('ä'.repeat(1_000_000)))).toBeLessThanOrEqual(FAILURE_MESSAGE_BYTES_MAX)
  })

  it('never throws, fits its bound, is well-formed and free of control characters, whatever was thrown', () => {
    const text = fc.string({
      unit: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\ud800', '\udc00', '\n')),
    })
    const thrown = fc.oneof(
      fc.anything(),
      text,
      text.map((message) => new Error(message)),
    )
    fc.assert(
      fc.property(thrown, fc.nat({ max: 40 }), (thrown, bytesMax) => {
        const message = failureMessage(thrown, bytesMax)
        expect(bytes(message)).toBeLessThanOrEqual(bytesMax)
        expect(message).not.toMatch(/[\p{Cs}\p{Cc}\u2028\u2029]/u)
      }),
    )
  })
})
