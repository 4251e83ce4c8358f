// The EventStoreDB log while the server, or the way to it, misbehaves: what a caller is told is right, or it is "unknown" (I1, I2).
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client'
import { ClientReadableStreamImpl } from '@grpc/grpc-js/build/src/call.js'
import { type Either, isLeft } from 'fp-ts/lib/Either.js'
import { describe, expect, it, vi } from 'vitest'
import { type EventBatch, NO_REVISION } from '../../../domain/batch.js'
import { openEventStoreLog } from '../../../src/adapters/eventstoredb/eventLog.js'
import { appendUntilDefinite } from '../../../src/engine/appendLoop.js'
import type { Appended, AppendFault, EventLog } from '../../../src/ports/eventLog.js'
import { systemClock } from '../../../src/runtime/systemClock.js'
import { batchOf, enqueued, run } from '../../contract/eventLog.contract.js'
import type { Emulator } from '../../support/eventstoredb/emulator.js'
import type { FaultRule } from '../../support/eventstoredb/faults.js'
import { emulated, type LogOptions, SHORT, until } from './emulated.js'

const STREAM = 'partition-orders~1.0'
const OTHER = 'partition-mail~1.0'
const NAMED = `ledgerq.${STREAM}`

const { start, logOn, atEnd } = emulated()

const started = async (
  options: LogOptions = {},
): Promise<Readonly<{ emulator: Emulator; log: EventLog }>> => {
  const emulator = await start()
  return { emulator, log: await logOn(emulator, options) }
}

const planned = (emulator: Emulator, kind: FaultRule['do'], more: Partial<FaultRule> = {}): void =>
  emulator.faults.add({ on: 'append', do: kind, times: 1, stream: NAMED, ...more })

/** As the writer does: the identical append again, until the answer is definite. */
const untilDefinite = (
  log: EventLog,
  expected: number,
  batch: EventBatch,
  stream = STREAM,
): Promise<Either<AppendFault, Appended>> =>
  appendUntilDefinite({ log, clock: systemClock }, stream, expected, batch)

const ordinals = async (log: EventLog, stream = STREAM): Promise<number[]> => {
  const { batches } = await run(log.read(stream, 0, 10_000_000))
  return batches.flatMap(({ events }) => events.map((event) => ('ordinal' in event ? event.ordinal : -1)))
}

describe('R34: the connection is lost', () => {
  it.each(['refuse', 'loseReply', 'killBefore', 'killAfter', 'timeout'] as const)(
    'R34: with %s the caller is told "unknown", and the repeat leaves exactly one copy',
    async (kind) => {
      const { emulator, log } = await started()
      planned(emulator, kind)
      const batch = batchOf([enqueued(1), enqueued(2)])
      const first = await log.append(STREAM, NO_REVISION, batch)()
      expect(first).toMatchObject({ left: { type: 'OutcomeUnknown' } })
      expect(await untilDefinite(log, NO_REVISION, batch)).toMatchObject({
        right: { firstRevision: 0, lastRevision: 1 },
      })
      expect(await ordinals(log)).toEqual([1, 2])
      expect(emulator.faults.met.get(kind)).toBe(1)
    },
  )

  it('R34: an append that could not be sent is a definite failure, and the log serves again by itself', async () => {
    const { emulator, log } = await started()
    await run(log.append(STREAM, NO_REVISION, batchOf([enqueued(1)])))
    await emulator.down()
    // The first call may still find the connection as it breaks; once that is known nothing is sent any more.
    const answers: string[] = []
    for (let tries = 0; tries < 50 && answers.at(-1) !== 'LogUnavailable'; tries++) {
      const answer = await log.append(STREAM, 0, batchOf([enqueued(2)]))()
      answers.push(isLeft(answer) ? answer.left.type : 'done')
    }
    expect(answers.at(-1)).toBe('LogUnavailable')
    expect(answers).not.toContain('done')
    await emulator.up()
    expect(await untilDefinite(log, 0, batchOf([enqueued(3)]))).toMatchObject({ right: { firstRevision: 1 } })
    expect(await ordinals(log)).toEqual([1, 3])
  })

  it('R34: after an unknown outcome a writer that finds another batch there is told of a conflict, not of success', async () => {
    const { emulator, log } = await started()
    const other = await logOn(emulator)
    planned(emulator, 'refuse')
    const batch = batchOf([enqueued(1)])
    expect(await log.append(STREAM, NO_REVISION, batch)()).toMatchObject({ left: { type: 'OutcomeUnknown' } })
    await run(other.append(STREAM, NO_REVISION, batchOf([enqueued(9)])))
    expect(await untilDefinite(log, NO_REVISION, batch)).toMatchObject({ left: { type: 'RevisionConflict' } })
    expect(await ordinals(log)).toEqual([9])
  })
})

describe('R35: a request arrives late', () => {
  it('R35: after its own repeat has landed it changes nothing', async () => {
    const { emulator, log } = await started(SHORT)
    planned(emulator, 'lateCommit')
    const batch = batchOf([enqueued(1)])
    expect(await untilDefinite(log, NO_REVISION, batch)).toMatchObject({ right: { firstRevision: 0 } })
    await untilDefinite(log, 0, batchOf([enqueued(2)]))
    expect(emulator.faults.heldBack).toBe(1)
    emulator.faults.release()
    expect(await ordinals(log)).toEqual([1, 2])
  })

  it('R35: after another writer took the place it is refused by the revision, so nothing appears later', async () => {
    const { emulator, log } = await started(SHORT)
    const other = await logOn(emulator)
    planned(emulator, 'lateCommit')
    const late = await log.append(STREAM, NO_REVISION, batchOf([enqueued(1)]))()
    expect(late).toMatchObject({ left: { type: 'OutcomeUnknown' } })
    await run(other.append(STREAM, NO_REVISION, batchOf([enqueued(9)])))
    emulator.faults.release()
    expect(await ordinals(other)).toEqual([9])
  })

  it('R35: landing before its repeat it is the same batch', async () => {
    const { emulator, log } = await started(SHORT)
    planned(emulator, 'lateCommit')
    const batch = batchOf([enqueued(1)])
    expect(await log.append(STREAM, NO_REVISION, batch)()).toMatchObject({ left: { type: 'OutcomeUnknown' } })
    emulator.faults.release()
    expect(await untilDefinite(log, NO_REVISION, batch)).toMatchObject({ right: { firstRevision: 0 } })
    expect(await ordinals(log)).toEqual([1])
  })
})

describe('R36: no answer, no reset', () => {
  it.each(['silence', 'silentCommit'] as const)(
    'R36: with %s an append ends by our own timer as unknown, and the repeat settles it',
    async (kind) => {
      const { emulator, log } = await started(SHORT)
      planned(emulator, kind)
      const batch = batchOf([enqueued(1)])
      expect(await log.append(STREAM, NO_REVISION, batch)()).toMatchObject({
        left: { type: 'OutcomeUnknown' },
      })
      expect(await untilDefinite(log, NO_REVISION, batch)).toMatchObject({ right: { firstRevision: 0 } })
      expect(await ordinals(log)).toEqual([1])
    },
  )

  it('R36: a silent server is left for a new connection after two calls, and other streams were never held up', async () => {
    const { emulator, log } = await started(SHORT)
    planned(emulator, 'silence', { times: 2 })
    const batch = batchOf([enqueued(1)])
    const [, beside] = await Promise.all([
      log.append(STREAM, NO_REVISION, batch)(),
      untilDefinite(log, NO_REVISION, batchOf([enqueued(7)]), OTHER),
    ])
    expect(beside).toMatchObject({ right: { firstRevision: 0 } })
    expect(await untilDefinite(log, NO_REVISION, batch)).toMatchObject({ right: { firstRevision: 0 } })
  })

  it('R36: our own timers end within 5 s, for appends and for reads, as they are unless somebody sets them', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    atEnd(async () => void vi.useRealTimers())
    const emulator = await start()
    const opened = await openEventStoreLog({ connectionString: emulator.connectionString })
    if (isLeft(opened)) throw new Error(opened.left.reason)
    const log = opened.right
    atEnd(() => log.close())
    planned(emulator, 'silence')
    emulator.faults.add({ on: 'read', do: 'silence', stream: NAMED })
    const append = log.append(STREAM, NO_REVISION, batchOf([enqueued(1)]))()
    await until(() => emulator.faults.met.get('silence') === 1)
    vi.advanceTimersByTime(5_000)
    expect(await append).toMatchObject({ left: { type: 'OutcomeUnknown' } })
    const read = log.read(STREAM, 0, 1_000)()
    await until(() => (emulator.faults.met.get('silence') ?? 0) >= 2)
    vi.advanceTimersByTime(5_000)
    expect(await read).toMatchObject({ left: { type: 'LogUnavailable' } })
  })

  it('R36: reads end by our own timer, and say that the log cannot be reached', async () => {
    const { emulator, log } = await started(SHORT)
    await untilDefinite(log, NO_REVISION, batchOf([enqueued(1)]))
    emulator.faults.add({ on: 'read', do: 'silence', times: 1, stream: NAMED })
    expect(await log.read(STREAM, 0, 1_000)()).toMatchObject({ left: { type: 'LogUnavailable' } })
    emulator.faults.add({ on: 'read', do: 'stall', events: 0, times: 1, stream: NAMED })
    expect(await log.read(STREAM, 0, 1_000)()).toMatchObject({ left: { type: 'LogUnavailable' } })
    expect(await ordinals(log)).toEqual([1])
  })
})

describe('R37: two writers on one stream', () => {
  it('R37: one wins each revision, and the other is told of a conflict', async () => {
    const { emulator, log } = await started()
    const other = await logOn(emulator)
    const won: number[] = []
    for (let revision = -1; revision < 20; revision++) {
      const answers = await Promise.all([
        log.append(STREAM, revision, batchOf([enqueued(1)]))(),
        other.append(STREAM, revision, batchOf([enqueued(2)]))(),
      ])
      const winners = answers.flatMap((answer, index) => (isLeft(answer) ? [] : [index + 1]))
      expect(winners).toHaveLength(1)
      expect(answers).toContainEqual(
        expect.objectContaining({ left: expect.objectContaining({ type: 'RevisionConflict' }) }),
      )
      won.push(winners[0] ?? 0)
    }
    expect(await ordinals(log)).toEqual(won)
  })

  it('R37: event ids differ between batches at the same place, whatever the events', async () => {
    const { emulator, log } = await started()
    const events = [enqueued(1)]
    await run(log.append(STREAM, NO_REVISION, batchOf(events, { batchId: 'one.0' })))
    await run(log.append(OTHER, NO_REVISION, batchOf(events, { batchId: 'two.0' })))
    const ids = emulator.store.all.filter(({ type }) => type === 'MessageEnqueued').map(({ id }) => id)
    expect(new Set(ids).size).toBe(2)
    // The server compares nothing but ids: with the same ones the second writer would be told "yes" for what is not there.
    const [first] = emulator.store.readStream(NAMED) as ReadonlyArray<{ id: string }>
    const forged = {
      id: first?.id ?? '',
      type: 'X',
      contentType: 'application/json',
      data: new Uint8Array(1),
      metadata: new Uint8Array(0),
    }
    expect(emulator.store.append(NAMED, 'no_stream', [forged])).toMatchObject({
      outcome: 'written',
      isRepeat: true,
    })
  })
})

describe('R38: a conflict with our own write', () => {
  it('R38: is recognised as success by the ids, and a conflict with another batch is not', async () => {
    const { emulator, log } = await started()
    planned(emulator, 'forgotten')
    const batch = batchOf([enqueued(1), enqueued(2)])
    expect(await log.append(STREAM, NO_REVISION, batch)()).toMatchObject({
      right: { firstRevision: 0, lastRevision: 1 },
    })
    expect(await log.append(STREAM, NO_REVISION, batchOf([enqueued(1), enqueued(2)]))()).toMatchObject({
      left: { type: 'RevisionConflict', actual: 1 },
    })
    expect(await ordinals(log)).toEqual([1, 2])
  })

  it('R38: while it cannot be looked at, nobody knows', async () => {
    const { emulator, log } = await started(SHORT)
    planned(emulator, 'forgotten')
    emulator.faults.add({ on: 'read', do: 'accessDenied', times: 1, stream: NAMED })
    const batch = batchOf([enqueued(1)])
    expect(await log.append(STREAM, NO_REVISION, batch)()).toMatchObject({ left: { type: 'OutcomeUnknown' } })
    expect(await untilDefinite(log, NO_REVISION, batch)).toMatchObject({ right: { firstRevision: 0 } })
  })
})

describe('R41: what the client package does wrong', () => {
  it('R41: the shared batch append of the package is never used', async () => {
    const { emulator, log } = await started()
    await run(log.append(STREAM, NO_REVISION, batchOf([enqueued(1)])))
    await run(log.truncateBefore(STREAM, 1))
    expect(emulator.calls.get('append')).toBeGreaterThan(1)
    expect(emulator.calls.get('batchAppend')).toBeUndefined()
  })

  it('R41: nothing that the batch append of a server or of another client in the process does wrong reaches ours', async () => {
    const { emulator, log } = await started()
    const elsewhere = await start()
    for (const kind of ['foreignReply', 'cleanEnd', 'silence'] as const)
      emulator.faults.add({ on: 'batchAppend', do: kind })
    const stranger = EventStoreDBClient.connectionString(elsewhere.connectionString)
    atEnd(async () => void stranger.dispose())
    const strange = jsonEvent({ type: 'Strange', data: {} })
    await stranger.appendToStream('warm', strange)
    elsewhere.faults.add({ on: 'batchAppend', do: 'loseReply', stream: 'theirs' })
    planned(emulator, 'lateCommit')
    const ours = log.append(STREAM, NO_REVISION, batchOf([enqueued(1)]))()
    await until(() => emulator.faults.heldBack === 1)
    // The package rejects every batch append of the process with this, and may end it with what is answered later.
    await expect(stranger.appendToStream('theirs', strange)).rejects.toMatchObject({ type: 'unavailable' })
    let isOpen = true
    void ours.then(() => {
      isOpen = false
    })
    await run(log.append(OTHER, NO_REVISION, batchOf([enqueued(7)])))
    expect(isOpen).toBe(true)
    emulator.faults.clear()
    emulator.faults.release()
    await emulator.cut()
    expect(await ours).toMatchObject({ left: { type: 'OutcomeUnknown' } })
    expect(await ordinals(log)).toEqual([1])
    expect([emulator.calls.get('batchAppend'), emulator.faults.met.get('foreignReply')]).toEqual([
      undefined,
      undefined,
    ])
  })

  it('R41: of many calls at once no more than the server takes are under way, and none is left unheard when the connection breaks', async () => {
    const { emulator, log } = await started()
    const unheard: unknown[] = []
    const note = (reason: unknown): void => void unheard.push(reason)
    process.on('unhandledRejection', note)
    atEnd(async () => void process.off('unhandledRejection', note))
    emulator.faults.add({ on: 'append', do: 'lateCommit', stream: 'ledgerq.partition-many' })
    const answers = Promise.all(
      Array.from({ length: 200 }, (_, n) =>
        log.append(`partition-many~1.${n}`, NO_REVISION, batchOf([enqueued(n)]))(),
      ),
    )
    while ((emulator.faults.met.get('lateCommit') ?? 0) < 64)
      await new Promise((resolve) => setImmediate(resolve))
    // Below the hundred streams that a connection may have, subscription included.
    expect(emulator.faults.heldBack).toBe(64)
    emulator.faults.clear()
    await emulator.cut()
    const kinds = (await answers).map((answer) => (isLeft(answer) ? answer.left.type : 'done'))
    expect(kinds.filter((kind) => kind === 'OutcomeUnknown').length).toBeGreaterThanOrEqual(64)
    expect(kinds.filter((kind) => kind === 'done').length).toBeGreaterThan(0)
    emulator.faults.release()
    await new Promise((resolve) => setImmediate(resolve))
    expect(unheard).toEqual([])
  })

  it('R41: messages that are looked at one by one leave no call cut off: servers end connections with many of them', async () => {
    const { emulator, log } = await started()
    const cancelled = vi.spyOn(ClientReadableStreamImpl.prototype, 'cancel')
    atEnd(async () => cancelled.mockRestore())
    for (let n = 0; n < 50; n++) await run(log.append(STREAM, n - 1, batchOf([enqueued(n)])))
    for (let n = 0; n < 50; n++) expect((await run(log.read(STREAM, n, 1))).batches).toHaveLength(1)
    expect(await ordinals(log, 'partition-none~1.0')).toEqual([])
    expect(cancelled).not.toHaveBeenCalled()
    // One that would go on for long is.
    await run(log.read(STREAM, 0, 5_000))
    expect(cancelled).toHaveBeenCalledTimes(1)
    // What stays open is the subscription to metadata.
    await until(() => emulator.openReads === 1)
  })

  it('R41: the end of one log leaves the appends of another alone', async () => {
    const { emulator, log } = await started()
    const second = await start()
    const other = await logOn(second)
    planned(second, 'slow', { ms: 100 })
    const inFlight = other.append(STREAM, NO_REVISION, batchOf([enqueued(1)]))()
    await log.close()
    await emulator.down()
    expect(await inFlight).toMatchObject({ right: { firstRevision: 0 } })
  })
})

describe('R42: more than the server takes', () => {
  const large = (ordinal: number): ReturnType<typeof enqueued> =>
    enqueued(ordinal, `"${'x'.repeat(200_000)}"`)

  it('R42: a batch is cut where it may be, and what stands together is appended together', async () => {
    const { emulator, log } = await started()
    const events = Array.from({ length: 12 }, (_, n) => large(n))
    const batch = batchOf(events, { cuts: [0, 2, 4, 5, 8, 10] })
    expect(await log.append(STREAM, NO_REVISION, batch)()).toMatchObject({
      right: { firstRevision: 0, lastRevision: 11 },
    })
    const { batches } = await run(log.read(STREAM, 0, 10_000_000))
    const starts = batches.map(({ firstRevision }) => firstRevision)
    expect(starts.length).toBeGreaterThan(2)
    expect([0, 2, 4, 5, 8, 10]).toEqual(expect.arrayContaining(starts))
    expect(await ordinals(log)).toEqual(events.map((_, n) => n))
    expect(emulator.calls.get('append')).toBeGreaterThanOrEqual(starts.length)
  })

  it('R42: the repeat of a batch that landed in part settles it, without a second copy', async () => {
    const { emulator, log } = await started()
    planned(emulator, 'loseReply', { after: 1 })
    const batch = batchOf(
      Array.from({ length: 12 }, (_, n) => large(n)),
      { cuts: [0, 3, 6, 9] },
    )
    expect(await log.append(STREAM, NO_REVISION, batch)()).toMatchObject({ left: { type: 'OutcomeUnknown' } })
    expect(await untilDefinite(log, NO_REVISION, batch)).toMatchObject({ right: { lastRevision: 11 } })
    expect(await ordinals(log)).toEqual(Array.from({ length: 12 }, (_, n) => n))
  })

  it('R42: another writer behind the first part leaves the rest unknown, never half a success', async () => {
    const { emulator, log } = await started()
    const other = await logOn(emulator)
    planned(emulator, 'refuse', { after: 1 })
    const batch = batchOf([large(0), large(1), large(2), large(3), large(4), large(5)], { cuts: [0, 3] })
    expect(await log.append(STREAM, NO_REVISION, batch)()).toMatchObject({ left: { type: 'OutcomeUnknown' } })
    await run(other.append(STREAM, 2, batchOf([enqueued(9)])))
    expect(await log.append(STREAM, NO_REVISION, batch)()).toMatchObject({ left: { type: 'OutcomeUnknown' } })
    expect(await ordinals(log)).toEqual([0, 1, 2, 9])
  })

  it('R42: what cannot be cut is refused before anything is sent, and the stream goes on', async () => {
    const { emulator, log } = await started()
    const before = emulator.store.all.length
    const batch = batchOf([large(0), large(1), large(2), large(3), large(4), large(5)])
    expect(await log.append(STREAM, NO_REVISION, batch)()).toMatchObject({ left: { type: 'BatchTooLarge' } })
    expect(emulator.store.all).toHaveLength(before)
    await run(log.append(STREAM, NO_REVISION, batchOf([enqueued(1)])))
    expect(await ordinals(log)).toEqual([1])
  })
})
