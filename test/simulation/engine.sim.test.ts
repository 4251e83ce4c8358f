// Seeded runs of the real engine with faults and crashes. SIM_SEED runs one seed, SIM_RUNS sets how many.
import { describe, expect, it } from 'vitest'
import { simulate } from '../support/simulation.js'

const RUNS = Number(process.env.SIM_RUNS ?? 300)
const ONLY = process.env.SIM_SEED
/** Each of these must have happened, or the runs prove nothing. */
const RARE = [
  'crash',
  'take-over',
  'told unknown',
  'told unavailable',
  'told refused',
  'late settlement refused',
  'lateRequest',
  'MessageExpired',
  'MessageRedriven',
  'MessagePurged',
  'MessageCancelled',
  'MessageDeadLettered',
  'AttemptReleased',
  'LeaseExtended',
  'ConfigAdopted',
] as const

const runOne = async (seed: number) => {
  try {
    const report = await simulate(seed)
    if (report.broken.length === 0 && report.left.every((situation) => situation === 'dead')) return report
    const told = [...report.broken.slice(0, 10), `left: ${report.left.join(' ')}`, '---', ...report.trace]
    throw new Error(told.join('\n'))
  } catch (error) {
    throw new Error(`SIM_SEED=${seed}: ${(error as Error).message}`, { cause: error })
  }
}

describe('the engine under faults (invariants 1-6, 8, 9, 12)', () => {
  it(`keeps its promises in ${ONLY === undefined ? RUNS : 'one'} seeded runs`, async () => {
    const seen = new Map<string, number>()
    let events = 0
    const seeds = ONLY === undefined ? Array.from({ length: RUNS }, (_, n) => n + 1) : [Number(ONLY)]
    for (const seed of seeds) {
      const report = await runOne(seed)
      events += report.events
      for (const [what, n] of report.seen) seen.set(what, (seen.get(what) ?? 0) + n)
    }
    expect(events).toBeGreaterThan(0)
    if (ONLY !== undefined || RUNS < 200) return
    for (const what of RARE) expect(seen.get(what) ?? 0, what).toBeGreaterThanOrEqual(10)
  })
})
