// Orders and limits of a queue as an operator sets them (B4, B8), against a server on a socket.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openLedger } from '../../src/api/openLedger.js'
import type { Ledger } from '../../src/api/types/index.js'
import { buildServer } from '../../src/http/server.js'
import { runInProcess, type Spoken } from './inProcess.js'

let ledger: Ledger
let url: string
let close: () => Promise<void>

beforeEach(async () => {
  ledger = await openLedger({ log: { kind: 'memory' } })
  const { app, stop } = buildServer(ledger, { token: undefined, onError: () => undefined })
  url = await app.listen({ host: '127.0.0.1', port: 0 })
  close = async () => {
    stop()
    await app.close()
    await ledger.close()
  }
})
afterEach(() => close())

const run = (...args: string[]): Promise<Spoken> =>
  runInProcess(args, { environment: { LEDGERQ_URL: url }, directory: '/nowhere' })
const set = (...pairs: string[]): Promise<Spoken> =>
  run('queue', 'create', 'orders', ...pairs.flatMap((pair) => ['--set', pair]))
const claimed = async (max: number): Promise<unknown[]> => {
  const queue = await ledger.openQueue('orders')
  return (await queue.claim({ worker: 'w', max })).map(({ payload }) => payload)
}

describe('queue create --set', () => {
  it('B4 gives a queue its order, and changes it under what waits', async () => {
    expect(await set('order=lifo')).toMatchObject({ code: 0, err: '' })
    const queue = await ledger.queue('orders')
    for (const priority of [0, 10, -10]) await queue.enqueue(priority, { priority })
    expect(await claimed(1)).toEqual([-10])
    expect(await set('order=weighted', 'bandShares={"high":1,"normal":1,"low":5}')).toMatchObject({ code: 0 })
    expect(await claimed(2)).toHaveLength(2)
    expect((await run('queue', 'show', 'orders')).out).toMatch(/order\s+weighted/)
  })

  it('B8 limits the queue and its tenants, and a refusal names the setting and what is accepted', async () => {
    await set('limits={"concurrencyMax":3,"perTenant":{"concurrencyMax":1}}')
    const queue = await ledger.queue('orders')
    for (const tenant of ['a', 'a', 'b']) await queue.enqueue(tenant, { tenant })
    expect((await claimed(10)).sort()).toEqual(['a', 'b'])
    expect((await run('queue', 'show', 'orders')).out).toContain('"concurrencyMax":3')
    const refused = await set('limits={"rate":{"count":0,"perMs":1000}}')
    expect(refused.code).not.toBe(0)
    expect(refused.err).toContain('limits')
    const order = await set('order=newest')
    expect(order.err).toMatch(/order/)
    expect(await set('order')).toMatchObject({ code: 2 })
    expect(await set('limits={')).toMatchObject({ code: 2 })
  })
})
