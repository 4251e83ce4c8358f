// Queue "payments": a card service over HTTP that fails now and then. The fencing token travels along, and the order's id is the
// idempotency key: asking twice charges once.
import { complete, fail } from 'ledgerq'

export const options = { concurrency: 4 }

export const handler = async ({ payload }, { signal, leaseToken }) => {
  const answer = await fetch(`${process.env.SHOP_CARDS}/charge`, {
    method: 'POST',
    signal,
    headers: { 'idempotency-key': payload.orderId, 'x-fencing-token': leaseToken },
    body: JSON.stringify(payload),
  })
  if (answer.status === 402) return fail({ type: 'BUSINESS', message: 'the card was declined' })
  if (!answer.ok)
    throw Object.assign(new Error(`the card service answered ${answer.status}`), { failureType: 'NETWORK' })
  const { receipt } = await answer.json()
  return complete({ receipt }, { followUps: [{ queue: 'invoices', payload: { ...payload, receipt } }] })
}
