// JSON values, values that only look like JSON, and limits small enough to be hit by both.
import fc from 'fast-check'
import type { PayloadLimits } from '../../../domain/payload/index.js'

/** -0 is the one number that fast-check's JSON values hold and the door refuses. */
const withoutMinusZero = (value: unknown): unknown => {
  if (Object.is(value, -0)) return 0
  if (Array.isArray(value)) return value.map(withoutMinusZero)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withoutMinusZero(part)]))
}

/** Any JSON value, without the keys that are never accepted. */
export const plainValue: fc.Arbitrary<unknown> = fc
  .jsonValue({ stringUnit: 'binary', maxDepth: 6 })
  .filter((value) => !/"(?:__proto__|prototype)"/.test(JSON.stringify(value)))
  .map(withoutMinusZero)

class Instance {
  readonly a = 1
}
const oddPart = fc.constantFrom<unknown>(
  undefined,
  Number.NaN,
  -0,
  1n,
  '\ud800',
  'a\\ud800',
  new Map(),
  new Instance(),
  new Date(0),
  new Date(Number.NaN),
  [1, undefined],
  Object.assign([1], { named: 2 }),
  { constructor: { prototype: 1 } },
  { constructor: 7 },
  { toJSON: () => [{ toJSON: 1 }] },
  { toJSON: () => undefined },
  { [Symbol('s')]: 1 },
  JSON.parse('{"__proto__":1}'),
)
/** Mostly JSON, with something odd somewhere in it. */
export const oddValue: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(fc.jsonValue({ maxDepth: 2 }), oddPart),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 3 }),
  ),
})).value

export const smallLimits: fc.Arbitrary<PayloadLimits> = fc.record({
  bytesMax: fc.integer({ min: 1, max: 200 }),
  depthMax: fc.integer({ min: 0, max: 5 }),
  keysMax: fc.integer({ min: 0, max: 4 }),
})

export const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
export const nestedValue = (depth: number): unknown => {
  let value: unknown[] = []
  for (let level = 1; level < depth; level += 1) value = [value]
  return value
}
