// Lists by filter and operations over many messages, over HTTP and through the client, which asks for them in steps (A8, C3).
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RefusedError } from '../../src/api/errors.js'
import type { ClaimedMessage, SelectionOperations } from '../../src/api/types/index.js'
import { selectionCalls } from '../../src/client/selectionCalls.js'
import type { Transport } from '../../src/client/transport.js'
import { type Hall, openHall } from './hall.js'

const QUEUE = '/api/v1/queues/orders'
const ENQUEUED = ['high', 'normal', 'low', 'normal'] as const

let hall: Hall
let asked: string[]
let remote: SelectionOperations

/** The client's calls, without a socket between. */
const call: Transport['call'] = async (method, path, { body, query = {} } = {}) => {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value))
  asked.push(`${method} ${path}`)
  const text = search.toString()
  const { status, json } = await hall.ask(method, text === '' ? path : `${path}?${text}`, body)
  if (status >= 400) {
    const problem = json as { code: string; detail: string }
    throw new RefusedError(problem.code, problem.detail)
  }
  return json
}

beforeEach(async () => {
  hall = await openHall()
  asked = []
  remote = selectionCalls(call, QUEUE, () => Promise.resolve())
  const settings = { failures: { UNKNOWN: { kind: 'fixed', delayMs: 0, retriesMax: 0 } }, maxSize: 100_000 }
  await hall.ask('PUT', QUEUE, settings)
  for (const [n, priority] of ENQUEUED.entries()) {
    const more = n % 2 === 0 ? { zone: 'eu', type: 'mail' } : { tenant: 'acme', delayMs: 60_000 }
    await hall.ask('POST', `${QUEUE}/messages`, { payload: n, priority, ...more })
  }
})
afterEach(() => hall.close())

const payloads = (body: unknown): unknown[] =>
  (body as { messages: ReadonlyArray<{ payload: unknown }> }).messages.map(({ payload }) => payload)
const get = async (query: string): Promise<unknown> =>
  (await hall.ask('GET', `${QUEUE}/messages${query}`)).json

const killReady = async (): Promise<void> => {
  const { json } = await hall.ask('POST', `${QUEUE}/claims`, { worker: 'w', max: 100 })
  const { messages } = json as { messages: ReadonlyArray<ClaimedMessage> }
  const settlements = messages.map(({ leaseToken }) => ({
    leaseToken,
    outcome: 'fail',
    failure: { type: 'UNKNOWN', message: 'no' },
    retryable: false,
  }))
  await hall.ask('POST', `${QUEUE}/settlements`, { settlements })
}

describe('filters in a query', () => {
  it.each([
    ['', [3, 2, 1, 0]],
    ['?sort=oldest', [0, 1, 2, 3]],
    ['?state=pending,scheduled&sort=priority', [0, 1, 3, 2]],
    ['?state=scheduled', [3, 1]],
    ['?zone=eu&priorityMax=low', [2]],
    ['?priorityMin=-1&priorityMax=0', [3, 1]],
    ['?tenant=acme&type=mail', []],
    ['?idPrefix=orders.0.&limit=1', [3]],
    ['?enqueuedFrom=2000-01-01T00:00:00Z&enqueuedTo=4000000000000', [3, 2, 1, 0]],
    ['?enqueuedTo=2000-01-01T00:00:00Z', []],
  ])('A8: %s', async (query, expected) => {
    expect(payloads(await get(query))).toEqual(expected)
  })

  it('A8: pages carry a cursor, and say how much was looked at', async () => {
    const first = (await get('?limit=3')) as { cursor: string; scanned: number }
    expect(payloads(first)).toEqual([3, 2, 1])
    expect(first.scanned).toBeGreaterThanOrEqual(3)
    expect(payloads(await get(`?limit=3&cursor=${first.cursor}`))).toEqual([0])
  })

  it('A8: counts by state', async () => {
    expect(await get(':count')).toMatchObject({ pending: 2, scheduled: 2, total: 4 })
    expect(await get(':count?zone=eu')).toMatchObject({ pending: 2, scheduled: 0, total: 2 })
  })

  it.each([
    ['?state=waiting', '/state'],
    ['?priorityMax=urgent', '/priorityMax'],
    ['?sort=size', '/sort'],
    ['?colour=red', '/colour'],
    ['?limit=0', '/limit'],
  ])('A8: %s is refused, and the place is named', async (query, path) => {
    const { status, json } = await hall.ask('GET', `${QUEUE}/messages${query}`)
    expect({ status, path: (json as { faults: ReadonlyArray<{ path: string }> }).faults[0]?.path }).toEqual({
      status: 400,
      path,
    })
  })

  it('A8: what only the ledger can refuse is refused by it', async () => {
    for (const query of [
      '?enqueuedFrom=soon',
      '?sort=priority&state=succeeded',
      '?cursor=x',
      '?priorityMin=1001',
    ])
      expect(await hall.ask('GET', `${QUEUE}/messages${query}`)).toMatchObject({
        status: 422,
        json: { code: 'invalid' },
      })
  })
})

describe('operations in a body', () => {
  it('A8: clear counts first, then purges, and writes down who asked', async () => {
    const body = { zone: 'eu', state: ['pending', 'scheduled'] }
    const dry = await hall.ask('POST', `${QUEUE}:clear`, { ...body, dryRun: true })
    expect(dry).toMatchObject({ status: 200, json: { purged: 2, running: 0, dryRun: true } })
    const done = await hall.ask('POST', `${QUEUE}:clear`, { ...body, by: { who: 'ann' } })
    expect(done).toMatchObject({ status: 200, json: { purged: 2, running: 0, dryRun: false } })
    expect(payloads(await get('?state=purged'))).toEqual([2, 0])
    const { json } = await hall.ask('GET', `${QUEUE}/messages/orders.0.1/history`)
    expect((json as { events: ReadonlyArray<unknown> }).events.at(-1)).toMatchObject({
      data: { by: { who: 'ann', from: '127.0.0.1' } },
    })
  })

  it('C3: dead letters are listed, redriven and dropped by filter', async () => {
    await killReady()
    const list = await hall.ask('GET', `${QUEUE}/dlq?kind=business&priorityMin=high`)
    expect(payloads(list.json)).toEqual([0])
    expect(await hall.ask('POST', `${QUEUE}/dlq:redrive`, { type: 'mail', priorityMax: -1 })).toMatchObject({
      status: 200,
      json: { redriven: 1, refused: 0 },
    })
    expect(await hall.ask('POST', `${QUEUE}/dlq:clear`, { dryRun: true })).toMatchObject({
      json: { discarded: 1, dryRun: true },
    })
    expect(await hall.ask('POST', `${QUEUE}/dlq:clear`, { kind: 'system' })).toMatchObject({
      json: { discarded: 0 },
    })
    expect(await hall.ask('POST', `${QUEUE}/dlq:clear`, {})).toMatchObject({ json: { discarded: 1 } })
  })

  it.each([
    [':clear', { state: 'waiting' }],
    [':clear', { limit: 10_001 }],
    [':clear', { ratePerSecond: 5 }],
    ['/dlq:redrive', { kind: 'all' }],
    ['/dlq:clear', { ids: ['orders.0.1'] }],
  ])('A8, C3: %s refuses %j', async (verb, body) => {
    expect(await hall.ask('POST', `${QUEUE}${verb}`, body)).toMatchObject({ status: 400 })
  })
})

describe('through the client', () => {
  it('A8: lists, counts and clears as in process', async () => {
    const page = await remote.list({
      state: ['pending', 'scheduled'],
      sort: 'priority',
      enqueuedTo: new Date(4e12),
    })
    expect(page.messages.map(({ payload }) => payload)).toEqual([0, 1, 3, 2])
    expect(await remote.count({ tenant: 'acme' })).toMatchObject({ scheduled: 2, total: 2 })
    expect(await remote.clear({ tenant: 'acme', dryRun: true })).toEqual({
      purged: 2,
      running: 0,
      dryRun: true,
      cursor: undefined,
    })
    expect(await remote.clear({ tenant: 'acme', by: { who: 'ann' } })).toMatchObject({ purged: 2 })
    await expect(remote.clear({ state: 'succeeded' })).rejects.toMatchObject({ code: 'invalid' })
  })

  it('A8: an operation longer than a call is asked for in several', async () => {
    const messages = Array.from({ length: 8_000 }, () => ({ payload: 1 }))
    for (let n = 0; n < 3; n++) await hall.ask('POST', `${QUEUE}/messages:batch`, { messages })
    asked = []
    const told: number[] = []
    const cleared = await remote.clear({ state: 'pending', onProgress: ({ purged }) => told.push(purged) })
    expect(cleared).toMatchObject({ purged: 24_002, cursor: undefined })
    expect(told).toEqual([10_000, 20_000, 24_002])
    expect(asked).toEqual(new Array(3).fill(`POST ${QUEUE}:clear`))
  })

  it('C3: redrives by filter at a rate, in steps of its own, and drops what is left', async () => {
    await killReady()
    const pauses: number[] = []
    const paced = selectionCalls(call, QUEUE, (ms) => {
      pauses.push(ms)
      return Promise.resolve()
    })
    expect((await paced.deadLetters({ kind: 'business' })).messages).toHaveLength(2)
    expect(await paced.redrive({ failureType: 'UNKNOWN', ratePerSecond: 2, limit: 1 })).toMatchObject({
      redriven: 1,
    })
    expect(await paced.redrive({ ratePerSecond: 2 })).toMatchObject({ redriven: 1, cursor: undefined })
    expect(pauses.every((ms) => ms === 500)).toBe(true)
    await killReady()
    expect(await paced.redrive({ ids: ['orders.0.1', 'nobody'] })).toMatchObject({ redriven: 1, refused: 1 })
    expect(await paced.discardAll({ priorityMax: 'low' })).toMatchObject({ discarded: 1 })
  })
})
