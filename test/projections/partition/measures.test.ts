// E1: numbers that were counted anew take the place of those that were wrong, and several partitions are counted as one.
import { describe, expect, it } from 'vitest'
import { COUNT_NAMES, Counts, sumOfCounts, viewOf } from '../../../projections/partition/counts.js'
import { replaceMeasures } from '../../../projections/partition/index.js'
import { loadMeasures, Measures, snapshotMeasures } from '../../../projections/partition/measures.js'

const LIVE = ['scheduled', 'pending', 'retrying', 'processing', 'dead'] as const

/** Every number is another one, so that none can stand in for its neighbour. */
const filled = (from: number, failureTypes: ReadonlyArray<string>): Measures => {
  const measures = new Measures()
  COUNT_NAMES.forEach((name, n) => {
    measures.counts[name] = from + n
  })
  failureTypes.forEach((type, n) => {
    measures.counts.failuresByType.set(type, from + n)
  })
  measures.kinds.add(measures.kinds.numberOf(5, 'a'), 0, from)
  measures.durations.note(from)
  measures.waits.note(from + 1)
  measures.rates.moveTo(from * 10_000)
  measures.rates.note(2)
  return measures
}

describe('E1: numbers counted anew', () => {
  it('are all that has been counted; what is live now stays as it is', () => {
    const live = filled(100, ['NETWORK', 'OLD'])
    const fresh = filled(900, ['NETWORK', 'DATABASE'])
    const before = Object.fromEntries(LIVE.map((name) => [name, live.counts[name]]))
    replaceMeasures(live, fresh)
    expect(snapshotMeasures(live)).toEqual({
      ...snapshotMeasures(fresh),
      counts: { ...snapshotMeasures(fresh).counts, ...before },
    })
    expect([...live.counts.failuresByType.keys()]).toEqual(['NETWORK', 'DATABASE'])
  })

  it('I6: come back from a snapshot as JSON, and a count that an older snapshot does not know is none', () => {
    const measures = filled(7, ['NETWORK'])
    const loaded = new Measures()
    loadMeasures(loaded, JSON.parse(JSON.stringify(snapshotMeasures(measures))))
    expect(snapshotMeasures(loaded)).toEqual(snapshotMeasures(measures))
    const { overflowed: _, ...older } = snapshotMeasures(measures).counts
    const upgraded = new Measures()
    loadMeasures(upgraded, { ...snapshotMeasures(measures), counts: older })
    expect(upgraded.counts.overflowed).toBe(0)
    expect(upgraded.counts.edited).toBe(measures.counts.edited)
  })
})

describe('E1: the counts of several partitions', () => {
  it('are added up, failures by their type', () => {
    const one = viewOf(filled(1, ['NETWORK', 'TIMEOUT']).counts)
    const other = viewOf(filled(10, ['TIMEOUT', 'NETWORK', 'CRASH']).counts)
    const sum = sumOfCounts([one, other])
    for (const name of COUNT_NAMES) expect(sum[name]).toBe(one[name] + other[name])
    expect(sum.failuresByType).toEqual({ NETWORK: 1 + 11, TIMEOUT: 2 + 10, CRASH: 12 })
    expect(sumOfCounts([])).toEqual(viewOf(new Counts()))
  })

  it('know each failure and its type', () => {
    const counts = new Counts()
    for (const type of ['NETWORK', 'CRASH', 'NETWORK']) counts.failure(type)
    expect(viewOf(counts)).toMatchObject({ failed: 3, failuresByType: { NETWORK: 2, CRASH: 1 } })
  })
})
