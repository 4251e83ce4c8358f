// The story of queues that get other numbers of partitions while they work (ADR 0013): one whose older partitions are drained, one
// with messages, a group and a dead letter in each layout, and limits that all of them share.
import { claimed, GoldenHouse, oneClaimed, operator, settle } from './goldenHouse.js'

export const storyOfAResize = async (directory: string): Promise<void> => {
  const house = await GoldenHouse.open(directory)
  const orders = await house.ledger.createQueue<unknown>(
    'orders',
    {
      partitions: 2,
      dedupWindowMs: 60_000,
      limits: {
        concurrencyMax: 20,
        rate: { count: 20, perMs: 10_000 },
        perTenant: { rate: { count: 18, perMs: 60_000 } },
      },
    },
    operator,
  )
  for (const n of [1, 2, 3, 4]) await orders.enqueue({ n }, { group: `g${n}`, tenant: 't' })
  await orders.enqueue({ keyed: true }, { dedupKey: 'k' })
  await claimed(orders, 2)
  await orders.resize(3, operator)
  for (const n of [1, 2, 3, 4, 5]) await orders.enqueue({ again: n }, { group: `g${n}`, tenant: 't' })
  await orders.enqueue({ keyed: true }, { dedupKey: 'k' })
  await house.pass(1_000)
  const dying = await oneClaimed(orders)
  await settle(orders, dying, { outcome: 'fail', retryable: false, failure: { message: 'no' } })
  await house.restart('resized')

  const again = await house.ledger.openQueue('orders')
  await again.resize(1, operator)
  await again.enqueue({ last: true }, { group: 'g9', tenant: 'u' })
  await claimed(again, 1)

  const mails = await house.ledger.createQueue<unknown>('mails', { partitions: 1 }, operator)
  await mails.enqueue({ to: 'ada' })
  await mails.resize(2, operator)
  await settle(mails, await oneClaimed(mails), { outcome: 'ack' })
  await house.until(async () => (await mails.stats()).draining === undefined)
  await mails.enqueue({ to: 'bob' })
  await house.ledger.close()
}
