// ledgerq queue resize, as an operator types it (§4.1, F2).
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openLedger } from '../../src/api/openLedger.js'
import type { Ledger } from '../../src/api/types/index.js'
import { buildServer } from '../../src/http/server.js'
import { runInProcess, type Spoken } from './inProcess.js'

let ledger: Ledger
let server: ReturnType<typeof buildServer>
let run: (...args: ReadonlyArray<string>) => Promise<Spoken>
beforeEach(async () => {
  ledger = await openLedger({ log: { kind: 'memory' } })
  server = buildServer(ledger, { onError: () => undefined })
  await server.app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = server.app.server.address() as AddressInfo
  const environment = { LEDGERQ_URL: `http://127.0.0.1:${port}` }
  run = (...args) => runInProcess(args, { environment, directory: '/' })
  const orders = await ledger.queue('orders', { partitions: 2 })
  for (const n of [1, 2, 3]) await orders.enqueue(n)
})
afterEach(async () => {
  server.stop()
  await server.app.close()
  await ledger.close()
})

it('4.1: says what would drain, asks for --yes, and shows what drains until it is through', async () => {
  const dry = await run('queue', 'resize', 'orders', '--partitions', '4', '--dry-run')
  expect(dry).toMatchObject({
    code: 0,
    out: expect.stringMatching(/4 new partitions .*the 2 of now drain .*3 messages/),
  })
  expect(await run('queue', 'resize', 'orders', '--partitions', '4')).toMatchObject({ code: 2 })
  expect((await (await ledger.queue('orders')).view()).config.partitions).toBe(2)

  const done = await run('queue', 'resize', 'orders', '--partitions', '4', '--yes')
  expect(done).toMatchObject({
    code: 0,
    out: expect.stringMatching(/has 4 partitions[\s\S]*partitions 0 to 1: 3 messages/),
  })
  expect((await run('queue', 'show', 'orders')).out).toMatch(
    /draining +partitions 0 to 1: 3 messages, 0 dead letters/,
  )
  const orders = await ledger.queue('orders')
  const messages = await orders.claim({ worker: 'w', max: 10 })
  const more = await orders.claim({ worker: 'w', max: 10 })
  await orders.settle(
    [...messages, ...more].map(({ leaseToken }) => ({ leaseToken, outcome: 'ack' as const })),
  )
  expect((await run('queue', 'show', 'orders')).out).not.toMatch(/draining +partitions 0 to 1: [1-9]/)
  expect(await run('queue', 'resize', 'orders', '--partitions', '4')).toMatchObject({
    code: 0,
    out: expect.stringContaining('already'),
  })
})

it('4.1: tells who asks for another number by other ways how it is done', async () => {
  const asked = await run('queue', 'create', 'orders', '--partitions', '4')
  expect(asked.code).not.toBe(0)
  expect(asked.err).toContain('ledgerq queue resize NAME --partitions 4')
})
