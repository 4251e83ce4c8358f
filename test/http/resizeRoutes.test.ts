// The resize of a queue over HTTP (§4.1, F2): what is answered, refused and shown.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Hall, openHall } from './hall.js'

const ORDERS = '/api/v1/queues/orders'
let hall: Hall
beforeEach(async () => {
  hall = await openHall()
  await hall.ask('PUT', ORDERS, { partitions: 2, limits: { concurrencyMax: 6 } })
})
afterEach(() => hall.close())

describe('4.1: POST …:resize', () => {
  it('answers with the settings by now, and the queue shows what drains', async () => {
    await hall.ask('POST', `${ORDERS}/messages`, { payload: 1 })
    const resized = await hall.ask('POST', `${ORDERS}:resize`, { partitions: 3, by: { who: 'ann' } })
    expect(resized).toMatchObject({ status: 200, json: { queue: 'orders', config: { partitions: 3 } } })
    expect((await hall.ask('GET', ORDERS)).json).toMatchObject({
      config: { partitions: 3 },
      stats: { partitions: 3, draining: [{ first: 0, partitions: 2, messages: 1, dead: 0 }] },
    })
    const { events } = await hall.ledger.events({ from: 0, limit: 100 })
    expect(events.find(({ type }) => type === 'QueueResized')?.data).toMatchObject({
      partitions: 3,
      by: { who: 'ann' },
    })
  })

  it('refuses what cannot be, and says what can', async () => {
    for (const partitions of [0, 1.5, 1_025])
      expect(await hall.ask('POST', `${ORDERS}:resize`, { partitions })).toMatchObject({
        status: 422,
        json: { code: 'invalid', detail: expect.stringContaining('a whole number from 1 to 1024') },
      })
    expect(await hall.ask('POST', `${ORDERS}:resize`, { partitions: '3' })).toMatchObject({ status: 400 })
    expect(await hall.ask('POST', `${ORDERS}:resize`, { partitions: 5 })).toMatchObject({
      status: 422,
      json: { detail: expect.stringContaining('at least 7, one for each partition until the older ones') },
    })
    expect((await hall.ask('POST', '/api/v1/queues/none:resize', { partitions: 3 })).status).toBe(404)
    const configured = await hall.ask('PUT', ORDERS, { partitions: 3 })
    expect(configured).toMatchObject({
      status: 422,
      json: { detail: expect.stringContaining('ledgerq queue resize NAME --partitions 3') },
    })
    expect((await hall.ask('GET', ORDERS)).json).toMatchObject({ config: { partitions: 2 } })
  })

  it('does nothing when the number is what it is, and ends after the sixteenth layout', async () => {
    const before = (await hall.ledger.events({ from: 0, limit: 500 })).events.length
    expect((await hall.ask('POST', `${ORDERS}:resize`, { partitions: 2 })).status).toBe(200)
    expect((await hall.ledger.events({ from: 0, limit: 500 })).events).toHaveLength(before)
    await hall.ask('PUT', ORDERS, { limits: { concurrencyMax: 100 } })
    for (let n = 1; n <= 15; n++)
      expect(await hall.ask('POST', `${ORDERS}:resize`, { partitions: n % 2 === 0 ? 2 : 1 })).toMatchObject({
        status: 200,
      })
    expect(await hall.ask('POST', `${ORDERS}:resize`, { partitions: 2 })).toMatchObject({
      status: 409,
      json: { code: 'too_many_resizes', detail: expect.stringContaining('at most 15 times') },
    })
  })
})
