// A claim that waits loses nothing when its client goes away, comes again, or the server stops (R56).
import { describe, expect, it } from 'vitest'
import type { ClaimedMessage, ClaimOptions, SettlementRequest } from '../../src/api/types/index.js'
import { LONG_POLL_SLICE_MS } from '../../src/http/limits.js'
import { claimWaiting } from '../../src/http/longPoll.js'
import { fakeQueue } from './fakeLedger.js'

const message = (leaseToken: string) => ({ leaseToken }) as ClaimedMessage

type Asked = Readonly<{ options: ClaimOptions; answer: (messages: ReadonlyArray<ClaimedMessage>) => void }>

const desk = () => {
  const asked: Asked[] = []
  const released: SettlementRequest[] = []
  const errors: unknown[] = []
  const stopping = new AbortController()
  let tick = 0
  const queue = fakeQueue({
    claim: (options) =>
      new Promise((answer) => {
        asked.push({ options, answer })
      }),
    settle: async (settlements) => {
      released.push(...settlements)
      return settlements.map(({ leaseToken }) => ({ leaseToken, ok: true }))
    },
  })
  const waits = {
    stopping: stopping.signal,
    tickMs: () => tick,
    onError: (error: unknown) => errors.push(error),
    inProgress: new Map(),
  }
  const claim = (options: Partial<ClaimOptions>) => {
    const gone = new AbortController()
    const answer = claimWaiting({ queue, options: { worker: 'w', ...options }, gone: gone.signal }, waits)
    return { answer, hangUp: () => gone.abort() }
  }
  const pass = (ms: number): void => {
    tick += ms
  }
  return { asked, released, errors, claim, stop: () => stopping.abort(), pass, waits }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('a waiting claim', () => {
  it('asks in slices until its time is over, and not once more', async () => {
    const { asked, claim, pass } = desk()
    const { answer } = claim({ waitMs: 2_500 })
    for (let slice = 0; slice < 3; slice += 1) {
      pass(LONG_POLL_SLICE_MS)
      asked[slice]?.answer([])
      await settled()
    }
    expect(await answer).toEqual([])
    expect(asked.map(({ options }) => options.waitMs)).toEqual([1_000, 1_000, 500])
  })

  it('R56: hands back uncounted what arrives for a client that hung up', async () => {
    const { asked, released, claim } = desk()
    const { answer, hangUp } = claim({ waitMs: 20_000, claimId: 'c' })
    hangUp()
    asked[0]?.answer([message('t1'), message('t2')])
    expect(await answer).toEqual([])
    expect(released).toEqual([
      { leaseToken: 't1', outcome: 'release' },
      { leaseToken: 't2', outcome: 'release' },
    ])
  })

  it('R56: stops asking for a client that hung up', async () => {
    const { asked, claim } = desk()
    const { answer, hangUp } = claim({ waitMs: 20_000 })
    hangUp()
    asked[0]?.answer([])
    expect(await answer).toEqual([])
    expect(asked).toHaveLength(1)
  })

  it('leaves the messages for the same claim id that came again, and lets it ask only then', async () => {
    const { asked, released, claim, waits } = desk()
    const first = claim({ waitMs: 20_000, claimId: 'c' })
    first.hangUp()
    const second = claim({ waitMs: 20_000, claimId: 'c' })
    await settled()
    expect(asked).toHaveLength(1)
    asked[0]?.answer([message('t1')])
    await settled()
    asked[1]?.answer([message('t1')])
    expect(await second.answer).toEqual([message('t1')])
    expect(released).toEqual([])
    expect(waits.inProgress.size).toBe(0)
  })

  it('waits for the hand-back before the same claim id is asked anew', async () => {
    const { asked, released, claim } = desk()
    const first = claim({ waitMs: 20_000, claimId: 'c' })
    first.hangUp()
    asked[0]?.answer([message('t1')])
    await first.answer
    const second = claim({ claimId: 'c' })
    await settled()
    asked[1]?.answer([message('t2')])
    expect(await second.answer).toEqual([message('t2')])
    expect(released).toEqual([{ leaseToken: 't1', outcome: 'release' }])
  })

  it('ends with its slice when the server stops', async () => {
    const { asked, claim, stop } = desk()
    const { answer } = claim({ waitMs: 20_000 })
    stop()
    asked[0]?.answer([])
    expect(await answer).toEqual([])
    expect(asked).toHaveLength(1)
  })

  it('forgets a claim id whose claim failed', async () => {
    const { waits } = desk()
    const queue = fakeQueue({ claim: () => Promise.reject(new Error('no')) })
    const gone = new AbortController().signal
    await expect(
      claimWaiting({ queue, options: { worker: 'w', claimId: 'c' }, gone }, waits),
    ).rejects.toThrow('no')
    expect(waits.inProgress.size).toBe(0)
  })
})
