// Rules of a partition's state that random histories meet too seldom, what stops it, and snapshots of many chunks.
import { strict as assert } from 'node:assert'
import { describe, expect, it } from 'vitest'
import { Defect } from '../../../domain/invariant.js'
import type { MessageEvent } from '../../../domain/message/index.js'
import type { PartitionEvent } from '../../../domain/partition/events.js'
import { DEFAULT_QUEUE_CONFIG, NO_SWITCHES } from '../../../domain/queue/index.js'
import { fixed } from '../../../domain/retry/index.js'
import { CHUNK_SLOTS } from '../../../projections/messageTable/layout.js'
import {
  PartitionState,
  SnapshotInProgress,
  SnapshotLoader,
  stateHash,
  viewOf,
} from '../../../projections/partition/index.js'
import { nextOrdinal } from '../../support/partitionHistory.js'

const STREAM = 'partition-orders~1.0'

type EnqueueOptions = Readonly<{ priority?: number; group?: string; notBefore?: number; expiresAt?: number }>

/** Events of messages without callers' ids, applied at a clock that only the test moves. */
class Partition {
  at = 1_000
  tick = 0
  constructor(readonly state = new PartitionState()) {}

  add(...events: ReadonlyArray<PartitionEvent>): void {
    for (const event of events) this.state.apply(event, this.at, this.tick)
  }
  enqueue({ priority = 0, group, notBefore = 0, expiresAt = 0 }: EnqueueOptions = {}): number {
    const ordinal = this.state.nextOrdinal
    const attributes = group === undefined ? undefined : { group }
    const callerId = undefined
    this.add({
      type: 'MessageEnqueued',
      ordinal,
      callerId,
      payload: '1',
      priority,
      notBefore,
      expiresAt,
      attributes,
    })
    return ordinal
  }
  start(ordinal: number, leaseMs = 100): number {
    const fence = this.state.nextFence
    const ofMessage = { ordinal, callerId: undefined }
    this.add({
      type: 'AttemptStarted',
      zone: undefined,
      ...ofMessage,
      attempt: 1,
      fence,
      leaseMs,
      worker: 'w',
      claimId: undefined,
    })
    return fence
  }
  ack(ordinal: number, fence: number): void {
    this.add({
      type: 'AttemptSucceeded',
      followUps: undefined,
      reconciled: undefined,
      ordinal,
      callerId: undefined,
      fence,
      result: undefined,
    })
  }
  fail(ordinal: number, fence: number, ended: 'reported' | 'workerLost', retryAt: number): void {
    const ofMessage = { ordinal, callerId: undefined }
    this.add(
      { type: 'AttemptFailed', ...ofMessage, fence, failureType: 'NETWORK', message: '', ended },
      { type: 'RetryScheduled', gate: undefined, ...ofMessage, retryAt, delayMs: 0 },
    )
  }
  die(ordinal: number, fence: number): void {
    const ofMessage = { ordinal, callerId: undefined }
    this.add(
      { type: 'AttemptFailed', ...ofMessage, fence, failureType: 'BUSINESS', message: '', ended: 'reported' },
      { type: 'MessageDeadLettered', followUps: undefined, ...ofMessage, reason: 'notRetryable' },
    )
  }
  redrive(ordinal: number): void {
    this.add({ type: 'MessageRedriven', ordinal, callerId: undefined, by: undefined })
  }
  next(inDoubt = false): number {
    return nextOrdinal(this.state, inDoubt)
  }
}

describe('a message in doubt', () => {
  it('C13 is not handed out among others by an entry that an earlier failure left behind', () => {
    const partition = new Partition()
    const { state } = partition
    const earlier = partition.enqueue({ notBefore: 2_000 })
    const poison = partition.enqueue()
    const fence = partition.start(poison)
    partition.at = 2_000
    state.promote(2_000, 10)
    // Ready for a moment behind `earlier`, so its entry stays when the retry moves it among the due times.
    partition.fail(poison, fence, 'reported', 2_001)
    partition.start(earlier)
    partition.at = 2_001
    state.promote(2_001, 10)
    partition.fail(poison, partition.start(poison), 'workerLost', 2_001)
    expect(partition.next(false)).toBe(-1)
    expect(partition.next(true)).toBe(poison)
  })
})

describe('a group', () => {
  it('B1 goes on with an older member that was redriven while a younger one ran', () => {
    const partition = new Partition()
    const older = partition.enqueue({ group: 'g' })
    const younger = partition.enqueue({ group: 'g' })
    partition.die(older, partition.start(older))
    const fence = partition.start(younger)
    partition.redrive(older)
    expect(partition.next()).toBe(-1)
    partition.fail(younger, fence, 'reported', 5_000)
    expect(partition.next()).toBe(older)
  })

  it('B1 holds back a younger member of higher priority that was ready when the older one was redriven', () => {
    const partition = new Partition()
    const older = partition.enqueue({ group: 'g' })
    const younger = partition.enqueue({ group: 'g', priority: 10 })
    partition.die(older, partition.start(older))
    expect(partition.next()).toBe(younger)
    partition.redrive(older)
    expect(partition.next()).toBe(older)
    partition.ack(older, partition.start(older))
    expect(partition.next()).toBe(younger)
  })

  it('R32 B1 goes on when its head expires', () => {
    const partition = new Partition()
    const head = partition.enqueue({ group: 'g', notBefore: 9_000, expiresAt: 2_000 })
    const second = partition.enqueue({ group: 'g' })
    expect(partition.next()).toBe(-1)
    partition.at = 2_000
    const expired = partition.state.promote(2_000, 10).map((slot) => partition.state.table.read(slot).ordinal)
    expect(expired).toEqual([head])
    partition.add({ type: 'MessageExpired', ordinal: head, callerId: undefined })
    expect(partition.next()).toBe(second)
  })
})

describe('passing time', () => {
  it('B3 is looked at in portions, and what is left is found the next time', () => {
    const partition = new Partition()
    for (let n = 0; n < 5; n++) partition.enqueue({ notBefore: 2_000 })
    expect(partition.state.promote(2_000, 3)).toEqual([])
    expect(viewOf(partition.state.counts)).toMatchObject({ scheduled: 2, pending: 3 })
    partition.state.promote(2_000, 3)
    expect(viewOf(partition.state.counts)).toMatchObject({ scheduled: 0, pending: 5 })
  })

  it('C4 §4.11 grants every lease anew, in full, on the clock of a new term', () => {
    const partition = new Partition()
    partition.tick = 1_000_000
    partition.start(partition.enqueue(), 300)
    partition.start(partition.enqueue(), 200)
    expect(partition.state.leases.nextAt()).toBe(1_000_200)
    partition.state.regrantLeases(50)
    expect(partition.state.leases.nextAt()).toBe(250)
  })
})

describe('a finished message', () => {
  it('R27 is known by its fence, and one that never was is not', () => {
    const partition = new Partition()
    const ordinal = partition.enqueue()
    const fence = partition.start(ordinal)
    partition.ack(ordinal, fence)
    expect(partition.state.messageAt(ordinal)).toEqual({
      tag: 'Finished',
      ordinal,
      outcome: 'succeeded',
      fence,
    })
    for (const never of [0, 2, 65_536]) expect(partition.state.messageAt(never)).toEqual({ tag: 'Absent' })
  })
})

describe('a log that cannot be right', () => {
  const of1 = { ordinal: 1, callerId: undefined } as const
  const enqueued: PartitionEvent = {
    type: 'MessageEnqueued',
    ...of1,
    payload: '1',
    priority: 0,
    notBefore: 0,
    expiresAt: 0,
    attributes: undefined,
  }
  const started = (fence: number): MessageEvent => ({
    type: 'AttemptStarted',
    zone: undefined,
    ...of1,
    attempt: 1,
    fence,
    leaseMs: 1,
    worker: 'w',
    claimId: undefined,
  })
  const acked = (fence: number): MessageEvent => ({
    type: 'AttemptSucceeded',
    followUps: undefined,
    reconciled: undefined,
    ...of1,
    fence,
    result: undefined,
  })

  it.each<readonly [string, ReadonlyArray<PartitionEvent | { type: 'QueuePaused'; by: undefined }>, RegExp]>([
    ['I8 an event on a message that is not there', [acked(1)], /I8 AttemptSucceeded at revision 0/],
    ['I8 a message enqueued twice', [enqueued, enqueued], /I8 ordinal 1 at revision 1/],
    ['I8 an ack without a claim', [enqueued, acked(1)], /I8 AttemptSucceeded at revision 1/],
    ['I3 an ack under another fence', [enqueued, started(1), acked(2)], /I3 AttemptSucceeded at revision 2/],
    [
      'I3 a fence that was handed out before',
      [enqueued, started(5), { type: 'AttemptReleased', ...of1, fence: 5, notBefore: 0 }, started(5)],
      /I3 fence 5 at revision 3/,
    ],
    [
      'I2 an epoch that is not new',
      [
        { type: 'PartitionOpened', epoch: 2, node: 'a', incarnation: 'a' },
        { type: 'PartitionOpened', epoch: 2, node: 'b', incarnation: 'b' },
      ],
      /I2 epoch 2 at revision 1/,
    ],
    [
      'R64 an event of another stream',
      [{ type: 'QueuePaused', by: undefined }],
      /I8 QueuePaused at revision 0/,
    ],
  ])('%s stops the partition and names the revision', (_, events, message) => {
    const state = new PartitionState()
    const applyAll = (): void => {
      for (const event of events) state.apply(event, 1_000, 0)
    }
    expect(applyAll).toThrow(message)
    expect(applyAll).toThrow(Defect)
  })

  it('I9 stops at a recorded time that goes back', () => {
    const state = new PartitionState()
    state.apply(enqueued, 1_000, 0)
    expect(() => state.apply(started(1), 999, 0)).toThrow(/I9 recorded time went back at revision 1/)
  })
})

describe('the state hash', () => {
  it('I6 does not depend on how a policy or a configuration happened to be spelt', () => {
    const { retriesMax, ...others } = fixed({ delayMs: 5 })
    const enqueue = (retry: typeof others & { retriesMax: number }): PartitionEvent => ({
      type: 'MessageEnqueued',
      ordinal: 1,
      callerId: undefined,
      payload: '1',
      priority: 0,
      notBefore: 0,
      expiresAt: 0,
      attributes: { retry },
    })
    const adopt = (config: typeof DEFAULT_QUEUE_CONFIG): PartitionEvent => ({
      type: 'ConfigAdopted',
      switches: NO_SWITCHES,
      controlRevision: 0,
      config,
      paused: false,
    })
    const reversed = Object.fromEntries(Object.entries(DEFAULT_QUEUE_CONFIG).reverse())
    const [one, other] = [new Partition(), new Partition()]
    one.add(adopt(DEFAULT_QUEUE_CONFIG), enqueue({ ...others, retriesMax }))
    other.add(adopt(reversed as typeof DEFAULT_QUEUE_CONFIG), enqueue({ retriesMax, ...others }))
    expect(stateHash(one.state)).toBe(stateHash(other.state))
  })

  it('I6 tells which of two messages an event was about', () => {
    const swapped = (...extended: ReadonlyArray<number>): string => {
      const partition = new Partition()
      const ordinals = Array.from({ length: 8 }, () => partition.enqueue())
      const fences = new Map(ordinals.map((ordinal) => [ordinal, partition.start(ordinal)]))
      for (const ordinal of extended) {
        const fence = fences.get(ordinal) ?? 0
        partition.add({ type: 'LeaseExtended', ordinal, callerId: undefined, fence, leaseMs: 100 })
      }
      return stateHash(partition.state)
    }
    const hashes = new Set<string>()
    for (let one = 1; one <= 8; one++) {
      for (let other = 1; other <= 8; other++) if (one !== other) hashes.add(swapped(one, other))
    }
    expect(hashes.size).toBe(56)
  })
})

describe('a snapshot of several chunks', () => {
  const filled = (): Partition => {
    const partition = new Partition()
    for (let n = 0; n < 2 * CHUNK_SLOTS + 100; n++) partition.enqueue(n % 500 === 0 ? { group: 'g' } : {})
    return partition
  }
  const finishSome = (partition: Partition, ordinals: ReadonlyArray<number>): void => {
    for (const ordinal of ordinals) partition.ack(ordinal, partition.start(ordinal))
  }
  const loadAll = (chunks: ReadonlyArray<Uint8Array>): PartitionState => {
    const loader = new SnapshotLoader(STREAM)
    for (const chunk of chunks) assert.equal(loader.add(chunk)._tag, 'Right')
    const loaded = loader.finish()
    if (loaded._tag === 'Left') throw new Error(loaded.left.reason)
    return loaded.right
  }

  it('I6 R59 holds the moment it began, whatever changes before, between and behind its chunks', () => {
    const partition = filled()
    const { state } = partition
    finishSome(partition, [3, CHUNK_SLOTS + 3, 2 * CHUNK_SLOTS + 3])
    const before = stateHash(state)
    const snapshot = new SnapshotInProgress(state, STREAM)
    expect(snapshot.chunkCount).toBe(3)
    const chunks = [snapshot.take(0)]
    // Chunks that are not taken yet change; free places are filled again; a new chunk begins.
    finishSome(partition, [5, CHUNK_SLOTS + 5, 2 * CHUNK_SLOTS + 5])
    for (let n = 0; n < CHUNK_SLOTS; n++) partition.enqueue()
    chunks.push(snapshot.take(1))
    finishSome(partition, [7, CHUNK_SLOTS + 7])
    chunks.push(snapshot.take(2))
    finishSome(partition, [9, 2 * CHUNK_SLOTS + 9])
    chunks.push(snapshot.take(3))
    snapshot.end()
    const loaded = loadAll(chunks)
    expect(stateHash(loaded)).toBe(before)
    expect(nextOrdinal(loaded, false)).toBe(1)
    // The same tail on both gives the same state.
    const tail = new Partition(loaded)
    finishSome(tail, [5, CHUNK_SLOTS + 5, 2 * CHUNK_SLOTS + 5])
    for (let n = 0; n < CHUNK_SLOTS; n++) tail.enqueue()
    finishSome(tail, [7, CHUNK_SLOTS + 7, 9, 2 * CHUNK_SLOTS + 9])
    expect(stateHash(loaded)).toBe(stateHash(state))
  })

  it('I6 can be taken again right after the one before', () => {
    const partition = filled()
    const first = new SnapshotInProgress(partition.state, STREAM)
    first.end()
    finishSome(partition, [4])
    const before = stateHash(partition.state)
    const second = new SnapshotInProgress(partition.state, STREAM)
    finishSome(partition, [6])
    const chunks = Array.from({ length: second.chunkCount + 1 }, (_, n) => second.take(n))
    expect(stateHash(loadAll(chunks))).toBe(before)
  })

  it('can be read from a view into a greater buffer', () => {
    const partition = new Partition()
    partition.enqueue({ group: 'g' })
    const snapshot = new SnapshotInProgress(partition.state, STREAM)
    const views = [0, 1].map((n) => {
      const bytes = snapshot.take(n)
      return Buffer.concat([Buffer.alloc(24), bytes, Buffer.alloc(9)]).subarray(24, 24 + bytes.length)
    })
    expect(stateHash(loadAll(views))).toBe(stateHash(partition.state))
  })

  it('R62 is refused when it is of another stream, another version, cut short, or no snapshot at all', () => {
    const partition = new Partition()
    partition.enqueue()
    const snapshot = new SnapshotInProgress(partition.state, STREAM)
    const [header, chunk] = [snapshot.take(0), snapshot.take(1)]
    const text = new TextDecoder().decode(header)
    const altered = (from: string, to: string): Uint8Array => {
      expect(text).toContain(from)
      return new TextEncoder().encode(text.replace(from, to))
    }
    const outcome = (stream: string, ...chunks: ReadonlyArray<Uint8Array>): string => {
      const loader = new SnapshotLoader(stream)
      for (const one of chunks) {
        const added = loader.add(one)
        if (added._tag === 'Left') return added.left.reason
      }
      const finished = loader.finish()
      return finished._tag === 'Left' ? finished.left.reason : 'loaded'
    }
    expect(outcome(STREAM, header, chunk)).toBe('loaded')
    expect(outcome('partition-orders~1.1', header, chunk)).toBe(`taken of ${STREAM}`)
    expect(outcome(STREAM, altered('"version":2', '"version":1'), chunk)).toBe('version 1, this one reads 2')
    expect(outcome(STREAM, altered('"form":"ledgerq', '"form":"other'), chunk)).toBe(
      'not a partition snapshot',
    )
    expect(outcome(STREAM, altered('"recordBytes":128', '"recordBytes":64'), chunk)).toBe(
      'another record size',
    )
    expect(outcome(STREAM, header)).toBe('chunks are missing')
    expect(outcome(STREAM)).toBe('chunks are missing')
    expect(outcome(STREAM, header, chunk.subarray(0, chunk.length - 8))).toBe('a chunk has the wrong size')
    expect(outcome(STREAM, header.subarray(0, 100))).not.toBe('loaded')
    expect(outcome(STREAM, altered('"slots":1', '"slots":90000'), chunk)).not.toBe('loaded')
    expect(outcome(STREAM, altered('"failuresByType":[]', '"failuresByType":7'), chunk)).not.toBe('loaded')
  })
})
