// Offline: a till goes on selling while head office cannot be reached. Sales wait in the till's own ledger; the circuit opens, so
// that waiting costs no attempts; when the office is back everything is delivered, each sale once.
//
//   node examples/offline.mjs
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLedger, progressive } from 'ledgerq'

const SALES = 40
const booked = new Map()
let isUp = false
const office = createServer((request, response) => {
  if (!isUp) return request.socket.destroy()
  let body = ''
  request.on('data', (part) => {
    body += part
  })
  request.on('end', () => {
    const { id } = JSON.parse(body)
    booked.set(id, (booked.get(id) ?? 0) + 1)
    response.end('{}')
  })
})
await new Promise((resolve) => office.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${office.address().port}`

const folder = mkdtempSync(join(tmpdir(), 'till-'))
const ledger = await openLedger({ log: { kind: 'embedded', path: folder }, logging: false })
const sales = await ledger.queue('sales', {
  failures: { NETWORK: progressive({ baseMs: 100, retriesMax: 20 }) },
  circuit: { failureTypes: ['NETWORK'], failureThreshold: 3, openMs: 300, successThreshold: 1 },
})
sales.process(
  async ({ id, payload }, { signal }) => {
    // The office knows a sale by its id, so one that it booked without our hearing of it is not booked twice.
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify({ id, ...payload }), signal })
    return answer.json()
  },
  { concurrency: 2 },
)

for (let n = 1; n <= SALES; n++) await sales.enqueue({ item: `item ${n}` }, { id: `sale-${n}` })
const opened = async () => (await sales.circuits()).some(({ state }) => state === 'open')
while (!(await opened())) await new Promise((wake) => setTimeout(wake, 20))
const waiting = await sales.metrics()
console.log(
  `Office away: ${waiting.counts.pending + waiting.counts.retrying} sales wait, ${waiting.counts.attempts} attempts were made, the circuit is open.`,
)

isUp = true
for (let n = 1; n <= SALES; n++) await sales.result(`sale-${n}`)
const { counts } = await sales.metrics()
console.log(
  `Office back: ${counts.succeeded} sales delivered, ${booked.size} booked, ${[...booked.values()].filter((times) => times > 1).length} twice.`,
)
console.log(`Dead letters: ${counts.dead}`)
await ledger.close()
office.close()
rmSync(folder, { recursive: true, force: true })
