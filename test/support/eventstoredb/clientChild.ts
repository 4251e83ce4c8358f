// A process that uses the client package as it is, to see what becomes of the process: `clientChild.js <address> <appends> [count]`.
// Prints how many appends ended well and, with `count`, how many rejections nobody handled; without it they end the process.
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client'

const [, , address = '', count = '1', counts] = process.argv
let unhandled = 0
if (counts !== undefined) {
  process.on('unhandledRejection', () => {
    unhandled++
  })
}
/** More than a connection takes before it waits for the other side. */
const text = 'x'.repeat(50_000)
const client = EventStoreDBClient.connectionString(address)
const append = (n: number): Promise<boolean> =>
  client.appendToStream(`child-${n}`, jsonEvent({ type: 'Counted', data: { n, text } })).then(
    () => true,
    () => false,
  )

if ((await append(-1)) === false) process.exit(2)
const done = await Promise.all(Array.from({ length: Number(count) }, (_, n) => append(n)))
await new Promise((resolve) => setImmediate(resolve))
process.stdout.write(JSON.stringify({ done: done.filter(Boolean).length, unhandled }))
process.exit(0)
