// A log whose connection hangs, answers late, fails again and again, and comes back (C14): what its callers are told.

import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { NO_REVISION } from '../../domain/batch.js'
import { circuit } from '../../domain/circuit/index.js'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import { memoryFinishedRegister } from '../../src/adapters/memory/finishedRegister.js'
import { openLedgerOn } from '../../src/api/openLedger.js'
import { DEFAULT_LOG_GUARD, guardedLog } from '../../src/engine/guardedLog.js'
import type { AppendFault, EventLog } from '../../src/ports/eventLog.js'
import { batchOf, describeEventLog, enqueued } from '../contract/eventLog.contract.js'
import { FaultyLog, type PlannedFault } from '../support/faultyLog.js'
import { countedIds } from '../support/ledger.js'
import { ManualClock, watch } from '../support/manualClock.js'

const STREAM = 'partition-orders~1.0'
const OTHER = 'partition-orders~1.1'
const TIMEOUT_MS = DEFAULT_LOG_GUARD.appendTimeoutMs
const { openMs, failureThreshold } = DEFAULT_LOG_GUARD.circuit

describeEventLog('the guarded memory log', async () => ({
  log: guardedLog(openMemoryLog(), new ManualClock()),
  dispose: async () => {},
}))

/** A log whose reads hang until they are released, too. */
class SlowReads {
  readonly held: Array<() => void> = []
  isHanging = false
  readonly port: EventLog
  constructor(inner: EventLog) {
    this.port = {
      ...inner,
      read: (stream, from, maxBytes) => async () => {
        if (this.isHanging) await new Promise<void>((resolve) => this.held.push(resolve))
        return inner.read(stream, from, maxBytes)()
      },
    }
  }
}

const opened = () => {
  const clock = new ManualClock()
  const memory = openMemoryLog()
  const slow = new SlowReads(memory)
  const faulty = new FaultyLog(slow.port)
  return { clock, memory, slow, faulty, log: guardedLog(faulty.port, clock) }
}
const one = (ordinal = 0) => batchOf([enqueued(ordinal)])
const typeOf = (answer: E.Either<AppendFault, unknown> | undefined): string =>
  answer === undefined ? 'none' : E.isLeft(answer) ? answer.left.type : 'ok'

describe('C14 an append without an answer', () => {
  it('C14, I1: is unknown after its time limit, never definite: it may have landed', async () => {
    const { clock, memory, faulty, log } = opened()
    faulty.plan('held')
    const answer = watch(log.append(STREAM, NO_REVISION, one())())
    await clock.advance(TIMEOUT_MS - 1)
    expect(answer.isOpen).toBe(true)
    await clock.advance(1)
    expect(answer.value).toEqual(
      E.left({ type: 'OutcomeUnknown', reason: `the log did not answer within ${TIMEOUT_MS} ms` }),
    )
    faulty.release()
    await clock.settle()
    expect(await memory.head(STREAM)()).toEqual(E.right(0))
  })

  it('C14, I2: repeated, waits for the first: the log never has two appends of one stream', async () => {
    const { clock, memory, faulty, log } = opened()
    const batch = one()
    faulty.plan('held')
    const first = log.append(STREAM, NO_REVISION, batch)()
    await clock.advance(TIMEOUT_MS)
    expect(typeOf(await first)).toBe('OutcomeUnknown')
    const again = watch(log.append(STREAM, NO_REVISION, batch)())
    await clock.settle()
    expect(faulty.asked).toHaveLength(1)
    faulty.release()
    await clock.settle()
    expect(again.value).toMatchObject(E.right({ firstRevision: 0 }))
    expect(await memory.head(STREAM)()).toEqual(E.right(0))
  })

  it('C14: another batch of the stream is not sent before it has ended, and is then definitely not there', async () => {
    const { clock, faulty, log } = opened()
    faulty.plan('held')
    void log.append(STREAM, NO_REVISION, one())()
    const next = watch(log.append(STREAM, NO_REVISION, one(1))())
    await clock.advance(TIMEOUT_MS)
    expect(next.value).toMatchObject(E.left({ type: 'LogUnavailable' }))
    expect(faulty.asked).toHaveLength(1)
    const third = watch(log.append(STREAM, NO_REVISION, one(1))())
    faulty.release()
    await clock.settle()
    expect(third.value).toMatchObject(E.left({ type: 'RevisionConflict' }))
  })

  it('C14: another stream does not wait for it', async () => {
    const { clock, faulty, log } = opened()
    faulty.plan('held')
    void log.append(STREAM, NO_REVISION, one())()
    expect(typeOf(await clock.settled(log.append(OTHER, NO_REVISION, one())()))).toBe('ok')
  })

  it('C14: a late answer that nobody waits for any more is forgotten, and the stream goes on', async () => {
    const { clock, faulty, log } = opened()
    faulty.plan('held')
    void log.append(STREAM, NO_REVISION, one())()
    await clock.advance(TIMEOUT_MS)
    faulty.release()
    await clock.settle()
    expect(typeOf(await clock.settled(log.append(STREAM, 0, one(1))()))).toBe('ok')
    expect(clock.timerCount).toBe(0)
  })

  it('R20: an answer that waits behind our own pause counts: the time limit looks once more', async () => {
    const { clock, faulty, log } = opened()
    faulty.plan('held')
    const answer = watch(log.append(STREAM, NO_REVISION, one())())
    await clock.settle()
    clock.block(TIMEOUT_MS * 2)
    faulty.release()
    await clock.advance(0)
    expect(typeOf(answer.value)).toBe('ok')
  })
})

describe('C14 reads', () => {
  it('C14: a read without an answer has failed after its time limit, and its late page is dropped', async () => {
    const { clock, slow, log } = opened()
    slow.isHanging = true
    const read = watch(log.read(STREAM, 0, 1_000)())
    await clock.advance(DEFAULT_LOG_GUARD.readTimeoutMs)
    expect(read.value).toMatchObject(
      E.left({ type: 'LogUnavailable', reason: expect.stringContaining('10000 ms') }),
    )
    for (const go of slow.held.splice(0)) go()
    await clock.settle()
    expect(clock.timerCount).toBe(0)
  })
})

describe('C14 the breaker', () => {
  /** So many failures that calls are refused. */
  const cutOff = async () => {
    const it = opened()
    it.faulty.always = 'lostRequest'
    for (let n = 0; n < failureThreshold; n++) {
      expect(it.log.condition().breaker?.state).toBe('closed')
      expect(typeOf(await it.log.append(STREAM, NO_REVISION, one(n))())).toBe('OutcomeUnknown')
    }
    return it
  }

  it('C14: after some failures calls are refused at once, definite, and say when the next try is', async () => {
    const { clock, faulty, log } = await cutOff()
    const sent = faulty.asked.length
    expect(await log.append(STREAM, NO_REVISION, one(99))()).toEqual(
      E.left({
        type: 'LogUnavailable',
        reason: `the log does not answer; it is tried again in ${openMs} ms`,
        retryAt: clock.wallMs() + openMs,
      }),
    )
    expect(await log.read(STREAM, 0, 1_000)()).toMatchObject(E.left({ type: 'LogUnavailable' }))
    expect(await log.head(STREAM)()).toMatchObject(E.left({ type: 'LogUnavailable' }))
    expect(faulty.asked).toHaveLength(sent)
    expect(log.condition()).toMatchObject({ state: 'open', breaker: { state: 'open', retryInMs: openMs } })
  })

  it('C14, I1: a batch that may have landed earlier is not told to be definitely absent when its repeat is refused', async () => {
    const { log, faulty } = opened()
    faulty.always = 'lostReply'
    const batch = one()
    for (let n = 0; n < failureThreshold; n++) await log.append(STREAM, NO_REVISION, batch)()
    expect(log.condition().breaker?.state).toBe('open')
    expect(typeOf(await log.append(STREAM, NO_REVISION, batch)())).toBe('OutcomeUnknown')
    expect(typeOf(await log.append(STREAM, NO_REVISION, one(1))())).toBe('LogUnavailable')
  })

  it('C14: then one call tries while others are refused; when it succeeds all go out again', async () => {
    const { clock, faulty, log } = await cutOff()
    await clock.advance(openMs)
    faulty.heal()
    faulty.plan('held')
    const probe = watch(log.append(STREAM, NO_REVISION, one())())
    await clock.settle()
    expect(log.condition().breaker?.state).toBe('halfOpen')
    expect(await log.append(OTHER, NO_REVISION, one())()).toMatchObject(
      E.left({ type: 'LogUnavailable', reason: expect.stringContaining('a try is under way') }),
    )
    faulty.release()
    await clock.settle()
    expect(typeOf(probe.value)).toBe('ok')
    expect(log.condition().breaker).toEqual({ state: 'closed', retryInMs: 0, failures: 0 })
    expect(typeOf(await log.append(OTHER, NO_REVISION, one())())).toBe('ok')
  })

  it('C14: a try that fails keeps it open for another while, also one that hangs or throws', async () => {
    const { clock, faulty, log } = await cutOff()
    await clock.advance(openMs)
    expect(typeOf(await log.append(STREAM, NO_REVISION, one())())).toBe('OutcomeUnknown')
    expect(log.condition().breaker).toMatchObject({ state: 'open', retryInMs: openMs })
    await clock.advance(openMs)
    faulty.always = 'held'
    const hanging = watch(log.append(STREAM, NO_REVISION, one())())
    await clock.advance(TIMEOUT_MS)
    expect(typeOf(hanging.value)).toBe('OutcomeUnknown')
    expect(log.condition().breaker?.state).toBe('open')
    const broken = { ...faulty.port, head: () => () => Promise.reject(new Error('a defect')) }
    const guarded = guardedLog(broken, clock)
    await expect(guarded.head(STREAM)()).rejects.toThrow('a defect')
    expect(guarded.condition().breaker).toMatchObject({ state: 'closed', failures: 0 })
  })

  it('C14: what a log that answers refuses is no failure of its connection', async () => {
    const { faulty, log } = opened()
    for (const fault of ['full', 'conflict', 'stopped'] as const) {
      for (let n = 0; n < failureThreshold * 2; n++) {
        faulty.plan(fault)
        await log.append(STREAM, NO_REVISION, one())()
      }
    }
    expect(log.condition().breaker).toMatchObject({ state: 'closed', failures: 0 })
  })

  it('C14: closing does not wait for ever for an append that is never answered', async () => {
    const { clock, faulty, memory } = opened()
    const hangingClose = guardedLog({ ...faulty.port, close: () => new Promise(() => undefined) }, clock)
    const closed = watch(hangingClose.close())
    await clock.advance(TIMEOUT_MS)
    expect(closed.isOpen).toBe(false)
    await memory.close()
  })
})

describe('C14 whatever the log does', () => {
  const NERVOUS = {
    ...DEFAULT_LOG_GUARD,
    circuit: circuit({ failureThreshold: 2 }, DEFAULT_LOG_GUARD.circuit),
  }
  const faults = fc.constantFrom<PlannedFault>(
    'none',
    'none',
    'held',
    'lostReply',
    'lostRequest',
    'lateRequest',
    'full',
  )
  const steps = fc.array(
    fc.oneof(
      fc.record({
        do: fc.constant('append' as const),
        stream: fc.nat(1),
        fault: faults,
        repeat: fc.boolean(),
      }),
      fc.record({ do: fc.constant('release' as const) }),
      fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(1, 4_000, 5_000, TIMEOUT_MS) }),
    ),
    { minLength: 5, maxLength: 60, size: 'max' },
  )

  it('C14, I1, I2: no stream has two appends in the log at once, and nothing that was told as definite failure is in it', async () => {
    let refusedByBreaker = 0
    await fc.assert(
      fc.asyncProperty(steps, async (plan) => {
        const clock = new ManualClock()
        const memory = openMemoryLog()
        const faulty = new FaultyLog(memory)
        const inFlight = new Map<string, number>()
        const together: string[] = []
        const counted: EventLog = {
          ...faulty.port,
          append: (stream, expected, batch) => async () => {
            const now = (inFlight.get(stream) ?? 0) + 1
            inFlight.set(stream, now)
            if (now > 1) together.push(stream)
            const answer = await faulty.port.append(stream, expected, batch)()
            inFlight.set(stream, now - 1)
            return answer
          },
        }
        const log = guardedLog(counted, clock, NERVOUS)
        const streams = [STREAM, OTHER]
        const last = new Map<string, { batch: ReturnType<typeof one>; expected: number }>()
        const told = new Map<string, Set<string>>()
        const calls = new Map<string, number>()
        const absentAfter = new Map<string, number>()
        for (const step of plan) {
          if (step.do === 'release') faulty.release()
          else if (step.do === 'advance') await clock.advance(step.ms)
          else {
            const stream = streams[step.stream] ?? STREAM
            const head = await memory.head(stream)()
            const expected = E.isRight(head) ? head.right : NO_REVISION
            const earlier = last.get(stream)
            // As a writer does: only what is not settled yet is asked again.
            const isOpen = earlier !== undefined && !told.get(earlier.batch.batchId)?.has('ok')
            const asked = step.repeat && isOpen ? earlier : { batch: one(), expected }
            last.set(stream, asked)
            faulty.heal()
            faulty.plan(step.fault)
            const { batchId } = asked.batch
            calls.set(batchId, (calls.get(batchId) ?? 0) + 1)
            void log
              .append(stream, asked.expected, asked.batch)()
              .then((answer) => {
                const answers = told.get(batchId) ?? new Set()
                told.set(batchId, answers.add(typeOf(answer)))
                if (typeOf(answer) === 'LogUnavailable') absentAfter.set(batchId, calls.get(batchId) ?? 0)
              })
          }
          await clock.settle()
        }
        faulty.release()
        await clock.advance(TIMEOUT_MS * 3)
        faulty.release()
        await clock.settle()
        expect(together).toEqual([])
        const landed = new Set<string>()
        for (const stream of streams) {
          const page = await memory.read(stream, 0, 1e9)()
          if (E.isRight(page)) for (const { batchId } of page.right.batches) landed.add(batchId)
        }
        for (const [batchId, answers] of told) {
          // An answer to one call of a batch must be true of the batch as long as no other call of it was sent or unknown.
          if (!answers.has('OutcomeUnknown') && !answers.has('ok')) expect(landed.has(batchId)).toBe(false)
          if (answers.has('ok')) expect(landed.has(batchId)).toBe(true)
        }
        for (const [batchId, callsThen] of absentAfter) {
          if (callsThen !== calls.get(batchId)) continue
          refusedByBreaker++
          expect(landed.has(batchId)).toBe(false)
        }
      }),
      { numRuns: 150 },
    )
    expect(refusedByBreaker).toBeGreaterThan(0)
  })
})

describe('C14 a queue on a log that is cut off', () => {
  const ledgerOn = async () => {
    const clock = new ManualClock()
    const memory = openMemoryLog()
    const faulty = new FaultyLog(memory)
    const troubles: string[] = []
    const ledger = await clock.settled(
      openLedgerOn(faulty.port, memoryFinishedRegister(), {
        ids: countedIds(),
        node: 'node',
        clock,
        logGuard: true,
        onTrouble: ({ message, final }) => troubles.push(final ? `final: ${message}` : message),
      }),
    )
    const queue = await clock.settled(ledger.queue('orders'))
    return { clock, faulty, ledger, queue, troubles }
  }

  it('C14: callers are told within seconds, not after twenty time limits, and it works again by itself after an outage', async () => {
    const { clock, faulty, ledger, queue, troubles } = await ledgerOn()
    faulty.always = 'lostRequest'
    const first = watch(queue.enqueue(1).catch((error: Error) => error))
    await clock.advance(10_000)
    expect(first.value).toMatchObject({ code: 'unknown_outcome' })
    await clock.advance(20 * 60_000)
    expect(await clock.settled(ledger.health())).toMatchObject({
      status: 'unhealthy',
      reasons: expect.arrayContaining([expect.objectContaining({ code: 'log_unreachable' })]),
    })
    const refused = watch(queue.enqueue(2).catch((error: Error) => error))
    await clock.settle()
    expect(refused.value).toMatchObject({ name: 'UnavailableError' })
    expect(troubles.filter((trouble) => trouble.startsWith('final'))).toEqual([])
    faulty.heal()
    await clock.advance(60_000)
    expect(await clock.settled(queue.enqueue(3))).toMatchObject({ duplicate: false })
    expect((await clock.settled(ledger.stats())).log).toMatchObject({ breaker: { state: 'closed' } })
    expect(await clock.settled(ledger.health())).toMatchObject({ status: 'healthy' })
  })

  it('C14: a hanging log makes its callers wait no longer than a few time limits', async () => {
    const { clock, faulty, queue } = await ledgerOn()
    faulty.always = 'held'
    const first = watch(queue.enqueue(1).catch((error: Error) => error))
    await clock.advance(failureThreshold * (TIMEOUT_MS + 250) + 20 * 250 + TIMEOUT_MS)
    expect(first.value).toMatchObject({ code: 'unknown_outcome' })
    faulty.heal()
    faulty.release()
    await clock.advance(60_000)
    expect(await clock.settled(queue.stats())).toMatchObject({ pending: 1 })
    expect(await clock.settled(queue.enqueue(2))).toMatchObject({ duplicate: false })
  })

  it('C14: the ledger refuses settings that are none', async () => {
    const open = (logGuard: object) =>
      openLedgerOn(openMemoryLog(), memoryFinishedRegister(), { logGuard, clock: new ManualClock() })
    await expect(open({ appendTimeoutMs: 0 })).rejects.toThrow(
      'logGuard.appendTimeoutMs: accepted is a whole number',
    )
    await expect(open({ circuit: { openMs: -1 } })).rejects.toThrow('openMs')
  })
})
