// Handles the queue "orders": the file name is the queue's name. Run it with
//   npx ledgerq worker --handlers examples/handlers
// Two kinds of order show what a failure does: a flaky carrier fails once and is retried after 5 s; an expired card is the
// business saying no, which is never retried: the order becomes a dead letter.

/** Messages in work at once. */
export const concurrency = 5

const networkError = (carrier) =>
  Object.assign(new Error(`connect ECONNREFUSED ${carrier}`), { code: 'ECONNREFUSED' })

const businessError = (orderId) =>
  Object.assign(new Error(`the card of order ${orderId} has expired`), { failureType: 'BUSINESS' })

export const handler = async (message, { attempt, signal }) => {
  const { orderId, card, carrier } = message.payload
  if (card === 'expired') throw businessError(orderId)
  if (carrier === 'flaky' && attempt === 1) throw networkError('carrier.example')
  signal.throwIfAborted()
  return { shipped: orderId }
}
