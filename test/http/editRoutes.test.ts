// Editing and waiting over HTTP (A11, A10): the same calls, the same refusals, and a wait that ends with the message.
import { describe, expect, it } from 'vitest'
import { openHall } from './hall.js'

const QUEUE = '/api/v1/queues/orders'
const MESSAGE = `${QUEUE}/messages/order-7`

const open = async () => {
  const hall = await openHall()
  const queue = await hall.ledger.queue('orders')
  await queue.enqueue({ total: 7 }, { id: 'order-7' })
  return { ...hall, queue }
}

describe('the edit call (A11)', () => {
  it('A11: changes what it names, with who asked', async () => {
    const { ask, queue, close } = await open()
    const by = { who: 'ops', why: 'typo' }
    const reply = await ask('POST', `${MESSAGE}:edit`, { payload: { total: 8 }, priority: 'high', by })
    expect(reply.status).toBe(204)
    expect(await queue.claim({ worker: 'w' })).toMatchObject([{ payload: { total: 8 }, priority: 10 }])
    const edited = (await queue.history('order-7')).find(({ type }) => type === 'MessageEdited')
    expect(edited?.data).toMatchObject({ by })
    await close()
  })

  it('A11, A5: refuses a payload whose numbers would be changed, as a new one is', async () => {
    const { ask, queue, close } = await open()
    const reply = await ask('POST', `${MESSAGE}:edit`, '{"payload":{"total":12345678901234567890.10}}')
    expect(reply).toMatchObject({ status: 422, json: { code: 'payload_refused' } })
    expect((await queue.history('order-7')).map(({ type }) => type)).toEqual(['MessageEnqueued'])
    await close()
  })

  it('A11: refuses what runs with 409, what never was with 404, and unknown fields with 400', async () => {
    const { ask, queue, close } = await open()
    expect(await ask('POST', `${MESSAGE}:edit`, { group: 'g' })).toMatchObject({ status: 400 })
    expect(await ask('POST', `${QUEUE}/messages/never:edit`, { priority: 1 })).toMatchObject({ status: 404 })
    await queue.claim({ worker: 'w' })
    expect(await ask('POST', `${MESSAGE}:edit`, { priority: 1 })).toMatchObject({
      status: 409,
      json: { code: 'message_not_editable' },
    })
    await close()
  })
})

describe('a queue under load (C10)', () => {
  it('C10: turns low priorities away with 429 and says when to come back', async () => {
    const hall = await openHall()
    await hall.ledger.queue('orders', { maxSize: 2, shedAbovePercent: 50 })
    const send = (priority: string) => hall.ask('POST', `${QUEUE}/messages`, { payload: 1, priority })
    expect(await send('low')).toMatchObject({ status: 201 })
    expect(await send('low')).toMatchObject({
      status: 429,
      json: { code: 'load_shed' },
      headers: { 'retry-after': expect.any(String) },
    })
    expect(await send('normal')).toMatchObject({ status: 201 })
    await hall.close()
  })
})

describe('the result call (A10)', () => {
  it('A10: looks once without a wait', async () => {
    const { ask, close } = await open()
    expect(await ask('GET', `${MESSAGE}/result`)).toMatchObject({
      status: 200,
      json: { id: 'order-7', ended: false, state: 'pending' },
    })
    await close()
  })

  it('A10: a wait ends with the message, not with its time', async () => {
    const { ask, queue, close } = await open()
    const waiting = ask('GET', `${MESSAGE}/result?waitMs=20000`)
    const worker = queue.process(({ payload }) => ({ seen: payload }))
    expect(await waiting).toMatchObject({
      status: 200,
      json: { ended: true, state: 'succeeded', attempts: 1, result: { seen: { total: 7 } } },
    })
    await worker.stop()
    await close()
  })

  it('A10: is 404 for one that never was, and 400 for a wait that is too long', async () => {
    const { ask, close } = await open()
    expect(await ask('GET', `${QUEUE}/messages/never/result`)).toMatchObject({ status: 404 })
    expect(await ask('GET', `${MESSAGE}/result?waitMs=99999999`)).toMatchObject({ status: 400 })
    await close()
  })
})
