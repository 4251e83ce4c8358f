// The examples of docs/testing.md, as they stand there: the regions below are quoted on that page.
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
// #region imports
import { fixed, type Ledger } from '../../src/index.js'
import { expectDeadLetter, expectHistory, expectState, testLedger } from '../../src/testing/index.js'
import { handlerIdempotenceLaw, retryPolicyLaws } from '../../src/testing/properties/index.js'
// #endregion
import { pageOf } from '../support/markdown.js'

// #region program
// The program: what it does with a ledger, whichever that is.
type Order = { orderId: number; card: string }
type Shop = { charge: (orderId: number, card: string) => Promise<void> }

const carrier = fixed({ delayMs: 60_000, retriesMax: 3 })

const startOrders = async (ledger: Ledger, shop: Shop) => {
  const orders = await ledger.queue<Order>('orders', { failures: { NETWORK: carrier } })
  orders.process(({ payload }) => shop.charge(payload.orderId, payload.card))
  return orders
}
// #endregion

describe('G5, E12: the example of docs/testing.md', () => {
  // #region tests
  it('charges again a minute after the shop was not reached', async () => {
    const test = await testLedger()
    let calls = 0
    const orders = await startOrders(test.ledger, {
      charge: async () => {
        if (++calls === 1) throw Object.assign(new Error('no route'), { code: 'ECONNREFUSED' })
      },
    })
    const { id } = await orders.enqueue({ orderId: 7, card: 'good' })
    await test.drain()
    await expectState(orders, id, 'retrying')

    await test.clock.advance(60_000) // no real time
    await expectHistory(orders, id, [
      'MessageEnqueued',
      'AttemptStarted',
      { type: 'AttemptFailed', data: { failureType: 'NETWORK' } },
      { type: 'RetryScheduled', data: { delayMs: 60_000 } },
      'AttemptStarted',
      'AttemptSucceeded',
    ])
    await test.close()
  })

  it('gives up at once on a declined card', async () => {
    const test = await testLedger()
    const orders = await startOrders(test.ledger, {
      charge: async () => {
        throw Object.assign(new Error('declined'), { failureType: 'BUSINESS' })
      },
    })
    await orders.enqueue({ orderId: 7, card: 'expired' })
    await test.drain({ forMs: 3_600_000 })
    await expectDeadLetter(orders, { payload: { orderId: 7 }, failureType: 'BUSINESS' })
    await test.close()
  })

  // Three minutes of an outage cost no order.
  for (const law of retryPolicyLaws(carrier, { outlastsMs: 180_000 })) it(law.name, () => law.check())

  it('an order that is delivered twice is charged once', () =>
    handlerIdempotenceLaw({
      payloads: fc.record({ orderId: fc.nat(), card: fc.string() }),
      world: () => new Map<number, string>(), // a shop that takes the order's id as idempotency key
      handler:
        (charged) =>
        ({ payload }) =>
          charged.set(payload.orderId, payload.card),
      effects: (charged) => [...charged],
    }).check())
  // #endregion
})

/** The lines between `#region name` and `#endregion`, with the indentation of the first taken off. */
const region = (name: string): string => {
  const source = readFileSync(import.meta.filename, 'utf8')
  const found = new RegExp(`// #region ${name}\\n([\\s\\S]*?)\\n *// #endregion`).exec(source)?.[1] ?? ''
  const indent = /^ */.exec(found)?.[0] ?? ''
  return found
    .split('\n')
    .map((line) => line.replace(new RegExp(`^${indent}`), ''))
    .join('\n')
    .replaceAll('../../src/testing/properties/index.js', 'ledgerq/testing/properties')
    .replaceAll('../../src/testing/index.js', 'ledgerq/testing')
    .replaceAll('../../src/index.js', 'ledgerq')
}

it('docs/testing.md quotes these examples word for word', () => {
  const page = pageOf('docs/testing.md')
  for (const name of ['imports', 'program', 'tests']) expect(page).toContain(region(name))
})
