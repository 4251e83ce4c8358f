// The relay as an operator looks at it (F4): `ledgerq relay status`, against a server on a socket.
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import { openLedger } from '../../src/api/openLedger.js'
import type { Ledger } from '../../src/api/types/index.js'
import { startServer } from '../../src/http/server.js'
import { VirtualClock } from '../../src/testing/virtualClock.js'
import { type Fate, FaultyFanOut } from '../support/kafka/faultyFanOut.js'
import { openRelayedLedger } from '../support/kafka/relayedLedger.js'
import { runInProcess } from './inProcess.js'

const clock = new VirtualClock()
let fate: Fate
let fanOut: FaultyFanOut
let ledger: Ledger
let url: string
let close: () => Promise<void>

beforeEach(async () => {
  fate = 'done'
  fanOut = new FaultyFanOut(2, 4, () => fate)
  ;({ ledger } = await openRelayedLedger(openMemoryLog(), fanOut, { clock }))
  await (await ledger.queue('orders')).enqueue(1)
  const server = await startServer(ledger, { token: undefined })
  url = server.url
  close = async () => {
    await server.close()
    await ledger.close()
  }
})
afterEach(() => close())

const status = (...flags: string[]) =>
  runInProcess([...flags, 'relay', 'status'], { environment: { LEDGERQ_URL: url }, directory: '/nowhere' })

it('shows each shard, and what holds it up with its cause', async () => {
  await clock.advance(2_000)
  const well = await status()
  expect(well.code).toBe(0)
  expect(well.out).toMatch(/^SHARD +STATE +SINCE +TOLD +POSITION +LAG +BEHIND +STILL FOR$/m)
  expect(well.out).toMatch(/^0 +telling +2026-/m)
  fate = 'parked'
  fanOut.heldPlaces = [{ topic: 'events', partition: 1, offset: 5, end: 12 }]
  await (await ledger.queue('orders')).enqueue(2)
  await clock.advance(70_000)
  const ill = await status()
  expect(ill.out).toMatch(/^\d +parked /m)
  expect(ill.out).toMatch(/^shard \d: not allowed$/m)
  expect(ill.out).toMatch(
    /a transaction is open in partition 1 of events from offset 5 on, for 1m \d+s: 7 records are kept/,
  )
  const asJson = await status('--json')
  expect(JSON.parse(asJson.out)).toMatchObject({
    topic: 'events',
    openTransactions: [{ partition: 1, offset: 5 }],
    shards: expect.arrayContaining([
      expect.objectContaining({
        state: 'parked',
        lastFault: expect.objectContaining({ type: 'FanOutRefused' }),
      }),
    ]),
  })
})

it('says so where no events are passed on', async () => {
  await close()
  ledger = await openLedger({ log: { kind: 'memory' } })
  const server = await startServer(ledger, { token: undefined })
  url = server.url
  close = async () => {
    await server.close()
    await ledger.close()
  }
  const { code, err } = await status()
  expect(code).toBe(3)
  expect(err).toContain('does not pass its events on to Kafka')
})
