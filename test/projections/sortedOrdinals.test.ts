// Ordinals in order say what a Set and a sort would say (projections/partition/sortedOrdinals.ts).
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SortedOrdinals } from '../../projections/partition/sortedOrdinals.js'

const walked = (
  ordinals: SortedOrdinals,
  from: number,
  step: 1 | -1,
  most = Number.POSITIVE_INFINITY,
): number[] => {
  const found: number[] = []
  ordinals.walk(from, step, (ordinal) => {
    found.push(ordinal)
    return found.length < most
  })
  return found
}

const sorted = (model: ReadonlySet<number>): number[] => [...model].sort((a, b) => a - b)

const agrees = (ordinals: SortedOrdinals, model: ReadonlySet<number>, from: number): void => {
  const all = sorted(model)
  expect(ordinals.size).toBe(all.length)
  expect([...ordinals]).toEqual(all)
  expect(ordinals.has(from)).toBe(model.has(from))
  expect(walked(ordinals, from, 1)).toEqual(all.filter((one) => one >= from))
  expect(walked(ordinals, from, -1)).toEqual(all.filter((one) => one <= from).reverse())
  expect(walked(ordinals, from, 1, 2)).toEqual(all.filter((one) => one >= from).slice(0, 2))
}

it('C3: dead letters are walked in their order from anywhere, whatever came and went', () => {
  const ordinal = fc.integer({ min: 1, max: 60 })
  const step = fc.record({ deletes: fc.boolean(), ordinal })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), ordinal, (steps, from) => {
      const [ordinals, model] = [new SortedOrdinals(), new Set<number>()]
      for (const { deletes, ordinal } of steps) {
        if (deletes) ordinals.delete(ordinal)
        else ordinals.add(ordinal)
        if (deletes) model.delete(ordinal)
        else model.add(ordinal)
      }
      agrees(ordinals, model, from)
    }),
  )
})

it.each([
  ['upwards', (n: number) => n],
  ['downwards', (n: number) => 20_000 - n],
  ['up and down', (n: number) => (n * 7_919) % 20_011],
])(
  'C3: tens of thousands that come %s keep their order over many runs, also when most of them go',
  (_, at) => {
    const [ordinals, model] = [new SortedOrdinals(), new Set<number>()]
    for (let n = 1; n <= 20_000; n++) {
      ordinals.add(at(n))
      model.add(at(n))
    }
    agrees(ordinals, model, 10_000)
    for (let n = 1; n <= 20_000; n++) {
      if (n % 50 === 0) continue
      ordinals.delete(at(n))
      model.delete(at(n))
    }
    agrees(ordinals, model, 10_000)
    for (const ordinal of [...model]) ordinals.delete(ordinal)
    agrees(ordinals, new Set(), 1)
    ordinals.add(5)
    agrees(ordinals, new Set([5]), 5)
  },
)
