// Lines that come in floods: so many in a window, and the rest counted.
import { describe, expect, it } from 'vitest'
import { rateLimit } from '../../src/logging/rateLimit.js'
import { ManualClock } from '../support/manualClock.js'

const LIMIT = { linesMax: 3, windowMs: 10_000 }

describe('E18: a limit on lines', () => {
  it('admits so many of one kind in a window, and tells how many were left out when it ends', async () => {
    const clock = new ManualClock()
    const leftOut: unknown[] = []
    const limit = rateLimit(clock, LIMIT, (kind, count) => leftOut.push([kind, count]))
    const admitted = (kind: string, times: number): number =>
      Array.from({ length: times }, () => limit.admits(kind)).filter(Boolean).length
    expect(admitted('dead letter', 100)).toBe(3)
    expect(admitted('queue full', 2)).toBe(2)
    await clock.advance(9_999)
    expect(leftOut).toEqual([])
    await clock.advance(1)
    expect(leftOut).toEqual([['dead letter', 97]])
    expect(admitted('dead letter', 5)).toBe(3)
    limit.close()
    expect(leftOut).toEqual([
      ['dead letter', 97],
      ['dead letter', 2],
    ])
    expect(clock.timerCount).toBe(0)
  })

  it('needs no timer while nothing is left out', async () => {
    const clock = new ManualClock()
    const limit = rateLimit(clock, LIMIT, () => expect.fail('nothing was left out'))
    limit.admits('dead letter')
    expect(clock.timerCount).toBe(0)
    await clock.advance(60_000)
    expect(Array.from({ length: 3 }, () => limit.admits('dead letter'))).toEqual([true, true, true])
    limit.close()
  })
})
