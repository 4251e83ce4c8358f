// Queue "orders", by type of message. A placed order is checked, then paid; a cancelled one gives its money back.
import { complete, fail } from 'ledgerq'

export const options = { concurrency: 8 }

export const handlers = {
  'order.placed': ({ id, payload }) => {
    if (payload.items.length === 0)
      return fail({ type: 'VALIDATION', message: 'an order without items', retryable: false })
    const total = payload.items.reduce((sum, { price, count }) => sum + price * count, 0)
    // Recorded with this success and enqueued after it: the order is never checked without being paid for.
    return complete(
      { total },
      { followUps: [{ queue: 'payments', payload: { orderId: id, total, card: payload.card } }] },
    )
  },
  'order.cancelled': ({ payload }) => ({ refunded: payload.orderId }),
}
