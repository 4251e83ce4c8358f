// One text for each value (A6): what may differ between two spellings of a payload makes no difference, all else does.
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalText } from '../../../domain/payload/index.js'

/** The same value with the keys of each object the other way round. */
const reversed = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(reversed)
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, field]) => [key, reversed(field)]),
  )
}

describe('the canonical text of a payload', () => {
  it('A6 does not depend on the order of keys, and is read back as the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const text = JSON.stringify(value)
        const canonical = canonicalText(text)
        assert.equal(canonicalText(JSON.stringify(reversed(JSON.parse(text)))), canonical)
        assert.deepEqual(JSON.parse(canonical), JSON.parse(text))
        assert.equal(canonicalText(canonical), canonical)
      }),
    )
  })

  it.each([
    [
      '{"b":1,"a":{"d":[1,{"f":0,"e":null}],"c":"\\u0041"}}',
      '{"a":{"c":"A","d":[1,{"e":null,"f":0}]},"b":1}',
    ],
    ['{"10":1,"9":2,"a":3}', '{"10":1,"9":2,"a":3}'],
    ['[3,1,2]', '[3,1,2]'],
    ['1.50', '1.5'],
  ])('A6 of %s is %s', (text, canonical) => {
    expect(canonicalText(text)).toBe(canonical)
  })
})
