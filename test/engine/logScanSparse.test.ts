// The scan of a log whose positions cannot be counted: every event of ours is shown, and a position counts as shown only when nothing
// below it can turn up any more.
import fc from 'fast-check'
import { isRight } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import type { LedgerEvent } from '../../domain/batch.js'
import { LogScan } from '../../src/engine/logScan.js'
import { ManualClock } from '../support/manualClock.js'
import { SparseLog } from '../support/sparseLog.js'

const event = (ordinal: number): LedgerEvent => ({ type: 'MessageExpired', ordinal, callerId: undefined })

const open = () => {
  const clock = new ManualClock()
  const log = new SparseLog()
  const seen: number[] = []
  const reader = { hasRoom: true }
  const scan = new LogScan(
    { log: log.port, clock },
    {
      show: ({ events }, index) => {
        if (!reader.hasRoom) return false
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
  const batchOf = (count: number) => {
    const events = Array.from({ length: count }, () => event(++ordinal))
    return { batchId: `b${ordinal}`, at: ordinal, epoch: 1, events, previous: events.map(() => -1) }
  }
  const send = async (stream: string, batch: ReturnType<typeof batchOf>) => {
    const expected = heads.get(stream) ?? -1
    const answer = await scan.log.append(stream, expected, batch)()
    if (isRight(answer)) heads.set(stream, answer.right.lastRevision)
    return answer
  }
  const append = (stream: string, count: number) => send(stream, batchOf(count))
  const begin = async (): Promise<void> => {
    scan.start(0)
    await clock.settle()
  }
  return { clock, log, scan, seen, reader, batchOf, send, append, begin }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1)

describe('C9: the scan of a log with gaps in its positions', () => {
  it('C9: shows what was there before, then what is appended, without reading the log again', async () => {
    const { scan, seen, append, log, clock } = open()
    await append('a', 3)
    scan.start(0)
    await clock.settle()
    const { reads } = log
    await append('b', 2)
    await append('a', 1)
    expect(seen).toEqual(upTo(6))
    expect(log.reads).toBe(reads)
    expect(scan.shown).toBe(61)
  })

  it('C9: what others wrote behind our last event is not waited for', async () => {
    const { scan, append, clock, log } = open()
    await append('a', 1)
    scan.start(0)
    await clock.settle()
    expect(scan.shown).toBeGreaterThanOrEqual(log.port.condition().nextPosition - 5)
    const { reads } = log
    await clock.advance(60_000)
    expect(log.reads).toBe(reads)
  })

  it('C9: the position waits for an append that is still on its way', async () => {
    const { begin, scan, seen, append, log, clock } = open()
    await begin()
    await append('a', 1)
    log.planned.push('held')
    const slow = append('a', 2)
    await append('b', 3)
    expect(seen).toEqual([1, 4, 5, 6])
    expect(scan.shown).toBe(11)
    log.release()
    await slow
    await clock.settle()
    expect(seen).toEqual([1, 4, 5, 6, 2, 3])
    expect(scan.shown).toBe(61)
  })

  it('C9: an append of unknown outcome that is repeated is shown once it is known', async () => {
    const { begin, scan, seen, batchOf, send, log } = open()
    await begin()
    log.planned.push('lost')
    const batch = batchOf(2)
    await send('a', batch)
    expect([seen, scan.shown]).toEqual([[], 5])
    await send('a', batch)
    expect([seen, scan.shown]).toEqual([[1, 2], 21])
  })

  it('C9: one that is given up though it landed is read from the log with the next append of its stream', async () => {
    const { begin, scan, seen, append, log, clock, batchOf } = open()
    await begin()
    log.planned.push('lost')
    await append('a', 2)
    await append('b', 1)
    expect([seen, scan.shown]).toEqual([[3], 5])
    // Whoever writes there next has read that it is there.
    await scan.log.append('a', 1, batchOf(1))()
    await clock.settle()
    expect([...new Set(seen)].sort()).toEqual([1, 2, 3, 4])
    expect(scan.shown).toBe(41)
  })

  it('C9: what was refused is shown again once there is room, with everything behind it', async () => {
    const { begin, scan, seen, append, reader, clock } = open()
    await begin()
    await append('a', 1)
    reader.hasRoom = false
    await append('a', 2)
    await append('b', 2)
    expect([seen, scan.shown]).toEqual([[1], 11])
    reader.hasRoom = true
    scan.resume()
    await clock.settle()
    expect(seen).toEqual(upTo(5))
    expect(scan.shown).toBe(51)
  })

  it('C9: whatever is lost, held back or refused, every event is shown, and never counted as shown before it was', async () => {
    const step = fc.record({
      stream: fc.constantFrom('a', 'b', 'c'),
      count: fc.integer({ min: 1, max: 3 }),
      plan: fc.constantFrom(undefined, undefined, 'lost' as const, 'gone' as const),
      hasRoom: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const { begin, scan, seen, batchOf, send, log, reader, clock } = open()
        await begin()
        let shownBefore = 0
        const sent: number[] = []
        for (const { stream, count, plan, hasRoom } of steps) {
          reader.hasRoom = hasRoom
          if (hasRoom) scan.resume()
          if (plan !== undefined) log.planned.push(plan)
          const batch = batchOf(count)
          // As a writer does: repeated until it is definite.
          while (!isRight(await send(stream, batch)));
          for (const one of batch.events) if ('ordinal' in one) sent.push(one.ordinal)
          await clock.settle()
          expect(scan.shown).toBeGreaterThanOrEqual(shownBefore)
          shownBefore = scan.shown
          // Ten to an event, in the order in which they were appended.
          const durable = Math.floor(scan.shown / 10)
          for (const ordinal of sent.slice(0, durable)) expect(seen).toContain(ordinal)
        }
        reader.hasRoom = true
        scan.resume()
        await clock.settle()
        expect([...new Set(seen)].sort((x, y) => x - y)).toEqual(sent.sort((x, y) => x - y))
        await scan.stop()
      }),
      { numRuns: 60 },
    )
  })
})
