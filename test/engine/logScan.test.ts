// Every durable event is shown to one reader: live, ahead of its turn, after a lost answer, after a refusal, from before.

import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import type { LedgerEvent } from '../../domain/batch.js'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import { LogScan } from '../../src/engine/logScan.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import { ManualClock } from '../support/manualClock.js'

const event = (ordinal: number): LedgerEvent => ({ type: 'MessageExpired', ordinal, callerId: undefined })

/** A log whose answers come back when, and in the order, the test says; the appends themselves are done at once. */
class LateAnswers {
  private readonly late: Array<() => void> = []
  isLate = false
  reads = 0
  readonly port: EventLog

  constructor(readonly inner: EventLog) {
    this.port = {
      ...inner,
      append: (stream, expected, batch) => async () => {
        const answer = await inner.append(stream, expected, batch)()
        if (this.isLate) await new Promise<void>((resolve) => this.late.push(resolve))
        return answer
      },
      readAll: (from, maxBytes) => {
        this.reads++
        return inner.readAll(from, maxBytes)
      },
    }
  }

  get count(): number {
    return this.late.length
  }
  answer(index: number): void {
    this.late.splice(index, 1)[0]?.()
  }
}

const open = (from = 0) => {
  const clock = new ManualClock()
  const inner = openMemoryLog()
  const late = new LateAnswers(inner)
  const seen: number[] = []
  const refusing = { is: false, shownTwice: 0 }
  const scan = new LogScan(
    { log: late.port, clock },
    {
      show: ({ events }, index) => {
        if (refusing.is) return false
        for (const one of events.slice(index)) if ('ordinal' in one) seen.push(one.ordinal)
        return true
      },
      advanced: () => undefined,
      onTrouble: (message) => {
        throw new Error(message)
      },
    },
  )
  const heads = new Map<string, number>()
  let ordinal = 0
  const append = (stream: string, count: number): Promise<unknown> => {
    const expected = heads.get(stream) ?? -1
    heads.set(stream, expected + count)
    const events = Array.from({ length: count }, () => event(++ordinal))
    const batch = { batchId: `b${ordinal}`, at: ordinal, epoch: 1, events, previous: events.map(() => -1) }
    return scan.log.append(stream, expected, batch)()
  }
  const all = (): number[] => Array.from({ length: ordinal }, (_, n) => n + 1)
  return { clock, late, scan, seen, refusing, append, all, start: () => scan.start(from) }
}

describe('C9: the scan of the log', () => {
  it('C9: shows what was appended before the start, and then what is appended, without reading the log again', async () => {
    const { scan, seen, append, all, start, clock, late } = open()
    await append('a', 3)
    start()
    await clock.settle()
    const { reads } = late
    await append('b', 2)
    await append('a', 1)
    expect(seen).toEqual(all())
    expect(scan.shown).toBe(6)
    expect(late.reads).toBe(reads)
  })

  it('C9: answers that come back in another order are all shown, and the position waits for the first of them', async () => {
    const { scan, seen, append, all, start, late, clock } = open()
    start()
    late.isLate = true
    const appends = [append('a', 1), append('b', 2), append('c', 3)]
    await clock.settle()
    late.answer(2)
    await clock.settle()
    expect(seen).toEqual([4, 5, 6])
    expect(scan.shown).toBe(0)
    late.answer(1)
    late.answer(0)
    await Promise.all(appends)
    expect([...seen].sort()).toEqual(all())
    expect(scan.shown).toBe(6)
  })

  it('C9: what an append with a lost answer left out is read from the log, after a while and once', async () => {
    const { scan, seen, append, all, start, late, clock } = open()
    start()
    late.isLate = true
    void append('a', 2)
    await clock.settle()
    late.isLate = false
    await append('b', 1)
    expect(seen).toEqual([3])
    await clock.advance(999)
    expect(scan.shown).toBe(0)
    await clock.advance(1)
    expect([...seen].sort()).toEqual(all())
    expect(scan.shown).toBe(3)
    late.answer(0)
    await clock.advance(10_000)
    expect(seen).toHaveLength(3)
  })

  it('C9: what was refused is shown again once there is room, with everything behind it, in order', async () => {
    const { scan, seen, append, all, start, refusing, clock } = open()
    start()
    await append('a', 1)
    refusing.is = true
    await append('a', 2)
    await append('b', 2)
    expect(seen).toEqual([1])
    refusing.is = false
    // Not by the next append: what stands before it comes first.
    await append('b', 1)
    expect(seen).toEqual([1])
    scan.resume()
    await clock.settle()
    expect(seen).toEqual(all())
    await append('c', 1)
    expect(seen).toEqual(all())
  })

  it('C9: after the stop nothing is shown any more', async () => {
    const { scan, seen, append, start } = open()
    start()
    await append('a', 1)
    await scan.stop()
    await append('a', 1)
    expect(seen).toEqual([1])
  })

  it('C9: an append that fails is not shown', async () => {
    const { scan, seen, append, start } = open()
    start()
    await append('a', 1)
    const wrong = { batchId: 'x', at: 1, epoch: 1, events: [event(99)], previous: [-1] }
    expect(E.isLeft(await scan.log.append('a', 7, wrong)())).toBe(true)
    expect(seen).toEqual([1])
  })

  it('C9: in any order of answers, refusals and pauses, each event is shown once', async () => {
    const doing = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          append: fc.constantFrom('a', 'b', 'c'),
          count: fc.integer({ min: 1, max: 3 }),
        }),
      },
      { weight: 3, arbitrary: fc.record({ answer: fc.nat(5) }) },
      { weight: 1, arbitrary: fc.record({ refuse: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ advance: fc.constantFrom(0, 500, 1_000) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(doing, { maxLength: 40 }), async (steps) => {
        const { scan, seen, append, all, start, refusing, late, clock } = open()
        start()
        late.isLate = true
        const inFlight = new Set<string>()
        for (const one of steps) {
          if ('append' in one) {
            // One append in flight per stream.
            if (inFlight.has(one.append)) continue
            inFlight.add(one.append)
            void append(one.append, one.count).then(() => inFlight.delete(one.append))
          } else if ('answer' in one) late.answer(one.answer % Math.max(1, late.count))
          else if ('refuse' in one) {
            refusing.is = one.refuse
            if (!one.refuse) scan.resume()
          } else await clock.advance(one.advance)
          await clock.settle()
        }
        refusing.is = false
        scan.resume()
        while (late.count > 0) late.answer(0)
        await clock.advance(3_000)
        expect([...seen].sort((a, b) => a - b)).toEqual(all())
        expect(scan.shown).toBe(all().length)
      }),
      { numRuns: 100 },
    )
  })
})
