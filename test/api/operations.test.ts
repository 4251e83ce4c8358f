// Operations over many messages (A8, C3): what they touch and what they leave, in steps, at a pace, until told to stop.
import { describe, expect, it } from 'vitest'
import { fixed } from '../../domain/retry/index.js'
import { NOTHING_DONE, type Pause, redrivenOf, runSteps } from '../../src/api/queue/operations.js'
import type { Cleared, Queue, QueueSettings, Redriven } from '../../src/api/types/index.js'
import { calls, TestLedger } from '../support/ledger.js'

const by = { who: 'ann', why: 'wrong prices' }

const open = async (settings: QueueSettings = {}) => {
  const test = await TestLedger.open()
  const queue = await test.done(
    test.ledger.queue('orders', {
      failures: { UNKNOWN: fixed({ retriesMax: 0 }) },
      circuit: null,
      ...settings,
    }),
  )
  const done = <A>(promise: Promise<A>): Promise<A> => test.done(promise)
  return { test, queue, done }
}
const enqueueEach = async (
  test: TestLedger,
  queue: Queue<unknown>,
  count: number,
  options: (n: number) => Parameters<Queue<unknown>['enqueue']>[1] = () => ({}),
): Promise<ReadonlyArray<string>> => {
  const items = Array.from({ length: count }, (_, n) => ({ payload: n, ...options(n) }))
  const results = []
  for (const some of calls(items)) results.push(...(await test.done(queue.enqueueBatch(some))))
  return results.map((result) => ('id' in result ? result.id : ''))
}
/** Every message that is ready dies, of the failure type given for it. */
const killAll = async (
  test: TestLedger,
  queue: Queue<unknown>,
  typeOf: (payload: unknown) => string = () => 'UNKNOWN',
): Promise<void> => {
  for (;;) {
    const claimed = await test.done(queue.claim({ worker: 'w', max: 500 }))
    if (claimed.length === 0) return
    const settlements = claimed.map(({ leaseToken, payload }) => {
      const failure = { type: typeOf(payload), message: 'no' }
      return { leaseToken, outcome: 'fail', failure, retryable: false } as const
    })
    await test.done(queue.settle(settlements))
  }
}

describe('clearing a queue', () => {
  it('A8: purges what waits and matches, leaves and counts what runs, and writes down who and why', async () => {
    const { test, queue, done } = await open()
    const ids = await enqueueEach(test, queue, 12, (n) => ({
      zone: n % 2 === 0 ? 'eu' : 'us',
      ...(n >= 8 ? { delayMs: 60_000 } : {}),
    }))
    await done(queue.claim({ worker: 'w', max: 3 }))
    expect(await done(queue.clear({ zone: 'eu', dryRun: true, by }))).toEqual({
      purged: 4,
      running: 2,
      dryRun: true,
      cursor: undefined,
    })
    expect((await done(queue.stats())).purged).toBe(0)
    expect(await done(queue.clear({ zone: 'eu', by }))).toMatchObject({
      purged: 4,
      running: 2,
      dryRun: false,
    })
    expect(await done(queue.stats())).toMatchObject({ purged: 4, processing: 3, pending: 3, scheduled: 2 })
    const history = await done(queue.history(ids[4] ?? ''))
    expect(history.at(-1)).toMatchObject({ type: 'MessagePurged', data: { cause: 'operator', by } })
    expect(await done(queue.message(ids[4] ?? ''))).toMatchObject({ state: 'purged' })
  })

  it('A8: by priority, by state, or all of it', async () => {
    const { test, queue, done } = await open()
    await enqueueEach(test, queue, 9, (n) => ({
      priority: n - 4,
      ...(n % 3 === 0 ? { delayMs: 1_000 } : {}),
    }))
    expect(await done(queue.clear({ priorityMin: 3 }))).toMatchObject({ purged: 2 })
    expect(await done(queue.clear({ priorityMax: -4 }))).toMatchObject({ purged: 1 })
    expect(await done(queue.clear({ state: 'scheduled' }))).toMatchObject({ purged: 2 })
    expect(await done(queue.clear())).toMatchObject({ purged: 4 })
    expect(await done(queue.count())).toMatchObject({ total: 0 })
  })

  it('A8: goes over several partitions in steps, tells how far it is, and ends', async () => {
    const { test, queue, done } = await open({ partitions: 3, maxSize: 10_000 })
    await enqueueEach(test, queue, 4_000)
    const told: Cleared[] = []
    const cleared = await done(queue.clear({ onProgress: (progress) => told.push(progress) }))
    expect(cleared).toMatchObject({ purged: 4_000, cursor: undefined })
    expect(told.length).toBeGreaterThan(7)
    expect(told.map(({ purged }) => purged)).toEqual(
      [...told.map(({ purged }) => purged)].sort((a, b) => a - b),
    )
    expect(await done(queue.stats())).toMatchObject({ pending: 0, purged: 4_000 })
  })

  it('A8: stopped by a signal, says where the rest begins, and goes on from there', async () => {
    const { test, queue, done } = await open()
    await enqueueEach(test, queue, 2_000)
    const stop = new AbortController()
    const first = await done(queue.clear({ signal: stop.signal, onProgress: () => stop.abort() }))
    expect(first).toMatchObject({ purged: 500, cursor: expect.any(String) })
    expect((await done(queue.stats())).pending).toBe(1_500)
    const rest = await done(queue.clear({ cursor: first.cursor ?? '' }))
    expect(rest).toMatchObject({ purged: 1_500, cursor: undefined })
  })

  it('A8: does not run after messages that come in meanwhile', async () => {
    const { test, queue, done } = await open()
    await enqueueEach(test, queue, 1_200)
    const sending: Array<Promise<unknown>> = []
    const cleared = await done(
      queue.clear({ onProgress: () => sending.push(queue.enqueueBatch([{ payload: 'new' }])) }),
    )
    await done(Promise.all(sending))
    expect(cleared.purged).toBe(1_200)
    expect((await done(queue.stats())).pending).toBe(sending.length)
  })

  it('A8: a state that does not wait is refused', async () => {
    const { queue, done } = await open()
    for (const state of ['processing', 'dead-lettered', 'succeeded'] as const)
      await expect(done(queue.clear({ state }))).rejects.toMatchObject({
        code: 'invalid',
        message: expect.stringMatching(/^state: cleared are messages that wait/),
      })
  })
})

describe('dead letters that match', () => {
  it('C3: are redriven, and the others stay', async () => {
    const { test, queue, done } = await open()
    await enqueueEach(test, queue, 30, (n) => ({ type: n % 2 === 0 ? 'mail' : 'invoice' }))
    await killAll(test, queue, (n) => (Number(n) % 3 === 0 ? 'SYSTEM' : 'NETWORK'))
    expect(await done(queue.redrive({ kind: 'system', dryRun: true }))).toMatchObject({ redriven: 10 })
    expect(await done(queue.redrive({ kind: 'system', type: 'mail', by }))).toEqual({
      redriven: 5,
      refused: 0,
      dryRun: false,
      cursor: undefined,
    })
    expect(await done(queue.stats())).toMatchObject({ dead: 25, pending: 5 })
    expect(await done(queue.redrive({ failureType: 'NETWORK', limit: 7 }))).toMatchObject({
      redriven: 7,
      cursor: expect.any(String),
    })
    expect(await done(queue.stats())).toMatchObject({ dead: 18, pending: 12 })
  })

  it('C3: are redriven at a rate, which the clock of the ledger keeps', async () => {
    const { test, queue } = await open()
    await enqueueEach(test, queue, 50)
    await killAll(test, queue)
    let result: Redriven | undefined
    void queue.redrive({ ratePerSecond: 10 }).then((redriven) => {
      result = redriven
    })
    const redrivenAfter = async (ms: number): Promise<number> => {
      await test.clock.advance(ms)
      return (await test.done(queue.stats())).redriven
    }
    expect(await redrivenAfter(0)).toBe(1)
    expect(await redrivenAfter(1_000)).toBe(11)
    expect(await redrivenAfter(2_000)).toBe(31)
    expect(result).toBeUndefined()
    expect(await redrivenAfter(1_800)).toBe(49)
    expect(await redrivenAfter(100)).toBe(50)
    await test.clock.advance(100)
    expect(result).toMatchObject({ redriven: 50, refused: 0, cursor: undefined })
  })

  it('C3: that die again while it goes on are not redriven twice', async () => {
    const { test, queue, done } = await open()
    await enqueueEach(test, queue, 20)
    await killAll(test, queue)
    queue.process(() => {
      throw new Error('still no')
    })
    let result: Redriven | undefined
    void queue.redrive({ ratePerSecond: 10 }).then((redriven) => {
      result = redriven
    })
    await test.clock.advance(10_000)
    expect(result).toMatchObject({ redriven: 20 })
    expect(await done(queue.stats())).toMatchObject({ dead: 20, redriven: 20 })
  })

  it('C3: are dropped for good, after a dry run, and what waits is not touched', async () => {
    const { test, queue, done } = await open()
    await enqueueEach(test, queue, 10, (n) => ({ tenant: `t${n % 2}` }))
    await killAll(test, queue)
    await enqueueEach(test, queue, 3, () => ({ tenant: 't1' }))
    expect(await done(queue.discardAll({ tenant: 't1', dryRun: true }))).toMatchObject({ discarded: 5 })
    expect(await done(queue.discardAll({ tenant: 't1', by }))).toEqual({
      discarded: 5,
      refused: 0,
      dryRun: false,
      cursor: undefined,
    })
    expect(await done(queue.stats())).toMatchObject({ dead: 5, pending: 3, purged: 5 })
  })

  it('C3: named by id are redriven in their order, and those that are none are refused and counted', async () => {
    const { test, queue, done } = await open()
    const ids = await enqueueEach(test, queue, 4)
    await killAll(test, queue)
    const [waiting = ''] = await enqueueEach(test, queue, 1)
    const named = [ids[2] ?? '', waiting, 'nobody', ids[0] ?? '', ids[0] ?? '']
    expect(await done(queue.redrive({ ids: named, dryRun: true }))).toMatchObject({ redriven: 2, refused: 3 })
    expect(await done(queue.redrive({ ids: named }))).toMatchObject({ redriven: 2, refused: 3 })
    expect(await done(queue.stats())).toMatchObject({ dead: 2, pending: 3 })
  })

  it.each([
    [{ ratePerSecond: 0 }, 'ratePerSecond'],
    [{ ratePerSecond: -1 }, 'ratePerSecond'],
    [{ limit: 0 }, 'limit'],
    [{ kind: 'other' }, 'kind'],
    [{ cursor: 's.9.1.' }, 'cursor'],
    [{ ids: ['a'], cursor: 'x' }, 'cursor'],
  ])('C3: %j is refused by the name of the field', async (options, field) => {
    const { queue, done } = await open()
    await expect(done(queue.redrive(options as never))).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(new RegExp(`^${field}: `)),
    })
  })

  it('I1: a step that fails after others were recorded says how many, and that the outcome is not known', async () => {
    const { test, queue } = await open()
    await enqueueEach(test, queue, 1_500)
    await killAll(test, queue)
    let steps = 0
    const failing = queue.redrive({
      onProgress: () => {
        if (++steps === 2) test.log.plan('full')
      },
    })
    await expect(test.done(failing)).rejects.toMatchObject({
      code: 'unknown_outcome',
      message: expect.stringMatching(/^1000 messages were dealt with, then: /),
      details: { redriven: 1_000, cursor: expect.any(String) },
    })
  })
})

describe('the loop of an operation', () => {
  it('C3: pauses so that no second has more than its rate, whatever the rate', async () => {
    for (const ratePerSecond of [0.5, 1, 7, 10, 33, 1_000]) {
      let [nowMs, left] = [0, 200]
      const at: number[] = []
      const pause: Pause = (ms) => {
        nowMs += ms
        return Promise.resolve()
      }
      const take = (_: string | undefined, max: number) => {
        const done = Math.min(max, left)
        left -= done
        for (let n = 0; n < done; n++) at.push(nowMs)
        return Promise.resolve({ done, refused: 0, running: 0, cursor: left > 0 ? 'more' : undefined })
      }
      const result = await runSteps(take, NOTHING_DONE, { ratePerSecond }, pause, redrivenOf(false))
      expect(result.redriven).toBe(200)
      for (const from of at) {
        const within = at.filter((one) => one >= from && one < from + 1_000).length
        expect(within).toBeLessThanOrEqual(Math.max(1, Math.ceil(ratePerSecond * 1.1)))
      }
    }
  })
})
