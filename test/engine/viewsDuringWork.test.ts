// R68: numbers that are counted anew while the partition works are those that a replay of the whole log counts, whatever is
// decided, sent or on its way meanwhile (E1).
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PartitionState, SnapshotInProgress } from '../../projections/partition/index.js'
import { recoverPartition } from '../../src/engine/recovery.js'
import { ack, fail, message, release, TestQueue } from '../support/ledger.js'

type Work = 'enqueue' | 'ack' | 'fail' | 'release' | 'pass' | 'dead'

const work: fc.Arbitrary<Work[]> = fc.array(
  fc.constantFrom<Work>('enqueue', 'enqueue', 'enqueue', 'ack', 'ack', 'fail', 'release', 'pass', 'dead'),
  { minLength: 5, maxLength: 25 },
)

/** Asked for, not waited for: some of it is on its way while the numbers are counted. */
const begin = async (queue: TestQueue, what: Work, n: number): Promise<void> => {
  if (what === 'pass') return queue.clock.advance(700)
  const type = n % 2 === 0 ? 'even' : 'odd'
  if (what === 'enqueue')
    return void queue.enqueue(message(n, { priority: (n % 3) - 1, attributes: { type } }))
  for (const delivery of await queue.claimed()) {
    const failed = fail(delivery, what === 'dead' ? { retryable: false } : {})
    void queue.settle(what === 'ack' ? ack(delivery) : what === 'release' ? release(delivery) : failed)
  }
  return undefined
}

/** All numbers, as a snapshot has them; which of the waiting ones are due is a matter of the clock. */
const numbersOf = (state: PartitionState, stream: string): unknown => {
  const taken = new SnapshotInProgress(state, stream)
  const { measures } = JSON.parse(new TextDecoder().decode(taken.take(0))) as {
    measures: { counts: Record<string, number> }
  }
  taken.end()
  const { scheduled = 0, pending = 0, retrying = 0, ...counts } = measures.counts
  return { ...measures, counts: { ...counts, waiting: scheduled + pending + retrying } }
}

describe('numbers', () => {
  it('R68 E1 that are counted anew beside work are those of a replay', () =>
    fc.assert(
      fc.asyncProperty(work, work, work, async (before, during, after) => {
        const queue = await TestQueue.open({ snapshotEveryEvents: 20 })
        const all = async (what: ReadonlyArray<Work>, from: number): Promise<void> => {
          for (const [n, one] of what.entries()) await begin(queue, one, from + n)
        }
        await all(before, 0)
        await queue.clock.settle()
        // Held answers: some is decided and on its way when the counting begins, some comes while it goes on.
        queue.log.always = 'held'
        const enqueues = during.filter((one) => one === 'enqueue')
        const half = enqueues.length >> 1
        for (const [n, one] of enqueues.slice(half).entries()) await begin(queue, one, 100 + n)
        await queue.clock.settle()
        const rebuilding = queue.engine.partition(0).rebuildMeasures({})
        for (const [n, one] of enqueues.slice(0, half).entries()) await begin(queue, one, 150 + n)
        await queue.clock.settle()
        queue.log.heal()
        queue.log.release()
        expect(await queue.clock.settled(rebuilding)).toMatchObject({ agrees: true, compared: 'all' })
        await all(after, 200)
        await queue.clock.settle()
        const { state } = queue.engine.partition(0)
        const replayed = await recoverPartition(queue.inner, queue.stream, { useSnapshots: false })
        if (state === undefined) throw new Error('the partition stopped')
        expect(numbersOf(state, queue.stream)).toEqual(numbersOf(replayed.state, queue.stream))
      }),
      { numRuns: 40 },
    ))
})
