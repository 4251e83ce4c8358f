import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import {
  acceptJson,
  DEFAULT_PAYLOAD_LIMITS,
  describePayloadRefusal,
  PAYLOAD_BYTES_MAX,
  PAYLOAD_DEPTH_MAX,
  PAYLOAD_KEYS_MAX,
} from '../../../domain/payload/index.js'
import { preciseText } from '../../../domain/payload/jsonText.js'
import { nested, nestedValue, oddValue, plainValue, smallLimits } from './arbitraries.js'

const refusalOf = (value: unknown) => {
  const accepted = acceptJson(value)
  if (E.isRight(accepted)) throw new Error(`accepted: ${accepted.right.slice(0, 80)}`)
  return accepted.left
}
const textOf = (value: unknown): string => {
  const accepted = acceptJson(value)
  if (E.isLeft(accepted)) throw new Error(describePayloadRefusal(accepted.left))
  return accepted.right
}
class Money {
  readonly cents = 5
}
const throwing = {
  get a(): number {
    throw new Error('secret')
  },
}

describe('I10 R53 a payload that is accepted comes back as it was', () => {
  it('any JSON value: parsing the text gives the value', () => {
    fc.assert(
      fc.property(plainValue, (value) => {
        expect(JSON.parse(textOf(value))).toStrictEqual(value)
      }),
    )
  })

  it('the quick and the precise walk answer alike, for odd values and tight limits too', () => {
    fc.assert(
      fc.property(oddValue, smallLimits, (value, limits) => {
        expect(acceptJson(value, limits)).toEqual(preciseText(value, limits))
      }),
      { numRuns: 500 },
    )
  })

  it('NUL, escapes, astral and every other well-formed text', () => {
    for (const text of ['', '\u0000', '\\ud800', '"', '\ufeff', '\ufffd', '🚀', '\u2028', 'é']) {
      expect(JSON.parse(textOf({ [text]: text }))).toEqual({ [text]: text })
    }
  })

  it('a Date, a Buffer and other objects with toJSON are what they answer', () => {
    expect(textOf(new Date(0))).toBe('"1970-01-01T00:00:00.000Z"')
    expect(textOf({ at: [new Date(0)] })).toBe('{"at":["1970-01-01T00:00:00.000Z"]}')
    expect(textOf({ toJSON: (key: string) => ({ key }) })).toBe('{"key":""}')
    expect(textOf({ a: { toJSON: (key: string) => key } })).toBe('{"a":"a"}')
  })

  it('an object may stand in two places, come without prototype, or from another realm', () => {
    const part = { a: 1 }
    expect(textOf([part, part])).toBe('[{"a":1},{"a":1}]')
    expect(textOf(Object.assign(Object.create(null), part))).toBe('{"a":1}')
    expect(textOf(runInNewContext('({ a: [1, { b: 2 }] })'))).toBe('{"a":[1,{"b":2}]}')
  })

  it('keys that look dangerous and are not', () => {
    expect(textOf({ constructor: 1, prototype: 2, toString: 3, toJSON: 4 })).toBe(
      '{"constructor":1,"prototype":2,"toString":3,"toJSON":4}',
    )
  })
})

describe('I10 R53 a payload that JSON would change is refused, with the place', () => {
  const cycle: { self: unknown[] } = { self: [] }
  cycle.self.push(cycle)

  it.each<[string, unknown, object]>([
    ['undefined', undefined, { type: 'NotJsonValue', path: '', found: 'undefined' }],
    [
      'undefined in an object',
      { a: { b: undefined } },
      { type: 'NotJsonValue', path: '/a/b', found: 'undefined' },
    ],
    ['a hole in an array', new Array(2), { type: 'NotJsonValue', path: '/0', found: 'undefined' }],
    ['a function', [() => 1], { type: 'NotJsonValue', path: '/0', found: 'function' }],
    ['a symbol', { a: Symbol('s') }, { type: 'NotJsonValue', path: '/a', found: 'symbol' }],
    ['a bigint', { a: 1n }, { type: 'NotJsonValue', path: '/a', found: 'bigint' }],
    ['NaN', { a: [Number.NaN] }, { type: 'NumberNotKept', path: '/a/0', found: 'NaN' }],
    ['Infinity', -Infinity, { type: 'NumberNotKept', path: '', found: '-Infinity' }],
    ['-0', { a: -0 }, { type: 'NumberNotKept', path: '/a', found: '-0' }],
    [
      'an invalid Date',
      [new Date(Number.NaN)],
      { type: 'NumberNotKept', path: '/0', found: 'of an invalid Date' },
    ],
    ['half a surrogate pair', { a: 'x\ud800' }, { type: 'TextNotUnicode', path: '/a' }],
    ['half a surrogate pair in a key', { '\udc00': 1 }, { type: 'TextNotUnicode', path: '/\ufffd' }],
    ['a Map', { a: new Map([[1, 2]]) }, { type: 'ObjectNotPlain', path: '/a', found: 'Map' }],
    ['a Set', new Set([1]), { type: 'ObjectNotPlain', path: '', found: 'Set' }],
    ['bytes', new Uint8Array(2), { type: 'ObjectNotPlain', path: '', found: 'Uint8Array' }],
    ['a boxed number', new Number(7), { type: 'ObjectNotPlain', path: '', found: 'Number' }],
    ['an error', [new Error('x')], { type: 'ObjectNotPlain', path: '/0', found: 'Error' }],
    ['a class instance', { a: new Money() }, { type: 'ObjectNotPlain', path: '/a', found: 'Money' }],
    ['inherited keys', Object.create({ a: 1 }), { type: 'ObjectNotPlain', path: '', found: 'Object' }],
    ['a symbol key', { [Symbol('s')]: 1 }, { type: 'PropertyNotKept', path: '', found: 'Symbol(s)' }],
    ['a named property of an array', 'ab'.match(/b/), { type: 'PropertyNotKept', path: '', found: 'index' }],
    ['a cycle', cycle, { type: 'Cycle', path: '/self/0' }],
    [
      '__proto__',
      JSON.parse('{"a":{"__proto__":1}}'),
      { type: 'ForbiddenKey', path: '/a', key: '__proto__' },
    ],
    [
      'constructor.prototype',
      { constructor: { prototype: 1 } },
      { type: 'ForbiddenKey', path: '/constructor', key: 'prototype' },
    ],
    ['a getter that throws', { b: throwing }, { type: 'Unreadable', path: '/b/a' }],
    [
      'what toJSON answers',
      [{ toJSON: () => ({ a: 1n }) }],
      { type: 'NotJsonValue', path: '/0/a', found: 'bigint' },
    ],
  ])('%s', (_, value, refusal) => {
    expect(refusalOf(value)).toEqual(refusal)
  })

  it('more bytes than the limit, counted in UTF-8', () => {
    const most = 'é'.repeat((PAYLOAD_BYTES_MAX - 2) / 2)
    expect(textOf(most)).toHaveLength(most.length + 2)
    expect(refusalOf(`${most}a`)).toEqual({ type: 'TooLarge', path: '', bytesMax: PAYLOAD_BYTES_MAX })
    // Escapes count as they are written.
    expect(refusalOf('\u0000'.repeat(PAYLOAD_BYTES_MAX / 4)).type).toBe('TooLarge')
    expect(refusalOf(new Array(2 ** 32 - 1)).type).toBe('TooLarge')
  })

  it('parts that are shared and multiply are refused without writing them out', () => {
    let value: unknown = 'x'
    for (let level = 0; level < PAYLOAD_DEPTH_MAX; level += 1) value = [value, value]
    expect(refusalOf(value).type).toBe('TooLarge')
    // The Date sends this to the precise walk; written out it would be longer than a string can be.
    const part = { ['k'.repeat(100_000)]: 1 }
    expect(refusalOf([new Date(0), ...Array.from({ length: 100_000 }, () => part)]).type).toBe('TooLarge')
  })

  it('more keys in one object than the limit', () => {
    const keys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 1]))
    expect(E.isRight(acceptJson(keys(PAYLOAD_KEYS_MAX)))).toBe(true)
    expect(refusalOf({ a: keys(PAYLOAD_KEYS_MAX + 1) })).toEqual({
      type: 'TooManyKeys',
      path: '/a',
      keysMax: PAYLOAD_KEYS_MAX,
    })
  })

  it('deeper nesting than the limit; a depth of 10^6 does not overflow the stack', () => {
    expect(textOf(nestedValue(PAYLOAD_DEPTH_MAX))).toBe(nested(PAYLOAD_DEPTH_MAX))
    for (const depth of [PAYLOAD_DEPTH_MAX + 1, 1_000_000]) {
      expect(refusalOf(nestedValue(depth))).toMatchObject({ type: 'TooDeep', depthMax: PAYLOAD_DEPTH_MAX })
      // However high the limit is set, the walk stays within what JSON.stringify can write.
      const wide = { ...DEFAULT_PAYLOAD_LIMITS, depthMax: 10_000_000, bytesMax: 100_000_000 }
      expect(E.isRight(acceptJson(nestedValue(depth), wide))).toBe(depth < 1_000)
    }
  })
})

describe('I10 a refusal is one safe sentence', () => {
  it('says where, what, and what is accepted', () => {
    expect(describePayloadRefusal(refusalOf({ a: { 'b/c': -0 } }))).toBe(
      'Payload at /a/b~1c: the number -0 would come back as another value; accepted are finite doubles other than -0 (send others as strings).',
    )
    expect(describePayloadRefusal(refusalOf(undefined))).toMatch(
      /^Payload: found undefined; accepted are null/,
    )
  })

  it('is bounded and on one line whatever the payload', () => {
    const long = { [`${'k'.repeat(1_000)}\r\n\u001b`]: { ['\n'.repeat(90)]: { b: undefined } } }
    const sentence = describePayloadRefusal(refusalOf(long))
    expect(sentence.length).toBeLessThan(600)
    expect(sentence).not.toMatch(/\p{Cc}/u)
    fc.assert(
      fc.property(oddValue, smallLimits, (value, limits) => {
        const accepted = acceptJson(value, limits)
        if (E.isLeft(accepted))
          expect(describePayloadRefusal(accepted.left)).toMatch(/^Payload[^\n]* accepted[^\n]*\.$|is\.$/)
      }),
    )
  })
})
