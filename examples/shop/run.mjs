// A shop: orders are checked, paid through a card service that fails one time in four, and invoiced as files. Express orders go
// first; the orders of one customer stay in order; declined cards become dead letters and send a message to the customer.
//
//   node examples/shop/run.mjs
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fixed, openLedger } from 'ledgerq'

const ORDERS = 60
const receipts = new Map()
let calls = 0
const cards = createServer((request, response) => {
  const order = request.headers['idempotency-key']
  let body = ''
  request.on('data', (part) => {
    body += part
  })
  request.on('end', () => {
    if (++calls % 4 === 0) return response.writeHead(503).end()
    if (JSON.parse(body).card === 'declined') return response.writeHead(402).end()
    if (!receipts.has(order)) receipts.set(order, `R-${receipts.size + 1}`)
    response.end(JSON.stringify({ receipt: receipts.get(order) }))
  })
})
await new Promise((resolve) => cards.listen(0, '127.0.0.1', resolve))

const folder = mkdtempSync(join(tmpdir(), 'shop-'))
process.env.SHOP_CARDS = `http://127.0.0.1:${cards.address().port}`
process.env.SHOP_INVOICES = join(folder, 'invoices')
mkdirSync(process.env.SHOP_INVOICES)

const ledger = await openLedger({ log: { kind: 'embedded', path: join(folder, 'data') }, logging: false })
const orders = await ledger.queue('orders')
const payments = await ledger.queue('payments', {
  failures: { NETWORK: fixed({ delayMs: 20, retriesMax: 10 }) },
})
const invoices = await ledger.queue('invoices')
await ledger.processFolder(fileURLToPath(new URL('handlers/', import.meta.url)))

const ids = []
for (let n = 1; n <= ORDERS; n++) {
  const order = {
    customer: `customer-${n % 7}`,
    card: n % 15 === 0 ? 'declined' : 'good',
    items: n % 20 === 0 ? [] : [{ price: 9.5, count: n }],
  }
  const { id } = await orders.enqueue(order, {
    type: 'order.placed',
    id: `order-${n}`,
    group: order.customer,
    priority: n % 10 === 0 ? 'high' : 'normal',
    dedupKey: `cart-${n}`,
    correlationId: order.customer,
  })
  ids.push(id)
}

const ends = await Promise.all(ids.map((id) => orders.result(id)))
const accepted = ends.filter(({ state }) => state === 'succeeded').length
const isQuiet = async (queue) => {
  const { pending, scheduled, retrying, processing } = await queue.stats()
  return pending + scheduled + retrying + processing === 0
}
const seen = async () => (await payments.stats()).enqueued === accepted
while (
  !(
    (await seen()) &&
    (await isQuiet(payments)) &&
    (await invoices.stats()).enqueued === (await payments.stats()).succeeded &&
    (await isQuiet(invoices))
  )
) {
  await new Promise((wake) => setTimeout(wake, 20))
}

const files = readdirSync(process.env.SHOP_INVOICES).length
const { counts } = await payments.metrics()
const declined = await payments.deadLetters()
console.log(`${ORDERS} orders: ${accepted} accepted, ${ORDERS - accepted} refused (no items)`)
console.log(
  `payments: ${counts.succeeded} paid, ${counts.dead} declined, ${counts.failed - counts.dead} retried after the card service failed`,
)
console.log(`invoices: ${files} files for ${receipts.size} receipts`)
console.log(
  `first dead letter: ${declined.messages[0]?.failure?.type} ${declined.messages[0]?.failure?.message}`,
)
const exact =
  files === counts.succeeded &&
  receipts.size === counts.succeeded &&
  counts.succeeded + counts.dead === accepted
console.log(
  exact ? 'Every accepted order was paid once and invoiced once, or declined.' : 'SOMETHING IS MISSING',
)
await ledger.close()
cards.close()
rmSync(folder, { recursive: true, force: true })
process.exitCode = exact ? 0 : 1
