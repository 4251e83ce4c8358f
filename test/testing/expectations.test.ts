// Assertions of the kit: what they accept, and that a failed one shows why.
import { AssertionError } from 'node:assert'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Queue } from '../../src/index.js'
import {
  expectDeadLetter,
  expectEnqueued,
  expectHistory,
  expectNotEnqueued,
  expectState,
  type TestLedger,
  testLedger,
} from '../../src/testing/index.js'

type Order = Readonly<{ orderId: number; item?: string }>

let test: TestLedger
let orders: Queue<Order>
beforeEach(async () => {
  test = await testLedger()
  orders = await test.queue<Order>('orders')
})
afterEach(() => test.close())

const failureOf = async (promise: Promise<unknown>): Promise<AssertionError> => {
  const error = await promise.then(
    () => expect.fail('it was accepted'),
    (caught: unknown) => caught,
  )
  expect(error).toBeInstanceOf(AssertionError)
  return error as AssertionError
}
const declined = (): never => {
  throw Object.assign(new Error('the card was declined'), { failureType: 'BUSINESS' })
}

describe('E12: expectState', () => {
  it('accepts the state that is, and shows the history of another one', async () => {
    const { id } = await orders.enqueue({ orderId: 7 })
    expect(await expectState(orders, id, 'pending')).toMatchObject({ payload: { orderId: 7 } })
    orders.process(declined)
    await test.drain()
    const error = await failureOf(expectState(orders, id, 'succeeded'))
    expect(error).toMatchObject({ actual: 'dead-lettered', expected: 'succeeded' })
    expect(error.message).toMatch(
      /^The message orders\.0\.1 is dead-lettered, not succeeded:\n {2}\+0 ms {2}MessageEnqueued +payload=.*\n.*AttemptStarted.*attempt=1/,
    )
    expect(error.message).toContain('failureType=BUSINESS  message=the card was declined')
    expect(error.message).toContain('MessageDeadLettered')
  })

  it('says what the queue holds when there is no such message', async () => {
    await orders.enqueue({ orderId: 7 })
    const error = await failureOf(expectState(orders, 'orders.0.z', 'pending'))
    expect(error.message).toMatch(
      /^There is no message orders\.0\.z\.\nThe queue orders holds:\n {2}orders\.0\.1 {2}pending/,
    )
  })
})

describe('E12: expectHistory', () => {
  it('accepts the events in their order, by type or with some of their data', async () => {
    orders.process(() => 'done')
    const { id } = await orders.enqueue({ orderId: 7 })
    await test.drain()
    const types = ['MessageEnqueued', { type: 'AttemptStarted', data: { attempt: 1 } }, 'AttemptSucceeded']
    expect(await expectHistory(orders, id, types)).toHaveLength(3)
    for (const wrong of [
      types.slice(0, 2),
      [...types, 'MessageExpired'],
      [...types].reverse(),
      ['MessageEnqueued', { type: 'AttemptStarted', data: { attempt: 2 } }, 'AttemptSucceeded'],
    ]) {
      const error = await failureOf(expectHistory(orders, id, wrong))
      expect(error.message).toMatch(/is another one:\n.*MessageEnqueued[\s\S]*Expected were:/)
    }
  })
})

describe('E12: expectDeadLetter', () => {
  it('finds one by payload, failure type and reason, and shows those there are', async () => {
    orders.process(declined)
    const { id } = await orders.enqueue({ orderId: 7, item: 'lamp' })
    await test.drain()
    const found = await expectDeadLetter(orders, { payload: { orderId: 7 }, failureType: 'BUSINESS' })
    expect(found.id).toBe(id)
    expect(await expectDeadLetter(orders)).toMatchObject({ id })
    expect(await expectDeadLetter(orders, { id })).toMatchObject({ id })
    const error = await failureOf(expectDeadLetter(orders, { failureType: 'NETWORK' }))
    expect(error.message).toMatch(/There are:\n {2}orders\.0\.1 .*BUSINESS: the card was declined/)
  })

  it('shows why a message is none', async () => {
    orders.process(() => 'done')
    const { id } = await orders.enqueue({ orderId: 7 })
    await test.drain()
    const error = await failureOf(expectDeadLetter(orders, { id }))
    expect(error.message).toMatch(/has no dead letters\.\nThe message orders\.0\.1:[\s\S]*AttemptSucceeded/)
  })
})

describe('E12: expectEnqueued', () => {
  it('finds a message by what is named, whatever became of it, among more than a page', async () => {
    const items = Array.from({ length: 450 }, (_, orderId) => ({ payload: { orderId, item: 'lamp' } }))
    await orders.enqueueBatch(items)
    await orders.enqueue({ orderId: 1_000 }, { type: 'express', headers: { from: 'web', trace: 'x' } })
    for (const orderId of [0, 225, 449]) {
      expect(await expectEnqueued(orders, { payload: { orderId } })).toMatchObject({ payload: { orderId } })
    }
    await expectEnqueued(orders, { type: 'express', headers: { from: 'web' }, state: 'pending' })
    await expectNotEnqueued(orders, { payload: { orderId: 450 } })
    await expectNotEnqueued(orders, { payload: { orderId: 0 }, state: 'succeeded' })
    orders.process(() => 'done')
    await test.drain()
    await expectEnqueued(orders, { payload: { orderId: 0 }, state: 'succeeded' })
  })

  it('shows what the queue holds instead', async () => {
    const empty = await failureOf(expectEnqueued(orders, { payload: { orderId: 7 } }))
    expect(empty.message).toBe('No message is like {"payload":{"orderId":7}}.\nThe queue orders holds none.')
    await orders.enqueue({ orderId: 8 })
    const other = await failureOf(expectEnqueued(orders, { payload: { orderId: 7 } }))
    expect(other.message).toMatch(/holds:\n {2}orders\.0\.1 {2}pending .*\{"orderId":8\}/)
    const unwanted = await failureOf(expectNotEnqueued(orders, { payload: { orderId: 8 } }))
    expect(unwanted.message).toMatch(/^A message is like/)
  })

  it('an array must be the same, an object may have more', async () => {
    await orders.enqueue({ orderId: 7, item: 'lamp' })
    const list = await test.queue<ReadonlyArray<unknown>>('lists')
    await list.enqueue([1, { a: 1, b: 2 }])
    await expectEnqueued(list, { payload: [1, { a: 1 }] })
    await expectNotEnqueued(list, { payload: [1] })
    await expectNotEnqueued(list, { payload: {} })
  })
})
