// A failing seed explains itself: the least of it that still breaks the same promise, and nothing that breaks another one.
import { describe, expect, it } from 'vitest'
import type { RunOptions } from '../support/simulation.js'
import { STEPS, simulate } from '../support/simulation.js'
import { simulateDisk } from '../support/simulationDisk.js'
import { simulateLedger } from '../support/simulationLedger.js'
import { shrinkSeed } from '../support/simulationSeeds.js'
import { promiseOf, type RunAgain, rangesOf, shrink, stepsOf } from '../support/simulationShrink.js'
import { FEATURES } from '../support/simulationSwarm.js'

const has = (options: RunOptions, step: number): boolean => options.steps?.has(step) !== false

/** A run that breaks one promise by two steps that need gates, and another one by a third. */
const runOf =
  (): RunAgain =>
  async (options = {}) => {
    const gates = options.without?.has('gates') !== true
    const broken = [
      ...(has(options, 17) && has(options, 203) && gates
        ? ['partition 0 revision 31: 2 fence 8 after 9']
        : []),
      ...(has(options, 60) ? ['partition 1 revision 4: A10 it was paused'] : []),
    ]
    return { broken, trace: [], log: [], turns: 1 }
  }
const PARTS = { steps: STEPS, features: FEATURES, runsMax: 2_000 }

describe('a failing seed', () => {
  it('is shrunk to the steps and features that break its promise', async () => {
    const shrunk = await shrink(runOf(), PARTS)
    expect(shrunk?.steps).toBe('17,203')
    expect(shrunk?.without.split(',')).toContain('zones')
    expect(shrunk?.without.split(',')).not.toContain('gates')
    expect(shrunk?.report.broken).toEqual(['partition 0 revision 31: 2 fence 8 after 9'])
  })

  it('is nothing to shrink when it breaks nothing', async () => {
    expect(await shrink(async () => ({ broken: [], trace: [], log: [], turns: 1 }), PARTS)).toBeUndefined()
    expect(await shrinkSeed(10, 'engine')).toBeUndefined()
    expect(await shrinkSeed(10, 'ledger')).toBeUndefined()
    expect(await shrinkSeed(10, 'log')).toBeUndefined()
  })

  it('is told as it is when its runs take turns without end', async () => {
    let runs = 0
    const spins: RunAgain = async (options) => {
      runs++
      return { ...(await runOf()(options)), turns: 10_000_000 }
    }
    const shrunk = await shrink(spins, PARTS)
    expect(shrunk?.report.broken[0]).toBe('partition 0 revision 31: 2 fence 8 after 9')
    expect(runs).toBe(2)
  })

  it('is the same promise whatever the numbers in its sentence', () => {
    const [one, other] = [
      'partition 0 revision 9: 2 fence 8 after 9',
      'partition 3 revision 1: 2 fence 2 after 4',
    ]
    expect(promiseOf(one ?? '')).toBe(promiseOf(other ?? ''))
    expect(promiseOf(one ?? '')).not.toBe(promiseOf('partition 0 revision 9: A10 it was paused'))
  })

  it('names its steps so that they are read back', () => {
    expect(rangesOf([0, 1, 2, 7, 9, 10])).toBe('0-2,7,9-10')
    expect([...stepsOf('0-2,7,9-10')]).toEqual([0, 1, 2, 7, 9, 10])
    expect(stepsOf('none').size).toBe(0)
  })

  it('runs the same way each time in part, too', async () => {
    const part = { steps: stepsOf('0-100'), without: new Set(['gates', 'loss']) }
    expect((await simulate(7, part)).hash).toBe((await simulate(7, part)).hash)
    expect((await simulate(7, part)).hash).not.toBe((await simulate(7)).hash)
    const some = { steps: stepsOf('0-20'), without: new Set(['deaths']) }
    for (const again of [simulateLedger, simulateDisk]) {
      const trace = (await again(10, some)).trace
      expect((await again(10, some)).trace).toEqual(trace)
      expect((await again(10)).trace).not.toEqual(trace)
    }
  })
})
