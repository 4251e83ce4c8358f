// From the log back to the state (I6): after a crash, with snapshots that are good, late, damaged or of another place.
import { describe, expect, it } from 'vitest'
import { recoverPartition } from '../../src/engine/recovery.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import { FaultyLog } from '../support/faultyLog.js'
import { ack, fail, message, right, TestQueue } from '../support/ledger.js'
import { seeded } from '../support/simulationSwarm.js'

const LEASE_MS = 30_000

describe('after a crash (C5, §4.12)', () => {
  it('attempts of the lost process fail as CRASH at once, in the first append of the new term', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1), message(2))
    await queue.claimed({ max: 2, worker: queue.localWorker })
    const before = (await queue.events()).length
    await queue.restart()
    const { events } = queue.log.asked[0]?.batch ?? { events: [] }
    expect(events).toEqual((await queue.events()).slice(before))
    expect(events[0]).toMatchObject({ type: 'PartitionOpened', epoch: 2 })
    for (const ordinal of [1, 2]) {
      expect(events.filter((event) => 'ordinal' in event && event.ordinal === ordinal)).toMatchObject([
        { type: 'AttemptFailed', failureType: 'CRASH', ended: 'workerLost' },
        { type: 'RetryScheduled' },
      ])
    }
    await queue.assertReplayAgrees()
  })

  it('leases of remote workers go on, granted anew in full, and their late acks count', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1), message(2))
    const [first] = await queue.claimed({ max: 2, worker: 'remote', leaseMs: LEASE_MS })
    await queue.clock.advance(LEASE_MS - 1)
    await queue.restart()
    await queue.clock.advance(LEASE_MS - 1)
    expect(await queue.eventTypes()).not.toContain('AttemptFailed')
    if (first !== undefined) expect(await queue.settled(ack(first))).toMatchObject([{ _tag: 'Right' }])
    await queue.clock.advance(1)
    expect((await queue.eventTypes()).filter((type) => type === 'AttemptFailed')).toHaveLength(1)
  })

  it('a local worker of this process keeps its messages when only the partition is opened anew', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    const held = await queue.one({ worker: queue.localWorker })
    queue.log.plan('full')
    await queue.clock.settled(queue.enqueue(message(2)))
    await queue.clock.advance(1_000)
    expect(await queue.settled(ack(held))).toMatchObject([{ _tag: 'Right' }])
  })

  it('what was acknowledged is there, and what was in flight is there or not, but whole', async () => {
    for (const arrives of [true, false]) {
      const queue = await TestQueue.open()
      await queue.enqueued(message('kept'))
      queue.log.plan('lateRequest')
      void queue.enqueue(message('in flight 1'), message('in flight 2'))
      await queue.clock.settle()
      const old = queue.crash()
      if (arrives) old.release()
      await queue.restart()
      if (!arrives) old.release()
      await queue.clock.settle()
      expect(await queue.drainPayloads()).toEqual(arrives ? ['kept', 'in flight 1', 'in flight 2'] : ['kept'])
      await queue.assertReplayAgrees()
    }
  })

  it('R30: a redrive that is repeated, or cut short by a crash, redrives each message once', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1), message(2))
    for (const delivery of await queue.claimed({ max: 2 }))
      await queue.settled(fail(delivery, { retryable: false }))
    const redrive = (...ordinals: number[]) => queue.engine.operate(0, 'redrive', ordinals, { who: 'ada' })
    const twice = [redrive(1), redrive(1)]
    expect(right(await queue.clock.settled(twice[0] ?? redrive(1))).value).toMatchObject([{ _tag: 'Right' }])
    expect(right(await queue.clock.settled(twice[1] ?? redrive(1))).value).toMatchObject([
      { left: { type: 'MessageNotDead', now: 'Waiting' } },
    ])
    queue.log.plan('lostReply')
    void redrive(2)
    await queue.clock.settle()
    await queue.restart()
    expect(right(await queue.clock.settled(redrive(1, 2))).value).toMatchObject([
      { left: { type: 'MessageNotDead' } },
      { left: { type: 'MessageNotDead' } },
    ])
    expect((await queue.eventTypes()).filter((type) => type === 'MessageRedriven')).toHaveLength(2)
  })
})

describe('payloads beyond the cache', () => {
  it('are read from the log when they are claimed, unchanged and in order', async () => {
    const queue = await TestQueue.open({ payloadCacheBytes: 0 })
    const payloads = Array.from({ length: 30 }, (_, n) => ({ n, text: 'x'.repeat(n) }))
    for (const payload of payloads) await queue.enqueued(message(payload))
    expect(await queue.drainPayloads()).toEqual(payloads)
  })

  it('are read again for a retry and after a restart', async () => {
    const queue = await TestQueue.open({ payloadCacheBytes: 300 })
    await queue.enqueued(message('one'), message('two'), message('three'))
    const [first] = await queue.claimed({ max: 3 })
    if (first !== undefined) await queue.settled(fail(first))
    await queue.restart()
    await queue.clock.advance(3_600_000)
    expect(await queue.drainPayloads()).toEqual(['one', 'two', 'three'])
  })
})

/** Some of everything, so that a snapshot has something to hold. */
const live = async (queue: TestQueue, seed: number, steps: number): Promise<void> => {
  const random = seeded(seed)
  for (let n = 0; n < steps; n++) {
    const what = random()
    if (what < 0.5) {
      const callerId = random() < 0.3 ? `id-${Math.floor(random() * 20)}` : undefined
      const group = random() < 0.3 ? `g${Math.floor(random() * 3)}` : undefined
      const over = { delayMs: random() < 0.3 ? 100 : 0, ttlMs: random() < 0.2 ? 400 : 0, callerId }
      await queue.enqueued(
        message(n, {
          ...over,
          attributes: { dedupKey: `k${random() < 0.3 ? n % 7 : n}`, ...(group && { group }) },
        }),
      )
    } else if (what < 0.9) {
      for (const delivery of await queue.claimed({ max: 2, leaseMs: 1_000, claimId: `c${n}` })) {
        const outcome = random()
        if (outcome < 0.5) await queue.settled(ack(delivery))
        else if (outcome < 0.8) await queue.settled(fail(delivery))
      }
    } else await queue.clock.advance(Math.floor(random() * 500))
  }
}

describe('snapshots (I6, R62)', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'with the tail behind them agree with the whole log, history %i',
    async (seed) => {
      const queue = await TestQueue.open({ snapshotEveryEvents: 11 })
      for (let part = 0; part < 4; part++) {
        await live(queue, seed * 100 + part, 25)
        await queue.assertReplayAgrees()
        await queue.restart()
        await queue.assertReplayAgrees()
      }
      const recovered = await recoverPartition(queue.inner, queue.stream)
      expect(recovered.snapshotRevision).toBeGreaterThan(0)
    },
  )

  it('that are written while the state goes on hold the state of their revision', async () => {
    const queue = await TestQueue.open({ snapshotEveryEvents: 40 })
    let resume = (): void => undefined
    let started = 0
    const { saveSnapshot } = queue.log.port
    const slowly = async function* (chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
      started++
      await new Promise<void>((resolve) => {
        resume = resolve
      })
      yield* chunks
    }
    Object.assign(queue.log.port, {
      saveSnapshot: (stream: string, revision: number, chunks: AsyncIterable<Uint8Array>) =>
        saveSnapshot(stream, revision, slowly(chunks)),
    })
    await live(queue, 7, 60)
    expect(started).toBe(1)
    const between = (await queue.events()).length
    await live(queue, 8, 20)
    resume()
    await queue.clock.settle()
    const recovered = await recoverPartition(queue.inner, queue.stream)
    expect(recovered.snapshotRevision).toBeGreaterThan(0)
    expect(recovered.snapshotRevision).toBeLessThan(between)
    await queue.assertReplayAgrees()
  })

  it('are written at close, and the next start replays nothing', async () => {
    const queue = await TestQueue.open()
    await live(queue, 9, 30)
    await queue.clock.settled(queue.engine.close())
    const recovered = await recoverPartition(queue.inner, queue.stream)
    expect(recovered.eventsReplayed).toBe(0)
    await queue.restart()
    await queue.assertReplayAgrees()
  })
})

/** A log that answers these snapshots, and everything else from the one inside. */
const withSnapshots = (
  inner: EventLog,
  stored: ReadonlyArray<{ revision: number; chunks: ReadonlyArray<Uint8Array | 'unreadable'> }>,
): EventLog => ({
  ...new FaultyLog(inner).port,
  snapshots: () => async () => ({
    _tag: 'Right',
    right: stored.map(({ revision, chunks }) => ({
      revision,
      bytes: 0,
      read: (number: number) => async () => {
        const chunk = chunks[number]
        return chunk === 'unreadable'
          ? { _tag: 'Left', left: { type: 'LogUnavailable', reason: 'checksum' } }
          : { _tag: 'Right', right: chunk }
      },
    })),
  }),
})

const snapshotOf = async (queue: TestQueue): Promise<{ revision: number; chunks: Uint8Array[] }> => {
  const stored = await queue.inner.snapshots(queue.stream)()
  const [newest] = stored._tag === 'Right' ? stored.right : []
  const chunks: Uint8Array[] = []
  for (let number = 0; newest !== undefined; number++) {
    const chunk = await newest.read(number)()
    if (chunk._tag === 'Left' || chunk.right === undefined) break
    chunks.push(chunk.right)
  }
  return { revision: newest?.revision ?? -1, chunks }
}

const reworded = (chunks: ReadonlyArray<Uint8Array>, change: (header: Record<string, unknown>) => void) => {
  const [first = new Uint8Array(), ...rest] = chunks
  const header = JSON.parse(new TextDecoder().decode(first)) as Record<string, unknown>
  change(header)
  return [new TextEncoder().encode(JSON.stringify(header)), ...rest]
}

describe('a snapshot that is not what it should be (R62)', () => {
  const damaged: ReadonlyArray<[string, (chunks: Uint8Array[]) => Array<Uint8Array | 'unreadable'>]> = [
    ['is empty', () => []],
    ['has empty chunks', (chunks) => chunks.map(() => new Uint8Array())],
    ['ends after its header', (chunks) => chunks.slice(0, 1)],
    ['ends in the middle of a chunk', (chunks) => chunks.map((chunk) => chunk.slice(0, chunk.length >> 1))],
    ['lacks its header', (chunks) => chunks.slice(1)],
    ['has more chunks than it says', (chunks) => [...chunks, ...chunks.slice(1)]],
    ['cannot be read', (chunks) => chunks.map(() => 'unreadable' as const)],
    ['cannot be read to its end', (chunks) => [...chunks.slice(0, 1), 'unreadable' as const]],
    [
      'is of another version',
      (chunks) => reworded(chunks, (header) => Object.assign(header, { version: 99 })),
    ],
    [
      'is of another partition',
      (chunks) => reworded(chunks, (header) => Object.assign(header, { stream: 'partition-mail~1.0' })),
    ],
    [
      'is of another form',
      (chunks) => reworded(chunks, (header) => Object.assign(header, { form: 'something' })),
    ],
    [
      'says another revision than its place',
      (chunks) => reworded(chunks, (header) => Object.assign(header, { nextRevision: 3 })),
    ],
  ]

  it.each(damaged)(
    'because it %s is passed over: by the older one, then by the whole log',
    async (_, damage) => {
      const queue = await TestQueue.open()
      await live(queue, 11, 30)
      await queue.clock.settled(queue.engine.close())
      const older = await snapshotOf(queue)
      await queue.restart()
      await live(queue, 12, 20)
      await queue.clock.settled(queue.engine.close())
      const newer = await snapshotOf(queue)
      await queue.restart()
      const bad = { revision: newer.revision, chunks: damage(newer.chunks) }
      const fromOlder = await recoverPartition(withSnapshots(queue.inner, [bad, older]), queue.stream)
      expect(fromOlder.snapshotRevision).toBe(older.revision)
      const fromLog = await recoverPartition(withSnapshots(queue.inner, [bad]), queue.stream)
      expect(fromLog.snapshotRevision).toBe(-1)
      await queue.assertReplayAgrees()
    },
  )

  it('R15: because it is ahead of the log refuses the start: the log has lost its end, or is an older copy', async () => {
    const queue = await TestQueue.open()
    await live(queue, 14, 10)
    await queue.clock.settled(queue.engine.close())
    const { chunks } = await snapshotOf(queue)
    const head = (await queue.events()).length - 1
    const log = withSnapshots(queue.inner, [{ revision: head + 1, chunks }])
    await expect(recoverPartition(log, queue.stream)).rejects.toThrow(/older copy of the log/)
  })
})
