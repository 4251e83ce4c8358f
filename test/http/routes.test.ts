// Every route answers as the contract says: statuses, bodies, and what a repetition does.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ClaimedMessage } from '../../src/api/types/index.js'
import { type Hall, openHall } from './hall.js'

let hall: Hall
beforeEach(async () => {
  hall = await openHall()
  await hall.ask('PUT', '/api/v1/queues/orders', {})
})
afterEach(() => hall.close())

const claimed = async (max = 10): Promise<ReadonlyArray<ClaimedMessage>> => {
  const { json } = await hall.ask('POST', '/api/v1/queues/orders/claims', { worker: 'w', max })
  return (json as { messages: ReadonlyArray<ClaimedMessage> }).messages
}
const send = (payload: unknown, more = {}) =>
  hall.ask('POST', '/api/v1/queues/orders/messages', { payload, ...more })
const settle = (...settlements: ReadonlyArray<unknown>) =>
  hall.ask('POST', '/api/v1/queues/orders/settlements', { settlements })

describe('queues', () => {
  it('answers 201 for a new queue, 200 for one that is changed, and keeps the settings not named', async () => {
    const created = await hall.ask('PUT', '/api/v1/queues/mail', { maxSize: 7, leaseMs: 5_000 })
    expect(created).toMatchObject({
      status: 201,
      json: { queue: 'mail', config: { maxSize: 7, leaseMs: 5_000 } },
    })
    const changed = await hall.ask('PUT', '/api/v1/queues/mail', {
      maxSize: 8,
      by: { who: 'ann', why: 'more' },
    })
    expect(changed).toMatchObject({ status: 200, json: { config: { maxSize: 8, leaseMs: 5_000 } } })
  })

  it('lists, shows and deletes; one that holds messages only when asked twice', async () => {
    await send(1)
    const listed = await hall.ask('GET', '/api/v1/queues')
    expect(listed).toMatchObject({ status: 200, json: { queues: [{ queue: 'orders', paused: false }] } })
    const shown = await hall.ask('GET', '/api/v1/queues/orders')
    expect(shown).toMatchObject({ status: 200, json: { queue: 'orders', stats: { pending: 1 } } })
    const refused = await hall.ask('DELETE', '/api/v1/queues/orders')
    expect(refused).toMatchObject({ status: 409, json: { code: 'queue_not_empty' } })
    expect((await hall.ask('DELETE', '/api/v1/queues/orders?evenIfNotEmpty=true&who=ann')).status).toBe(204)
    expect((await hall.ask('GET', '/api/v1/queues/orders')).status).toBe(404)
    expect((await hall.ask('POST', '/api/v1/queues/orders/messages', { payload: 1 })).status).toBe(404)
  })

  it('hands out nothing while paused', async () => {
    await send(1)
    expect((await hall.ask('POST', '/api/v1/queues/orders:pause', { by: { who: 'ann' } })).status).toBe(204)
    expect(await claimed()).toEqual([])
    expect((await hall.ask('POST', '/api/v1/queues/orders:resume')).status).toBe(204)
    expect(await claimed()).toHaveLength(1)
  })

  it.each(['..', '%2e%2e', '$all', 'a%00b', `${'x'.repeat(129)}`, 'a b', 'ﬁle'])(
    'is not created under the name %s (path traversal, look-alikes)',
    async (name) => {
      const { status } = await hall.ask('PUT', `/api/v1/queues/${encodeURI(name).replaceAll('%25', '%')}`, {})
      expect(status === 422 || status === 404 || status === 400).toBe(true)
      expect((await hall.ledger.queues()).map(({ queue }) => queue)).toEqual(['orders'])
    },
  )
})

describe('messages in', () => {
  it('answers 201 with id and position, and the payload comes back as it was', async () => {
    const payload = { a: [1, 2.5, null, 'ä€😀', { b: true }], constructor: 'c' }
    const { status, json } = await send(payload, { type: 't', headers: { h: 'v' }, priority: 'high' })
    expect(status).toBe(201)
    expect(json).toEqual({ id: expect.any(String), position: expect.any(Number), duplicate: false })
    const { id } = json as { id: string }
    const { json: view } = await hall.ask('GET', `/api/v1/queues/orders/messages/${id}`)
    expect(view).toMatchObject({
      id,
      state: 'pending',
      payload,
      type: 't',
      headers: { h: 'v' },
      priority: 10,
    })
  })

  it('answers 200 and the first message to a repeated Idempotency-Key, id or dedup key', async () => {
    const key = { 'idempotency-key': 'k1' }
    const first = await hall.ask('POST', '/api/v1/queues/orders/messages', { payload: 1 }, key)
    const again = await hall.ask('POST', '/api/v1/queues/orders/messages', { payload: 1 }, key)
    expect(first.status).toBe(201)
    expect(again).toMatchObject({
      status: 200,
      json: { id: (first.json as { id: string }).id, duplicate: true },
    })
    await send(2, { id: 'mine' })
    expect(await send(2, { id: 'mine' })).toMatchObject({
      status: 200,
      json: { id: 'mine', duplicate: true },
    })
  })

  it('answers a result for each message of a batch, with a key of its own made of the call’s', async () => {
    const body = { messages: [{ payload: 1 }, { payload: 2, id: 'two' }] }
    const path = '/api/v1/queues/orders/messages:batch'
    const first = await hall.ask('POST', path, body, { 'idempotency-key': 'b' })
    const again = await hall.ask('POST', path, body, { 'idempotency-key': 'b' })
    const duplicates = ({ json }: { json: unknown }) =>
      (json as { results: ReadonlyArray<{ duplicate: boolean }> }).results.map(({ duplicate }) => duplicate)
    expect(duplicates(first)).toEqual([false, false])
    expect(duplicates(again)).toEqual([true, true])
    expect(
      await hall.ask('POST', '/api/v1/queues/orders/messages', { payload: 9, idempotencyKey: 'b/0' }),
    ).toMatchObject({ status: 200 })
  })

  it('takes each message of an independent batch as if it were sent alone', async () => {
    await hall.ask('PUT', '/api/v1/queues/orders', { maxSize: 2 })
    const messages = [
      { payload: 1, id: 'one' },
      { payload: 1, id: 'one' },
      { payload: 2, id: 'not/an id' },
      { payload: 3 },
      { payload: 4 },
    ]
    const path = '/api/v1/queues/orders/messages:batch'
    const { status, json } = await hall.ask('POST', path, { independent: true, messages })
    expect(status).toBe(200)
    expect((json as { results: unknown }).results).toMatchObject([
      { id: 'one', duplicate: false },
      { id: 'one', duplicate: true },
      { problem: { status: 422, code: 'invalid' } },
      { duplicate: false },
      { problem: { status: 429, code: 'queue_full' } },
    ])
    const alone = await hall.ask('POST', '/api/v1/queues/orders/messages', messages[4])
    expect((json as { results: ReadonlyArray<unknown> }).results[4]).toEqual({ problem: alone.json })
  })

  it('lists by state, page by page, and cancels what waits', async () => {
    for (const n of [1, 2, 3]) await send(n)
    const page = await hall.ask('GET', '/api/v1/queues/orders/messages?state=pending&limit=2')
    const { messages, cursor } = page.json as { messages: ReadonlyArray<{ id: string }>; cursor: string }
    expect(messages).toHaveLength(2)
    const rest = await hall.ask('GET', `/api/v1/queues/orders/messages?state=pending&cursor=${cursor}`)
    expect((rest.json as { messages: ReadonlyArray<unknown> }).messages).toHaveLength(1)
    const id = messages[0]?.id ?? ''
    expect((await hall.ask('POST', `/api/v1/queues/orders/messages/${id}:cancel`)).status).toBe(204)
    expect(await hall.ask('GET', `/api/v1/queues/orders/messages/${id}`)).toMatchObject({
      json: { state: 'cancelled' },
    })
  })
})

describe('claims, settlements and dead letters', () => {
  it('repeats the answer to a claim id that is asked again', async () => {
    await send('once')
    const body = { worker: 'w', max: 5, claimId: 'c1' }
    const first = await hall.ask('POST', '/api/v1/queues/orders/claims', body)
    const again = await hall.ask('POST', '/api/v1/queues/orders/claims', body)
    expect((first.json as { messages: ReadonlyArray<unknown> }).messages).toHaveLength(1)
    expect(again.json).toEqual(first.json)
  })

  it('takes acks, failures, releases and extensions, and refuses a lease that is not held', async () => {
    for (const n of [1, 2, 3, 4]) await send(n)
    const [a, b, c, d] = (await claimed()).map(({ leaseToken }) => leaseToken)
    const settled = await settle(
      { leaseToken: a, outcome: 'ack', result: { ok: 1 } },
      { leaseToken: b, outcome: 'fail', failure: { type: 'BUSINESS', message: 'no' } },
      { leaseToken: c, outcome: 'release', delayMs: 60_000 },
      { leaseToken: d, outcome: 'extend', leaseMs: 90_000 },
    )
    expect(settled).toMatchObject({
      status: 200,
      json: { results: [{ ok: true }, { ok: true }, { ok: true }, { ok: true }] },
    })
    const late = await settle({ leaseToken: b, outcome: 'ack' })
    expect(late).toMatchObject({ json: { results: [{ leaseToken: b, ok: false, code: 'lease_not_held' }] } })
  })

  it('shows why a message died, redrives it, drops it, and tells its whole history', async () => {
    for (const n of [1, 2]) await send(n)
    const tokens = (await claimed()).map(({ leaseToken }) => leaseToken)
    await settle(
      ...tokens.map((leaseToken) => ({
        leaseToken,
        outcome: 'fail',
        failure: { type: 'BUSINESS', message: 'no' },
      })),
    )
    const dead = await hall.ask('GET', '/api/v1/queues/orders/dlq')
    const { messages } = dead.json as { messages: ReadonlyArray<{ id: string }> }
    expect(messages).toHaveLength(2)
    expect(messages[0]).toMatchObject({ failure: { type: 'BUSINESS', message: 'no' } })
    const [kept, dropped] = messages.map(({ id }) => id)
    const dry = await hall.ask('POST', '/api/v1/queues/orders/dlq:redrive', { dryRun: true })
    expect(dry.json).toEqual({ redriven: 2, refused: 0, dryRun: true })
    const redriven = await hall.ask('POST', '/api/v1/queues/orders/dlq:redrive', {
      ids: [kept],
      by: { who: 'ann' },
    })
    expect(redriven.json).toEqual({ redriven: 1, refused: 0, dryRun: false })
    const discarded = await hall.ask('POST', '/api/v1/queues/orders/dlq:discard', { ids: [dropped, kept] })
    expect(discarded.json).toMatchObject({
      results: [
        { id: dropped, ok: true },
        { id: kept, ok: false, code: 'message_not_dead' },
      ],
    })
    const types = async (path: string) =>
      ((await hall.ask('GET', path)).json as { events: ReadonlyArray<{ type: string }> }).events.map(
        ({ type }) => type,
      )
    const expected = [
      'MessageEnqueued',
      'AttemptStarted',
      'AttemptFailed',
      'MessageDeadLettered',
      'MessageRedriven',
    ]
    expect(await types(`/api/v1/queues/orders/messages/${kept}/history`)).toEqual(expected)
    expect(await types(`/api/v1/messages/${kept}/history`)).toEqual(expected)
  })
})

describe('the server as a whole', () => {
  it('says that it lives, is ready, and what it holds', async () => {
    expect(await hall.ask('GET', '/livez')).toMatchObject({ status: 200 })
    expect(await hall.ask('GET', '/readyz')).toMatchObject({ status: 200 })
    expect(await hall.ask('GET', '/api/v1/stats')).toMatchObject({
      json: { queues: [{ queue: 'orders' }], log: { state: 'open' } },
    })
  })

  it('shows the events of the log page by page, from any position, until nothing durable is left', async () => {
    for (const n of [1, 2, 3]) await send(n)
    type Page = { events: ReadonlyArray<{ position: number }>; next: number; atEnd: boolean }
    const page = async (query: string): Promise<Page> =>
      (await hall.ask('GET', `/api/v1/events${query}`)).json as Page
    const all = await page('')
    expect(all.atEnd).toBe(true)
    const seen = []
    for (let next = 0, atEnd = false; !atEnd; ) {
      const part = await page(`?from=${next}&limit=2`)
      expect(part.events.length).toBeLessThanOrEqual(2)
      seen.push(...part.events)
      ;({ next, atEnd } = part)
    }
    expect(seen).toEqual(all.events)
    expect(await page(`?from=${all.next}`)).toEqual({ events: [], next: all.next, atEnd: true })
    for (const query of ['?from=-1', '?from=1.5', '?limit=0', '?limit=501', '?form=1'])
      expect(await hall.ask('GET', `/api/v1/events${query}`)).toMatchObject({ status: 400 })
  })

  it('is live but not ready once the ledger is closed', async () => {
    await hall.ledger.close()
    expect((await hall.ask('GET', '/livez')).status).toBe(200)
    const { status, headers, json } = await hall.ask('GET', '/readyz')
    expect({ status, code: (json as { code: string }).code, retry: headers['retry-after'] }).toEqual({
      status: 503,
      code: 'unavailable',
      retry: '1',
    })
  })
})
