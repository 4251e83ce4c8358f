// A whole ledger whose server no longer lets it in: every call has a definite answer, health says so within ten seconds also when nobody
// calls, and all goes on by itself when the rights are back (R44).
import { describe, expect, it } from 'vitest'
import type { StoreCalls } from '../../../src/adapters/eventstoredb/connection.js'
import { EventStoreLog } from '../../../src/adapters/eventstoredb/eventLog.js'
import { withReach } from '../../../src/adapters/eventstoredb/reach.js'
import { memoryFinishedRegister } from '../../../src/adapters/memory/finishedRegister.js'
import { openLedgerOn } from '../../../src/api/openLedger.js'
import { UnavailableError } from '../../../src/index.js'
import { DirectCalls } from '../../support/eventstoredb/direct.js'
import { EmulatedStore } from '../../support/eventstoredb/store.js'
import { countedIds } from '../../support/ledger.js'
import { ManualClock } from '../../support/manualClock.js'

const UNAUTHENTICATED = 16
const PERMISSION_DENIED = 7

const opened = async () => {
  const store = new EmulatedStore({ maxAppendBytes: 1_048_576, sizeCounts: 'all', nowMs: Date.now })
  const { calls } = new DirectCalls(store, '')
  let refusedWith: number | undefined
  const guarded =
    <Args extends unknown[], A>(call: (...args: Args) => Promise<A>) =>
    (...args: Args): Promise<A> =>
      refusedWith === undefined
        ? call(...args)
        : Promise.reject(Object.assign(new Error('not valid'), { code: refusedWith }))
  const connection: StoreCalls = {
    ...calls,
    append: guarded(calls.append),
    read: guarded(calls.read),
    subscribe: guarded(calls.subscribe),
  }
  const clock = new ManualClock()
  const options = { connectionString: '', after: clock.after }
  const log = withReach(connection, 'shop~ledger', options, (heard) =>
    new EventStoreLog(heard, 'shop.', options, 0).follow().asPort(),
  )
  const troubles: string[] = []
  const onTrouble = ({ message }: { message: string }): void => void troubles.push(message)
  const ledger = await clock.settled(
    openLedgerOn(log, memoryFinishedRegister(), { clock, ids: countedIds(), node: 'node', onTrouble }),
  )
  const orders = await clock.settled(ledger.queue<number>('orders', { circuit: null }))
  const health = async (): Promise<string> => (await clock.settled(ledger.health())).status
  const refuse = (code: number | undefined): void => {
    refusedWith = code
  }
  return { store, clock, ledger, orders, health, troubles, refuse }
}

describe('R44: a ledger whose server no longer lets it in', () => {
  it.each([
    ['expired credentials', UNAUTHENTICATED],
    ['missing rights', PERMISSION_DENIED],
  ])('R44: %s: unhealthy within 10 s though nobody calls, and healthy again by itself', async (_, code) => {
    const { ledger, clock, health, troubles, refuse } = await opened()
    await clock.advance(20_000)
    expect(await health()).toBe('healthy')
    refuse(code)
    await clock.advance(10_000)
    expect(await clock.settled(ledger.health())).toMatchObject({
      status: 'unhealthy',
      reasons: [{ code: 'log_unreachable', message: expect.stringMatching(/denies access/) }],
    })
    expect(troubles).toContainEqual(expect.stringMatching(/the log cannot be used: .*denies access/))
    await clock.advance(600_000)
    expect(await health()).toBe('unhealthy')
    refuse(undefined)
    await clock.advance(10_000)
    expect(await health()).toBe('healthy')
    await clock.settled(ledger.close())
  })

  it('R44: each call is refused for certain meanwhile, work goes on when the rights are back, and nothing refused is in the log', async () => {
    const { store, ledger, clock, orders, health, refuse } = await opened()
    const seen: number[] = []
    orders.process(({ payload }) => void seen.push(payload))
    await clock.settled(orders.enqueue(1))
    await clock.advance(1_000)
    expect(seen).toEqual([1])
    const before = store.all.length
    refuse(UNAUTHENTICATED)
    for (let n = 0; n < 30; n++) {
      await expect(clock.settled(orders.enqueue(100 + n))).rejects.toBeInstanceOf(UnavailableError)
      await clock.advance(1_000)
    }
    expect(await health()).toBe('unhealthy')
    expect(store.all).toHaveLength(before)
    refuse(undefined)
    await clock.advance(15_000)
    expect(await health()).toBe('healthy')
    await clock.settled(orders.enqueue(2))
    await clock.advance(1_000)
    expect(seen).toEqual([1, 2])
    await clock.settled(ledger.close())
  })
})
