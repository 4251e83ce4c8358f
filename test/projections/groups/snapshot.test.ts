// I6 B1: a snapshot is of one instant, also where groups change under it. The neighbours of a member stand in its record, often in
// another chunk; that chunk is not copied for them, because what groups keep in records is rebuilt when a snapshot is loaded.
import { isLeft } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import {
  type PartitionState,
  SnapshotInProgress,
  SnapshotLoader,
  stateHash,
} from '../../../projections/partition/index.js'
import { LaneQueue } from '../../support/laneQueue.js'

const STREAM = 'partition-orders~1.0'
const MESSAGES = 9_000
const GROUPS = 40

/** Three chunks of records; some members have died, some have stepped aside. */
const history = (): LaneQueue => {
  const queue = new LaneQueue()
  queue.adopt({ groupHead: 'skip' })
  for (let n = 0; n < MESSAGES; n++) queue.enqueue({ group: `g${n % GROUPS}` })
  for (let n = 0; n < GROUPS; n++) {
    const ordinal = queue.take()
    queue.fail(ordinal, n % 3 === 0 ? 'dead' : { retryAt: queue.at + 50 })
  }
  return queue
}
const goOn = (queue: LaneQueue): void => {
  for (const { ordinal } of queue.messages('dead')) queue.redrive(ordinal)
  for (let n = 0; n < 200; n++) queue.enqueue({ group: `g${n % GROUPS}` })
  for (let n = 0; n < 100; n++) queue.ack(queue.take())
  queue.pass(60)
  for (let n = 0; n < 3; n++) queue.take()
}
const drained = (state: PartitionState, at: number): number[] => {
  const queue = new LaneQueue(state)
  const taken: number[] = []
  queue.at = at
  queue.pass(1_000)
  for (let ordinal = queue.next(); ordinal >= 0; ordinal = queue.next()) {
    taken.push(ordinal)
    queue.known.set(ordinal, {
      ordinal,
      priority: 0,
      attributes: {},
      situation: 'waiting',
      dueAt: 0,
      fence: 0,
      zone: undefined,
      inDoubt: false,
    })
    queue.start(ordinal)
    queue.ack(ordinal)
  }
  return taken
}

describe('I6 B1: a snapshot of groups', () => {
  it('holds the order of the instant at which it began, whatever becomes of the members meanwhile', () => {
    const queue = history()
    const twin = history()
    const before = stateHash(queue.state)
    const snapshot = new SnapshotInProgress(queue.state, STREAM)
    expect(snapshot.chunkCount).toBeGreaterThan(2)
    const chunks = [snapshot.take(0), snapshot.take(1)]
    goOn(queue)
    for (let chunk = 2; chunk <= snapshot.chunkCount; chunk++) chunks.push(snapshot.take(chunk))
    snapshot.end()
    const loader = new SnapshotLoader(STREAM)
    for (const chunk of chunks) expect(isLeft(loader.add(chunk))).toBe(false)
    const finished = loader.finish()
    if (isLeft(finished)) throw new Error(finished.left.reason)
    expect(stateHash(finished.right)).toBe(before)
    expect(stateHash(queue.state)).not.toBe(before)
    const { at } = twin
    expect(drained(finished.right, at)).toEqual(drained(twin.state, at))
  })
})
