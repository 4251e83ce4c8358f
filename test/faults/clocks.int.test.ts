// R17, R18, R20: a real server whose wall clock is set, and whose loop stands still, with leases, delays and ticks in flight.

import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LedgerEvent } from '../../domain/batch.js'
import { connectLedger, type RemoteLedger } from '../../src/client/connectLedger.js'
import { batchesOfDirectory, FaultClient, judge, NOTHING_WRONG } from '../support/faultClient.js'
import { type FaultServer, startFaultServer } from '../support/faultServer.js'

const HOUR_MS = 3_600_000
const SECOND_MS = 1_000
const LEASE_MS = 800

let directory: string
let client: FaultClient
let server: FaultServer
let remote: RemoteLedger | undefined
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ledgerq-clocks-'))
  client = new FaultClient()
  server = await startFaultServer({ directory })
  client.url = server.url
  await client.create({ leaseMs: LEASE_MS })
})
afterEach(async () => {
  await remote?.close()
  remote = undefined
  server.kill('SIGKILL')
  await server.ended
  await rm(directory, { recursive: true, force: true })
})

/** Ends the server and answers what it recorded, in order; times of the log never go back. */
const recorded = async (): Promise<ReadonlyArray<LedgerEvent>> => {
  server.kill('SIGTERM')
  await server.ended
  expect(await judge(directory, client)).toEqual(NOTHING_WRONG)
  const batches = await batchesOfDirectory(directory)
  for (const stream of new Set(batches.map((batch) => batch.stream))) {
    const times = batches.filter((batch) => batch.stream === stream).map(({ at }) => at)
    expect(times).toEqual([...times].sort((a, b) => a - b))
  }
  return batches.flatMap(({ events }) => events)
}

const expiries = (events: ReadonlyArray<LedgerEvent>): number =>
  events.filter((event) => event.type === 'AttemptFailed' && event.ended === 'leaseExpired').length

describe('R17, R18: the wall clock is set', () => {
  it('R17: an hour forward ends no lease, and what became due is handed out once', async () => {
    await client.enqueue()
    await client.enqueue({ delayMs: HOUR_MS / 2 })
    const [held] = await client.claim({ leaseMs: 30_000 })
    expect(await client.claim()).toEqual([])
    await server.suffer({ what: 'jumpWall', ms: HOUR_MS })
    const due = await client.claim({ max: 10, waitMs: 10_000 })
    expect(due.map(({ payload }) => payload.n)).toEqual([2])
    expect(await client.claim({ max: 10 })).toEqual([])
    if (held === undefined) throw new Error('nothing was claimed')
    expect(await client.ack(held)).toBe(true)
    for (const leased of due) expect(await client.ack(leased)).toBe(true)
    const events = await recorded()
    expect(expiries(events)).toBe(0)
    expect(events.filter(({ type }) => type === 'AttemptStarted')).toHaveLength(2)
  })

  it('R18: an hour back keeps no lease alive, and a clock that strobes is never seen in the log', async () => {
    await client.enqueue()
    const [held] = await client.claim({ leaseMs: LEASE_MS })
    await server.suffer({ what: 'jumpWall', ms: -HOUR_MS })
    // It comes back though the clock says that it is not due for another hour.
    const again = await client.claim({ waitMs: 15_000, leaseMs: 30_000 })
    expect(again).toMatchObject([{ attempt: 2, payload: { n: 1 } }])
    if (held === undefined || again[0] === undefined) throw new Error('nothing was claimed')
    expect(await client.ack(held)).toBe(false)
    for (let n = 0; n < 20; n++) {
      await server.suffer({ what: 'jumpWall', ms: n % 2 === 0 ? HOUR_MS : -HOUR_MS - 1_000 })
      await client.enqueue()
    }
    expect(await client.ack(again[0])).toBe(true)
    expect(expiries(await recorded())).toBe(1)
  })

  it('R18: a schedule ticks no instant twice, whichever way the clock is set', async () => {
    const schedule = { everyMs: SECOND_MS, payload: 'tick', missed: 'one' }
    const put = await client.ask('PUT', `${client.path}/schedules/often`, schedule)
    expect(put?.status).toBeLessThan(300)
    const enqueued = async (): Promise<number> => {
      const answer = await client.ask('GET', client.path)
      return (answer?.json.stats as { enqueued: number } | undefined)?.enqueued ?? Number.NaN
    }
    for (let round = 0; round < 2; round++) {
      const before = await enqueued()
      await server.suffer({ what: 'jumpWall', ms: HOUR_MS })
      await vi.waitFor(async () => expect(await enqueued()).toBeGreaterThan(before), { timeout: 20_000 })
      await server.suffer({ what: 'jumpWall', ms: -HOUR_MS })
      await client.enqueue()
    }
    const ticks = (await recorded()).flatMap((event) => (event.type === 'ScheduleTicked' ? [event.tick] : []))
    expect(ticks.length).toBeGreaterThan(1)
    expect(ticks).toEqual([...new Set(ticks)].sort((a, b) => a - b))
  })
})

describe('R20: the loop of the server stands still for two leases', () => {
  it('R20: heartbeats and acks that arrived meanwhile count, over open connections and new ones', async () => {
    remote = connectLedger({ url: client.url })
    const orders = await remote.queue<{ n: number }>('orders')
    const running = new Set<number>()
    const ended: number[] = []
    let finish: () => void = () => undefined
    const mayFinish = new Promise<void>((resolve) => {
      finish = resolve
    })
    // Three workers with heartbeats, which have connections open.
    for (let n = 0; n < 3; n++) {
      orders.process(
        async ({ payload }, { signal }) => {
          running.add(payload.n)
          await mayFinish
          if (!signal.aborted) ended.push(payload.n)
        },
        { concurrency: 2 },
      )
    }
    for (let n = 0; n < 6; n++) await client.enqueue()
    await vi.waitFor(() => expect(running.size).toBe(6), { timeout: 20_000 })
    await client.enqueue()
    const [held] = await client.claim({ waitMs: 5_000, worker: 'byHand' })
    if (held === undefined) throw new Error('nothing was claimed')
    const blocked = server.suffer({ what: 'block', ms: 2 * LEASE_MS })
    const acked = ackOverNewConnection(held.leaseToken)
    await blocked
    expect(await acked).toContain('"ok":true')
    client.acked.add(held.payload.n)
    await server.suffer({ what: 'block', ms: 2 * LEASE_MS })
    finish()
    await vi.waitFor(() => expect(ended).toHaveLength(6), { timeout: 20_000 })
    await remote.close()
    remote = undefined
    const events = await recorded()
    expect(expiries(events)).toBe(0)
    expect(events.filter(({ type }) => type === 'AttemptStarted')).toHaveLength(7)
    expect(events.filter(({ type }) => type === 'AttemptSucceeded')).toHaveLength(7)
  })
})

/** Whoever connects while the loop stands still waits in the kernel to be accepted. */
const ackOverNewConnection = (leaseToken: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const { host, hostname, port } = new URL(client.url)
    const socket = connect(Number(port), hostname)
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
    const body = JSON.stringify({ settlements: [{ leaseToken, outcome: 'ack' }] })
    socket.write(
      `POST ${client.path}/settlements HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
  })
