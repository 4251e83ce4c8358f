import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import {
  acceptJson,
  checkJsonBytes,
  checkJsonSource,
  DEFAULT_PAYLOAD_LIMITS,
  describePayloadRefusal,
  PAYLOAD_BYTES_MAX,
  PAYLOAD_DEPTH_MAX,
  PAYLOAD_KEYS_MAX,
} from '../../../domain/payload/index.js'
import { scanSource } from '../../../domain/payload/jsonSource.js'
import { nested, plainValue, smallLimits } from './arbitraries.js'

const refusalOf = (text: string) => {
  const checked = checkJsonSource(text)
  if (E.isRight(checked)) throw new Error(`accepted: ${text.slice(0, 80)}`)
  return checked.left
}
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('I10 R53 JSON text that is accepted lost nothing', () => {
  it('any JSON text, compact or spread over lines', () => {
    fc.assert(
      fc.property(plainValue, fc.constantFrom(undefined, 2, '\t'), (value, space) => {
        const text = JSON.stringify(value, null, space)
        expect(checkJsonSource(text)).toStrictEqual(E.right(value))
        expect(checkJsonBytes(bytes(text))).toStrictEqual(E.right(value))
      }),
    )
  })

  it('the quick path and the scanner answer alike on compact text', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), smallLimits, (value, limits) => {
        const text = JSON.stringify(value)
        const checked = checkJsonSource(text, limits)
        if (E.isLeft(checked) && checked.left.type === 'TooLarge') return
        expect(scanSource(text, limits)).toEqual(E.isLeft(checked) ? checked.left : undefined)
      }),
      { numRuns: 500 },
    )
  })

  it('what passes here is accepted as a value too', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const checked = checkJsonSource(text)
        if (E.isRight(checked)) expect(E.isRight(acceptJson(checked.right))).toBe(true)
      }),
    )
  })

  it.each([
    ['1.0', 1],
    ['1.50', 1.5],
    ['1E2', 100],
    ['0e5', 0],
    ['0.0', 0],
    ['9007199254740992', 2 ** 53],
    ['12345678901234568', 12345678901234568],
    ['1e23', 1e23],
    ['5e-324', 5e-324],
    ['0.10000000000000001', 0.1],
    ['-2.50e-3', -0.0025],
    ['100000000000000000000000000', 1e26],
  ])('the number %s is kept: its value counts, not its spelling', (source, value) => {
    expect(checkJsonSource(source)).toEqual(E.right(value))
  })

  it('every double survives in its shortest and its 17-digit spelling', () => {
    const double = fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .filter((value) => !Object.is(value, -0))
    fc.assert(
      fc.property(double, (value) => {
        for (const source of [String(value), value.toExponential(16), value.toPrecision(17)]) {
          expect(checkJsonSource(source)).toEqual(E.right(value))
        }
      }),
    )
  })

  it('white space, escapes and integer-like keys are no loss', () => {
    expect(checkJsonSource(' { "b" : "\\u0041\\/", "1" : [ true , null ] } ')).toEqual(
      E.right({ b: 'A/', '1': [true, null] }),
    )
    expect(checkJsonSource('{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}')).toEqual(
      E.right({ a: { a: { a: 1 } }, b: [{ a: 1 }, { a: 2 }] }),
    )
    expect(checkJsonSource('"\\ud83d\\ude80"')).toEqual(E.right('🚀'))
    expect(checkJsonSource('"\\\\ud800"')).toEqual(E.right('\\ud800'))
    expect(checkJsonSource('["\ufffd","\\u0000"]')).toEqual(E.right(['\ufffd', '\u0000']))
  })
})

describe('I10 R53 JSON text that parsing would change is refused, with the place', () => {
  it.each<[string, object]>([
    ['[1,{"id":9007199254740993}]', { type: 'NumberNotKept', path: '/1/id', found: '9007199254740993' }],
    ['12345678901234567', { type: 'NumberNotKept', path: '', found: '12345678901234567' }],
    ['{"a":1e400}', { type: 'NumberNotKept', path: '/a', found: '1e400' }],
    ['1e-400', { type: 'NumberNotKept', path: '', found: '1e-400' }],
    ['3.14159265358979323846', { type: 'NumberNotKept', path: '', found: '3.14159265358979323846' }],
    ['[-0]', { type: 'NumberNotKept', path: '/0', found: '-0' }],
    ['[ -0.0e1 ]', { type: 'NumberNotKept', path: '/0', found: '-0.0e1' }],
    ['{"a":1,"a":1}', { type: 'DuplicateKey', path: '', key: 'a' }],
    ['{"x":[{"a":1,"\\u0061":2}]}', { type: 'DuplicateKey', path: '/x/0', key: 'a' }],
    ['{"a":{"__proto__":{}}}', { type: 'ForbiddenKey', path: '/a', key: '__proto__' }],
    ['{"__pr\\u006fto__":1}', { type: 'ForbiddenKey', path: '', key: '__proto__' }],
    ['{"constructor":{"prototype":1}}', { type: 'ForbiddenKey', path: '/constructor', key: 'prototype' }],
    ['{"a":"\\ud800"}', { type: 'TextNotUnicode', path: '/a' }],
    ['["\\uDC00x"]', { type: 'TextNotUnicode', path: '/0' }],
    ['"\ud800"', { type: 'TextNotUnicode', path: '' }],
    ['{"\\ud800":1}', { type: 'TextNotUnicode', path: '/\ufffd' }],
    ['\ufeff{}', { type: 'Malformed', path: '', position: undefined, byteOrderMark: true }],
  ])('%s', (text, refusal) => {
    expect(refusalOf(text)).toEqual(refusal)
  })

  it('text that is not JSON, without quoting it', () => {
    for (const text of ['', '{"a":secret}', '[1,]', '{"a":1}}', '"\u0000"', "{'a':1}", 'NaN', '01']) {
      const refusal = refusalOf(text)
      expect(refusal.type).toBe('Malformed')
      expect(describePayloadRefusal(refusal)).not.toContain('secret')
    }
  })

  it('bytes that are not UTF-8, or start with a byte order mark', () => {
    const refused = (...values: number[]) => checkJsonBytes(Uint8Array.from(values))
    expect(refused(0x22, 0xff, 0x22)).toEqual(E.left({ type: 'NotUtf8', path: '' }))
    // CESU-8, an overlong slash, and a character that was cut.
    expect(refused(0x22, 0xed, 0xa0, 0x80, 0x22)).toMatchObject({ left: { type: 'NotUtf8' } })
    expect(refused(0x22, 0xc0, 0xaf, 0x22)).toMatchObject({ left: { type: 'NotUtf8' } })
    expect(refused(0x22, 0xf0, 0x9f, 0x22)).toMatchObject({ left: { type: 'NotUtf8' } })
    expect(refused(0xef, 0xbb, 0xbf, 0x31)).toMatchObject({
      left: { type: 'Malformed', byteOrderMark: true },
    })
    expect(checkJsonBytes(bytes('"é\ufffd"'))).toEqual(E.right('é\ufffd'))
  })

  it('more bytes than the limit', () => {
    expect(refusalOf(`"${'é'.repeat(PAYLOAD_BYTES_MAX / 2)}"`).type).toBe('TooLarge')
    expect(checkJsonBytes(new Uint8Array(PAYLOAD_BYTES_MAX + 1))).toMatchObject({
      left: { type: 'TooLarge' },
    })
  })

  it('more keys in one object than the limit', () => {
    const keys = (count: number) => `{${Array.from({ length: count }, (_, i) => `"k${i}":1`).join()}}`
    expect(E.isRight(checkJsonSource(keys(PAYLOAD_KEYS_MAX)))).toBe(true)
    expect(refusalOf(`[${keys(PAYLOAD_KEYS_MAX + 1)}]`)).toMatchObject({ type: 'TooManyKeys', path: '/0' })
  })

  it('deeper nesting than the limit; a depth of 10^6 neither overflows the stack nor is parsed', () => {
    expect(E.isRight(checkJsonSource(nested(PAYLOAD_DEPTH_MAX)))).toBe(true)
    expect(refusalOf(nested(PAYLOAD_DEPTH_MAX + 1)).type).toBe('TooDeep')
    const wide = { ...DEFAULT_PAYLOAD_LIMITS, bytesMax: 100_000_000 }
    const objects = '{"a":'.repeat(1_000_000)
    // The last two are cut off: had they been parsed, they would be malformed.
    for (const text of [
      nested(1_000_000),
      `${objects}1${'}'.repeat(1_000_000)}`,
      objects,
      '['.repeat(1_000_000),
    ]) {
      expect(checkJsonSource(text, wide)).toMatchObject({
        left: { type: 'TooDeep', depthMax: PAYLOAD_DEPTH_MAX },
      })
    }
  })

  it('brackets inside strings are no nesting', () => {
    const text = JSON.stringify({ a: '['.repeat(20_000), 'b"\\': '{"'.repeat(100) })
    expect(checkJsonSource(text)).toEqual(E.right(JSON.parse(text)))
  })

  it('a duplicate key hides nothing: what it would drop is looked at first', () => {
    expect(refusalOf(`{"a":${nested(100)},"a":1}`).type).toBe('TooDeep')
  })

  it('long rows of zeros and backslashes are read once, not once per character', () => {
    const zeros = `1${'0'.repeat(100_000)}1e-100000`
    expect(refusalOf(`[0.${'0'.repeat(100_000)}1]`).type).toBe('NumberNotKept')
    expect(refusalOf(zeros).type).toBe('NumberNotKept')
    const slashes = JSON.stringify(['\\'.repeat(60_000), '"'.repeat(60_000)], null, 1)
    expect(E.isRight(checkJsonSource(slashes))).toBe(true)
  })

  it('the scanner answers, and does not throw, on any text', () => {
    const noise = fc.string({ unit: fc.constantFrom(...'{}[]",:\\u0123-+.eE ', '\ud800') })
    fc.assert(
      fc.property(noise, (text) => {
        scanSource(text, DEFAULT_PAYLOAD_LIMITS)
        checkJsonSource(text)
      }),
    )
  })
})
