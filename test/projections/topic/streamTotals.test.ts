// E7, F4: what a reader of the topic counts is what the partition itself counts, in whatever pieces it is read.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { COUNT_NAMES } from '../../../projections/partition/index.js'
import { StreamTotals } from '../../../projections/topic/streamTotals.js'
import { PartitionHistory, type Recorded, steps } from '../../support/partitionHistory.js'

const LIVE = new Set(['scheduled', 'pending', 'retrying', 'processing', 'dead'])

const totalsOf = (recorded: ReadonlyArray<Recorded>, into = new StreamTotals()): StreamTotals => {
  for (const { event, at } of recorded) into.apply(event, at)
  return into
}

/** The partition notes one more wait when contents change after a start or a redrive; a reader of events does not. */
const isEditedLate = (recorded: ReadonlyArray<Recorded>): boolean => {
  const known = new Set<number>()
  return recorded.some(({ event }) => {
    if (event.type === 'AttemptStarted' || event.type === 'MessageRedriven') known.add(event.ordinal)
    return event.type === 'MessageEdited' && known.has(event.ordinal)
  })
}

const viaJson = (totals: StreamTotals): StreamTotals => {
  const loaded = new StreamTotals()
  loaded.load(JSON.parse(JSON.stringify(totals.snapshot())))
  return loaded
}

describe('totals of one partition, from its events alone (E7, F4)', () => {
  it('are the partition’s own counts, times and live messages, for any history', () => {
    let waits = 0
    fc.assert(
      fc.property(steps(60), (walk) => {
        const history = new PartitionHistory()
        history.run(walk, () => undefined)
        const { counts, measures } = history.state
        const totals = totalsOf(history.recorded)
        for (const name of COUNT_NAMES)
          if (!LIVE.has(name)) expect([name, totals.counts[name]]).toEqual([name, counts[name]])
        expect(totals.counts.failuresByType).toEqual(counts.failuresByType)
        expect(totals.waiting).toBe(counts.scheduled + counts.pending + counts.retrying)
        expect([totals.processing, totals.dead]).toEqual([counts.processing, counts.dead])
        expect(totals.durations.snapshot()).toEqual(measures.durations.snapshot())
        if (isEditedLate(history.recorded)) return
        waits += totals.waits.total.count
        expect(totals.waits.snapshot()).toEqual(measures.waits.snapshot())
      }),
      { numRuns: 300 },
    )
    expect(waits).toBeGreaterThan(0)
  })

  it('go on from a snapshot at any point as if they had never been stored', () => {
    fc.assert(
      fc.property(steps(40), fc.nat(), (walk, cut) => {
        const history = new PartitionHistory()
        history.run(walk, () => undefined)
        const at = cut % (history.recorded.length + 1)
        const resumed = viaJson(totalsOf(history.recorded.slice(0, at)))
        totalsOf(history.recorded.slice(at), resumed)
        expect(resumed.snapshot()).toEqual(totalsOf(history.recorded).snapshot())
      }),
      { numRuns: 200 },
    )
  })

  it('count what is seen of a stream that begins in the middle, and do not break on it', () => {
    fc.assert(
      fc.property(steps(40), fc.nat(), (walk, cut) => {
        const history = new PartitionHistory()
        history.run(walk, () => undefined)
        const from = cut % (history.recorded.length + 1)
        const seen = history.recorded.slice(from)
        const { counts } = totalsOf(seen)
        expect(counts.attempts).toBe(seen.filter(({ event }) => event.type === 'AttemptStarted').length)
      }),
      { numRuns: 100 },
    )
  })
})
