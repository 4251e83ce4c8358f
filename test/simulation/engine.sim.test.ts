// Seeded runs of the real engine with faults and crashes. SIM_SEED runs one seed, SIM_RUNS sets how many, SIM_FROM the first;
// `npm run sim` does the same without a test's time limit.
import { describe, expect, it } from 'vitest'
import { simulate } from '../support/simulation.js'
import { SeededRuns } from '../support/simulationSeeds.js'

const ONLY = process.env.SIM_SEED
const FROM = Number(ONLY ?? process.env.SIM_FROM ?? 1)
const RUNS = ONLY === undefined ? Number(process.env.SIM_RUNS ?? 300) : 1

describe('the engine under faults (invariants 1-6, 8, 9, 12)', () => {
  it(`keeps its promises in ${RUNS} seeded ${RUNS === 1 ? 'run' : 'runs'}`, async () => {
    const runs = new SeededRuns()
    for (let seed = FROM; seed < FROM + RUNS; seed++) await runs.run(seed)
    expect(runs.events).toBeGreaterThan(0)
    expect(runs.vacuous()).toEqual([])
  })

  it('gives the same log twice for the same seed', async () => {
    for (let seed = FROM; seed < FROM + Math.min(20, RUNS); seed++) {
      const [{ hash: first }, { hash: second }] = [await simulate(seed), await simulate(seed)]
      expect(second, `SIM_SEED=${seed}`).toBe(first)
    }
  })
})
