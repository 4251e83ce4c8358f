// Calls that wait, over a restart of a real server on its port.
import { expect, it } from 'vitest'
import { openLedger } from '../../src/api/openLedger.js'
import { connectLedger } from '../../src/client/connectLedger.js'
import { startServer } from '../../src/http/server.js'

it('A10, D3: a result and a claim that wait are answered by the server that has come back', async () => {
  const ledger = await openLedger({ log: { kind: 'memory' } })
  const first = await startServer(ledger)
  const remote = connectLedger({ url: first.url })
  const queue = await remote.queue('orders')
  const { id } = await queue.enqueue(1, { delayMs: 3_600_000 })
  const result = queue.result(id, { waitMs: 60_000 })
  const claim = queue.claim({ worker: 'w', waitMs: 20_000 })
  // Answered by the server that is about to go: the two before it have arrived.
  await queue.view()
  await first.close()
  const second = await startServer(ledger, { port: Number(new URL(first.url).port) })
  const here = await ledger.queue('orders')
  await here.edit(id, { delayMs: 0 })
  const [message] = await claim
  expect(message).toMatchObject({ id, attempt: 1 })
  await here.settle([{ leaseToken: message?.leaseToken ?? '', outcome: 'ack' }])
  expect(await result).toMatchObject({ id, ended: true, state: 'succeeded' })
  await remote.close()
  await second.close()
  await ledger.close()
})
