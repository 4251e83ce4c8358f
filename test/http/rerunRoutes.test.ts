// Re-runs over HTTP and through the client (C16).
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RefusedError } from '../../src/api/errors.js'
import type { ClaimedMessage, Queue, RerunOperations } from '../../src/api/types/index.js'
import { rerunCalls } from '../../src/client/rerunCalls.js'
import type { Transport } from '../../src/client/transport.js'
import { type Hall, openHall } from './hall.js'

const QUEUE = '/api/v1/queues/orders'
const COUNT = 450

let hall: Hall
let queue: Queue<unknown>
let bodies: unknown[]
let remote: RerunOperations

const call: Transport['call'] = async (method, path, { body } = {}) => {
  bodies.push(body)
  const { status, json } = await hall.ask(method, path, body)
  const { code, detail } = json as { code: string; detail: string }
  if (status >= 400) throw new RefusedError(code, detail)
  return json
}

beforeEach(async () => {
  hall = await openHall()
  bodies = []
  remote = rerunCalls(call, QUEUE, () => Promise.resolve())
  queue = await hall.ledger.queue('orders', { circuit: null })
  await queue.enqueueBatch(
    Array.from({ length: COUNT }, (_, n) => ({ payload: n, type: n % 2 === 0 ? 'mail' : 'invoice' })),
  )
  const claimed: ReadonlyArray<ClaimedMessage> = await queue.claim({ worker: 'w', max: COUNT })
  await queue.settle(claimed.map(({ leaseToken }) => ({ leaseToken, outcome: 'ack' }) as const))
})
afterEach(() => hall.close())

const post = (body: unknown) => hall.ask('POST', `${QUEUE}/messages:rerun`, body)

describe('messages:rerun', () => {
  it('C16: counts first, then enqueues what matches, once for its operation', async () => {
    expect(await post({ type: 'mail', dryRun: true })).toMatchObject({
      status: 200,
      json: { rerun: 225, dryRun: true, operation: expect.any(String) },
    })
    const body = { type: 'mail', operation: 'fix-42' }
    expect(await post(body)).toMatchObject({ status: 200, json: { rerun: 225, repeated: 0 } })
    expect(await post(body)).toMatchObject({ status: 200, json: { rerun: 0, repeated: 225 } })
    const { json } = await hall.ask('GET', `${QUEUE}/messages?state=pending&limit=1&sort=oldest`)
    expect(json).toMatchObject({ messages: [{ payload: 0, type: 'mail', rerunOf: 'orders.0.1' }] })
  })

  it('C16: shows what it would run, page by page', async () => {
    const { json } = await post({ preview: true, limit: 150 })
    const first = json as { messages: ReadonlyArray<{ payload: unknown }>; cursor: string }
    expect(first.messages.map(({ payload }) => payload)).toEqual(Array.from({ length: 150 }, (_, n) => n))
    expect(await post({ preview: true, limit: 150, cursor: first.cursor })).toMatchObject({
      json: { rerun: 150, dryRun: true },
    })
    expect((await queue.stats()).pending).toBe(0)
  })

  it.each([
    [{ state: 'sleeping' }, 400],
    [{ state: 'pending' }, 422],
    [{ preview: false }, 400],
    [{ operation: 'a b' }, 422],
    [{ ids: [] }, 400],
  ])('C16: %j is refused with %i', async (body, status) => {
    expect((await post(body)).status).toBe(status)
  })
})

describe('through the client', () => {
  it('C16: every step goes under one operation, which is answered', async () => {
    const result = await remote.rerun({ state: ['succeeded', 'cancelled'], enqueuedTo: new Date(4e12) })
    expect(result).toMatchObject({ rerun: COUNT, repeated: 0, cursor: undefined })
    expect(bodies).toEqual([expect.objectContaining({ operation: result.operation, limit: 10_000 })])
  })

  it('C16: asks the hook about each message before it is enqueued, and only those that need it are', async () => {
    const asked: unknown[] = []
    const result = await remote.rerun({
      reconcile: ({ payload }) => {
        asked.push(payload)
        return Number(payload) < 100 ? 'done' : undefined
      },
    })
    expect(result).toMatchObject({ rerun: COUNT - 100, reconciled: 100, repeated: 0 })
    expect(asked).toEqual(Array.from({ length: COUNT }, (_, n) => n))
    expect((await queue.stats()).pending).toBe(COUNT - 100)
  })

  it('C16: a hook and a dry run change nothing', async () => {
    const result = await remote.rerun({ reconcile: () => 'done', dryRun: true })
    expect(result).toMatchObject({ rerun: 0, reconciled: COUNT, dryRun: true })
    expect((await queue.stats()).pending).toBe(0)
  })

  it('C16: by ids, in calls that a server takes, with those refused that are not finished', async () => {
    const ids = Array.from({ length: 320 }, (_, n) => `orders.0.${(n + 1).toString(36)}`)
    expect(await remote.rerun({ ids: [...ids, 'nobody'] })).toMatchObject({ rerun: 320, refused: 1 })
    expect(bodies.length).toBe(2)
    const some = await remote.rerun({ ids, reconcile: ({ payload }) => (payload === 0 ? 'done' : undefined) })
    expect(some).toMatchObject({ rerun: 319, reconciled: 1 })
  })

  it('C16: stopped after a step, it is taken up again under its name and cursor', async () => {
    const stop = new AbortController()
    const reconcile = (): undefined => undefined
    const first = await remote.rerun({ reconcile, signal: stop.signal, onProgress: () => stop.abort() })
    expect(first).toMatchObject({ rerun: 200, cursor: expect.any(String) })
    const { operation, cursor = '' } = first
    expect(await remote.rerun({ operation, cursor })).toMatchObject({ rerun: 250, repeated: 0 })
  })
})
