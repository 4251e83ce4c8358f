// The scan of a log that several nodes append to: it is told by the log what there is, and reads all of it.
import * as TE from 'fp-ts/lib/TaskEither.js'
import { describe, expect, it } from 'vitest'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import { LogScan } from '../../src/engine/logScan.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import { ManualClock } from '../support/manualClock.js'

const open = () => {
  const clock = new ManualClock()
  const inner = openMemoryLog()
  const watched = { answers: true, reads: 0 }
  const log: EventLog = {
    ...inner,
    readAll: (from, maxBytes) => {
      watched.reads++
      if (watched.answers) return inner.readAll(from, maxBytes)
      return TE.left({ type: 'LogUnavailable', reason: 'no answer' })
    },
  }
  const seen: number[] = []
  const troubles: string[] = []
  const scan = new LogScan(
    { log, clock, isShared: true },
    {
      show: ({ events }, index) => {
        for (const one of events.slice(index)) if ('ordinal' in one) seen.push(one.ordinal)
        return true
      },
      advanced: () => undefined,
      onTrouble: (message) => troubles.push(message),
    },
  )
  let ordinal = 0
  /** By another node. */
  const append = async (): Promise<void> => {
    const one = { type: 'MessageExpired', ordinal: ++ordinal, callerId: undefined } as const
    const batch = { batchId: `b${ordinal}`, at: ordinal, epoch: 1, events: [one], previous: [-1] }
    await log.append(`s${ordinal}`, -1, batch)()
    await clock.settle()
  }
  return { clock, scan, watched, seen, troubles, append }
}

describe('C9: the scan of a log that others append to', () => {
  it('C9: shows what others append', async () => {
    const { scan, seen, append } = open()
    scan.start(0)
    await append()
    await append()
    expect(seen).toEqual([1, 2])
  })

  it('C9: asks a log that does not answer once a second, however much is appended meanwhile', async () => {
    const { scan, clock, watched, seen, troubles, append } = open()
    scan.start(0)
    watched.answers = false
    for (let n = 0; n < 20; n++) await append()
    expect([watched.reads, troubles.length]).toEqual([1, 1])
    await clock.advance(1_000)
    expect(watched.reads).toBe(2)
    watched.answers = true
    await clock.advance(1_000)
    expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => n + 1))
  })
})
