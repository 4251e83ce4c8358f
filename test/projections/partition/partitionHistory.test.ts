// Random histories of one partition against the naive model: the columnar reducer and its views hold what the readable
// reducer says (I6), in every replay, and after a snapshot at any point.
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  PartitionState,
  SnapshotInProgress,
  SnapshotLoader,
  stateHash,
} from '../../../projections/partition/index.js'
import {
  agree,
  nextOrdinal,
  oneOf,
  PartitionHistory,
  type Recorded,
  type Step,
  sameSituations,
  steps,
} from '../../support/partitionHistory.js'

const STREAM = 'partition-orders~1.0'

const replayed = (recorded: ReadonlyArray<Recorded>, from = new PartitionState()): PartitionState => {
  for (const { event, at } of recorded) from.apply(event, at, 0)
  return from
}

/** Claims everything that may run, one by one; the history compares each choice with that of the model. */
const claimAll = (history: PartitionHistory): void => {
  for (const inDoubt of [true, false]) {
    let before = -1
    while (before !== history.recorded.length) {
      before = history.recorded.length
      history.take({ do: 'claim', count: 1, inDoubt, worker: 'drain', claimId: undefined })
    }
  }
}

const modelOf = (recorded: ReadonlyArray<Recorded>, at: number): PartitionHistory => {
  const history = new PartitionHistory()
  for (const { event, at: recordedAt } of recorded) {
    history.at = recordedAt
    history.add(event)
  }
  history.at = at
  return history
}

const load = (chunks: ReadonlyArray<Uint8Array>): PartitionState => {
  const loader = new SnapshotLoader(STREAM)
  for (const chunk of chunks) assert.equal(loader.add(chunk)._tag, 'Right')
  const loaded = loader.finish()
  if (loaded._tag === 'Left') throw new Error(loaded.left.reason)
  return loaded.right
}

describe('the state of a partition', () => {
  it('answers as the naive model does, after every event of any history (A3, A6, A7, A9, A11, B1, B2, B3, C6, C7, C12, C15, E1, I4)', () => {
    const seen = new Map<string, number>()
    fc.assert(
      fc.property(steps(60), (taken) => {
        const history = new PartitionHistory()
        history.run(taken)
        for (const [type, n] of history.seen) seen.set(type, (seen.get(type) ?? 0) + n)
      }),
      { numRuns: 300 },
    )
    // Every event type, many times over: otherwise the histories prove little. The rarest comes about thirty times in so
    // many runs, so this does not fail by luck.
    for (const type of MESSAGE_EVENTS) expect(seen.get(type) ?? 0, type).toBeGreaterThan(5)
  }, 120_000)

  it('I6 is the same in a replay, without its promotions and its look-ups', () => {
    fc.assert(
      fc.property(steps(60), (taken) => {
        const history = new PartitionHistory()
        history.run(taken, () => undefined)
        const again = replayed(history.recorded)
        assert.equal(stateHash(again), stateHash(history.state))
        again.promote(history.at, 1_000)
        for (const inDoubt of [false, true]) {
          oneOf(nextOrdinal(again, inDoubt), history.model.candidates(history.at, inDoubt), 'next')
        }
        sameSituations(again, history.model)
      }),
      { numRuns: 300 },
    )
  })

  it('I6 is handed out in the same order after a replay', () => {
    fc.assert(
      fc.property(steps(50), (taken) => {
        const history = new PartitionHistory()
        history.run(taken, () => undefined)
        const again = modelOf(history.recorded, history.at)
        again.promote(1_000)
        claimAll(again)
        agree(again)
      }),
      { numRuns: 200 },
    )
  })

  it('tells different states apart by their hash', () => {
    fc.assert(
      fc.property(steps(30), (taken) => {
        const history = new PartitionHistory()
        const hashes = new Set<string>()
        let events = 0
        history.run(taken, () => undefined)
        const state = new PartitionState()
        for (const { event, at } of history.recorded) {
          state.apply(event, at, 0)
          hashes.add(stateHash(state))
          events++
        }
        // Each event moves the revision, so no two of them may look alike.
        assert.equal(hashes.size, events)
      }),
      { numRuns: 100 },
    )
  })
})

const MESSAGE_EVENTS = [
  'MessageEnqueued',
  'AttemptStarted',
  'LeaseExtended',
  'AttemptSucceeded',
  'AttemptFailed',
  'RetryScheduled',
  'MessageDeadLettered',
  'AttemptReleased',
  'MessageRedriven',
  'MessageCancelled',
  'MessageExpired',
  'MessagePurged',
  'MessageEdited',
  'CancelRequested',
  'CapacityReached',
  'CircuitOpened',
  'CircuitHalfOpened',
  'CircuitClosed',
] as const

describe('a snapshot with its tail', () => {
  const everyPrefix = (taken: ReadonlyArray<Step>, every: number, chunksLater: number): void => {
    const whole = new PartitionHistory()
    whole.run(taken, () => undefined)
    const { recorded, at } = whole
    const hash = stateHash(whole.state)
    for (let cut = 0; cut <= recorded.length; cut += every) {
      const state = replayed(recorded.slice(0, cut))
      const hashAtCut = stateHash(state)
      const snapshot = new SnapshotInProgress(state, STREAM)
      assert.equal(snapshot.revision, cut - 1)
      const chunks: Uint8Array[] = []
      // The state goes on while the snapshot is being taken: one chunk, then some events, then the next.
      let next = cut
      for (let chunk = 0; chunk <= snapshot.chunkCount; chunk++) {
        replayed(recorded.slice(next, next + chunksLater), state)
        next = Math.min(recorded.length, next + chunksLater)
        if (next > cut) state.promote(state.lastAt, 1_000)
        chunks.push(snapshot.take(chunk))
      }
      snapshot.end()
      assert.equal(stateHash(replayed(recorded.slice(next), state)), hash, 'the state that was copied from')
      const loaded = load(chunks)
      assert.equal(stateHash(loaded), hashAtCut)
      replayed(recorded.slice(cut), loaded)
      assert.equal(stateHash(loaded), hash)
      sameSituations(loaded, whole.model)
      // What is next, in full, from the loaded state on.
      loaded.promote(at, 1_000)
      const drained = new PartitionHistory(loaded, modelOf(recorded, at).model)
      drained.at = at
      claimAll(drained)
    }
  }
  it('I6 is the state, at every prefix of any history', () => {
    fc.assert(
      fc.property(steps(40), (taken) => everyPrefix(taken, 3, 0)),
      { numRuns: 60 },
    )
  })

  it('I6 is the state also when that changes while the snapshot is being taken', () => {
    fc.assert(
      fc.property(steps(40), fc.integer({ min: 1, max: 9 }), (taken, later) => everyPrefix(taken, 3, later)),
      { numRuns: 60 },
    )
  })
})
