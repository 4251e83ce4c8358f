// Rates of the last ten minutes (E1), held against the instants themselves, over any silence.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RATE_COLUMNS, RecentRates } from '../../../projections/measures/recentRates.js'

const STEP_MS = 10_000
const WINDOWS_MS = [1, 10_000, 60_000, 65_000, 600_000, 3_600_000]

/** Pauses before each note: within a step, over some, over the whole window, over days. */
const pauseMs = fc.oneof(
  { weight: 6, arbitrary: fc.nat({ max: 3_000 }) },
  { weight: 3, arbitrary: fc.constantFrom(9_999, 10_000, 10_001, 60_000, 120_000) },
  { weight: 2, arbitrary: fc.constantFrom(590_000, 599_999, 600_000, 600_001, 610_000) },
  { weight: 1, arbitrary: fc.constantFrom(3_600_000, 7 * 86_400_000) },
)
const notes = fc.array(fc.record({ pauseMs, column: fc.nat({ max: RATE_COLUMNS.length - 1 }) }), {
  maxLength: 60,
})

type Noted = Readonly<{ at: number; column: number }>

const counted = (all: ReadonlyArray<Noted>, at: number, windowMs: number): Record<string, number> => {
  const steps = Math.min(60, Math.max(1, Math.ceil(windowMs / STEP_MS)))
  const last = Math.floor(at / STEP_MS)
  const counts: Record<string, number> = { windowMs: steps * STEP_MS }
  RATE_COLUMNS.forEach((name, column) => {
    counts[name] = all.filter((one) => {
      const step = Math.floor(one.at / STEP_MS)
      return one.column === column && step <= last && step > last - steps
    }).length
  })
  return counts
}

describe('recent rates (E1)', () => {
  it('E1: are what happened in the window, at any time, also after long silences and from a snapshot on', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0, 7, 1_790_000_000_000),
        notes,
        pauseMs,
        fc.nat({ max: 60 }),
        (from, steps, laterMs, cut) => {
          let rates = new RecentRates()
          let at = from
          const all: Noted[] = []
          steps.forEach((step, n) => {
            if (n === cut) {
              const loaded = new RecentRates()
              loaded.load(JSON.parse(JSON.stringify(rates.snapshot())))
              rates = loaded
            }
            at += step.pauseMs
            rates.moveTo(at)
            rates.note(step.column)
            all.push({ at, column: step.column })
            for (const windowMs of WINDOWS_MS)
              expect(rates.view(at, windowMs)).toEqual(counted(all, at, windowMs))
          })
          for (const windowMs of WINDOWS_MS) {
            expect(rates.view(at + laterMs, windowMs)).toEqual(counted(all, at + laterMs, windowMs))
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})
