// Which events end up in the register of finished messages, and how it catches up with its log (§4.9).
import * as E from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { type LedgerEvent, NO_REVISION } from '../../domain/batch.js'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import { memoryFinishedRegister } from '../../src/adapters/memory/finishedRegister.js'
import { catchUp, noteBatch } from '../../src/engine/registerFeed.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import { batchOf, enqueued, run } from '../contract/eventLog.contract.js'

const STREAM = 'partition-orders~1.0'
const PATIENT = new AbortController().signal

const succeeded = (ordinal: number, callerId?: string): LedgerEvent => ({
  type: 'AttemptSucceeded',
  followUps: undefined,
  reconciled: undefined,
  ordinal,
  callerId,
  fence: 1,
  result: undefined,
})

/** Big enough payloads that the log is read in several pages. */
const filled = async (messages: number): Promise<EventLog> => {
  const log = openMemoryLog()
  let head = NO_REVISION
  for (let ordinal = 1; ordinal <= messages; ordinal++) {
    const batch = batchOf([enqueued(ordinal, `"${'x'.repeat(100_000)}"`), succeeded(ordinal)])
    head = (await run(log.append(STREAM, head, batch))).lastRevision
  }
  return log
}

describe('feeding the register of finished messages', () => {
  it('notes the four ways to finish under their revisions, and nothing else', async () => {
    const register = memoryFinishedRegister()
    noteBatch(register, STREAM, {
      firstRevision: 10,
      events: [
        enqueued(1),
        succeeded(2, 'order-2'),
        { type: 'MessageCancelled', ordinal: 3, callerId: undefined, by: { who: 'ada' } },
        {
          type: 'MessageDeadLettered',
          followUps: undefined,
          ordinal: 4,
          callerId: undefined,
          reason: 'notRetryable',
        },
        { type: 'MessageExpired', ordinal: 5, callerId: 'order-5' },
        { type: 'PartitionOpened', epoch: 2, node: 'n', incarnation: 'i' },
        { type: 'MessagePurged', cause: 'operator', ordinal: 6, callerId: undefined, by: undefined },
      ],
    })
    expect(await register.page(STREAM, { limit: 10 })).toEqual([
      { ordinal: 6, revision: 16, outcome: 'purged' },
      { ordinal: 5, revision: 14, outcome: 'expired' },
      { ordinal: 3, revision: 12, outcome: 'cancelled' },
      { ordinal: 2, revision: 11, outcome: 'succeeded' },
    ])
    expect(await register.findCallerId(STREAM, 'order-5')).toBe(5)
    expect(await register.findCallerId(STREAM, 'order-2')).toBe(2)
  })

  it('reads what the register does not cover, reports its way, and covers the log then', async () => {
    const log = await filled(50)
    const register = memoryFinishedRegister()
    const noted: number[] = []
    expect(
      await catchUp(log, register, STREAM, PATIENT, (revision, head) => {
        expect(head).toBe(99)
        noted.push(revision)
      }),
    ).toBe(true)
    expect(noted.length).toBeGreaterThan(2)
    expect(noted.at(-1)).toBe(99)
    expect(register.coveredTo(STREAM)).toBe(99)
    expect(await register.page(STREAM, { limit: 100 })).toHaveLength(50)
    await run(log.append(STREAM, 99, batchOf([succeeded(51)])))
    expect(await catchUp(log, register, STREAM, PATIENT)).toBe(true)
    expect(register.coveredTo(STREAM)).toBe(100)
    expect(await register.find(STREAM, 51)).toMatchObject({ revision: 100 })
  })

  it('has nothing to do for a stream without events', async () => {
    const register = memoryFinishedRegister()
    expect(await catchUp(openMemoryLog(), register, STREAM, PATIENT)).toBe(true)
    expect(register.coveredTo(STREAM)).toBe(NO_REVISION)
  })

  it('lets others run between pages, keeps what is noted meanwhile, and stops when it is told to', async () => {
    const log = await filled(50)
    const register = memoryFinishedRegister()
    const stop = new AbortController()
    const stopped = await catchUp(log, register, STREAM, stop.signal, (revision) => {
      if (revision < 40) return
      noteBatch(register, STREAM, { firstRevision: 100, events: [succeeded(51)] })
      stop.abort()
    })
    expect(stopped).toBe(false)
    expect(register.coveredTo(STREAM)).toBe(NO_REVISION)
    expect(await register.find(STREAM, 51)).toMatchObject({ revision: 100 })
    expect(await register.find(STREAM, 50)).toBeUndefined()
  })

  it('begins where the log begins when its prefix was truncated', async () => {
    const log = await filled(5)
    await run(log.truncateBefore(STREAM, 6))
    const register = memoryFinishedRegister()
    expect(await catchUp(log, register, STREAM, PATIENT)).toBe(true)
    expect((await register.page(STREAM, { limit: 9 })).map((entry) => entry.ordinal)).toEqual([5, 4])
    expect(register.coveredTo(STREAM)).toBe(9)
  })

  it('throws away a register that knows more than its log, and builds it anew', async () => {
    const log = await filled(2)
    const register = memoryFinishedRegister()
    noteBatch(register, STREAM, { firstRevision: 500, events: [succeeded(77, 'order-77')] })
    await register.flush(STREAM, 500)
    expect(await catchUp(log, register, STREAM, PATIENT)).toBe(true)
    expect(register.coveredTo(STREAM)).toBe(3)
    expect(await register.find(STREAM, 77)).toBeUndefined()
    expect(await register.findCallerId(STREAM, 'order-77')).toBeUndefined()
    expect(await register.page(STREAM, { limit: 9 })).toHaveLength(2)
  })

  it('reports a log that cannot be read, and covers nothing by it', async () => {
    const log = await filled(2)
    const register = memoryFinishedRegister()
    const broken: EventLog = {
      ...log,
      read: () => async () => E.left({ type: 'LogUnavailable', reason: 'EIO' }),
    }
    await expect(catchUp(broken, register, STREAM, PATIENT)).rejects.toThrow(
      /partition-orders~1.0 cannot be read: EIO/,
    )
    expect(register.coveredTo(STREAM)).toBe(NO_REVISION)
  })
})
