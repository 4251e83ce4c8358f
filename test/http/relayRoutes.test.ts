// The relay over HTTP, in Prometheus' numbers and on the command line (F4).
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import type { RelayStatus } from '../../src/api/types/index.js'
import { type ServerCondition, serverSeries } from '../../src/http/serverSeries.js'
import { VirtualClock } from '../../src/testing/virtualClock.js'
import { type Fate, FaultyFanOut } from '../support/kafka/faultyFanOut.js'
import { openRelayedLedger } from '../support/kafka/relayedLedger.js'
import { fakeLedger } from './fakeLedger.js'
import { type Hall, openHall } from './hall.js'

const halls: Hall[] = []
afterEach(async () => {
  for (const hall of halls.splice(0)) await hall.close()
})

const relayedHall = async (fate: () => Fate, token?: string) => {
  const clock = new VirtualClock()
  const fanOut = new FaultyFanOut(2, 4, fate)
  const { ledger } = await openRelayedLedger(openMemoryLog(), fanOut, { clock })
  const hall = await openHall({ ledger, ...(token === undefined ? {} : { token }) })
  halls.push(hall)
  const orders = await ledger.queue('orders', { partitions: 2 })
  await orders.enqueueBatch(Array.from({ length: 10 }, (_, n) => ({ payload: n })))
  await clock.advance(2_000)
  return { hall, clock, orders }
}

describe('the relay over HTTP (F4)', () => {
  it('is told shard by shard by the server that runs it', async () => {
    const { hall } = await relayedHall(() => 'done')
    const { status, json } = await hall.ask('GET', '/api/v1/relay')
    const { topic, head, shards } = json as RelayStatus
    expect({ status, topic, isAtHead: shards.every(({ position }) => position === head) }).toEqual({
      ...{ status: 200, topic: 'events', isAtHead: true },
    })
    expect(shards.map(({ shard, state, lagEvents }) => [shard, state, lagEvents])).toEqual([
      [0, 'telling', 0],
      [1, 'telling', 0],
    ])
  })

  it('is 404 where nothing is passed on', async () => {
    const hall = await openHall()
    halls.push(hall)
    expect(await hall.ask('GET', '/api/v1/relay')).toMatchObject({
      status: 404,
      json: { code: 'no_relay' },
    })
    expect((await hall.ask('GET', '/metrics')).text).not.toContain('ledgerq_relay')
  })

  it('is in the health of the server when it has stood still for a minute', async () => {
    const { hall, clock } = await relayedHall(() => 'refused')
    await clock.advance(61_000)
    expect((await hall.ask('GET', '/api/v1/health')).json).toMatchObject({
      status: 'degraded',
      reasons: [
        { code: 'relay_still', message: expect.stringMatching(/has told none for 6\d s: no answer/) },
      ],
    })
    // It blocks nobody.
    expect((await hall.ask('GET', '/readyz')).status).toBe(200)
  })
})

describe('the numbers of a server for Prometheus (E7)', () => {
  it('are shown to whoever has the token', async () => {
    const { hall } = await relayedHall(() => 'done', 'secret')
    expect((await hall.ask('GET', '/metrics')).status).toBe(401)
    const { status, headers, text } = await hall.ask('GET', '/metrics', undefined, {
      authorization: 'Bearer secret',
    })
    expect([status, headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
    for (const line of [
      'ledgerq_server_answers 1',
      'ledgerq_server_messages{queue="orders",state="pending"} 10',
      'ledgerq_log_open 1',
      'ledgerq_relay_lag_positions{shard="0"} 0',
      'ledgerq_relay_state{shard="1",state="telling"} 1',
      'ledgerq_relay_state{shard="1",state="parked"} 0',
      'ledgerq_relay_open_transactions 0',
    ])
      expect(text.split('\n')).toContain(line)
  })

  it('go on while a queue does not answer, without the numbers of queues', async () => {
    const noRelay = () => Promise.reject(new Error('the relay does not answer'))
    const hall = await openHall({
      ledger: { ...fakeLedger({}), stats: () => Promise.reject(new Error('no')), relay: noRelay },
    })
    halls.push(hall)
    expect((await hall.ask('GET', '/metrics')).status).toBe(500)
    const relay: RelayStatus = { topic: 'events', head: 0, shards: [], openTransactions: [] }
    const other = await openHall({
      ledger: {
        ...fakeLedger({}),
        stats: () => Promise.reject(new Error('no')),
        relay: () => Promise.resolve(relay),
      },
    })
    halls.push(other)
    const { text } = await other.ask('GET', '/metrics')
    expect(text).toContain('\nledgerq_server_answers 0\n')
    expect(text).not.toContain('ledgerq_server_messages')
  })

  it('tell of no events before it is known how many were told: all at once would be a burst', () => {
    const shard: RelayStatus['shards'][number] = {
      ...{ shard: 0, state: 'starting', since: '', reason: undefined, told: 0, position: 0 },
      ...{ lag: 9, lagEvents: 9, behindMs: 0, stillMs: 0, lastFault: undefined },
    }
    const seriesOf = (told: number): string =>
      serverSeries({
        ...CONDITION,
        relay: { topic: 'events', head: 9, shards: [{ ...shard, told }], openTransactions: [] },
      })
    expect(seriesOf(0)).not.toMatch(/^ledgerq_relay_events_total\{/m)
    expect(seriesOf(7)).toContain('ledgerq_relay_events_total{shard="0"} 7')
  })

  it('are all in docs/operations.md, and nothing else is', async () => {
    const { hall } = await relayedHall(() => 'done')
    const { text } = await hall.ask('GET', '/metrics')
    const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
    const inDocs = [...page.matchAll(/^\| `(ledgerq_[a-z_]+)` \| (\w+) \|/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    )
    const inCode = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`)
    expect(inDocs.toSorted()).toEqual(inCode.toSorted())
  })
})

const CONDITION: ServerCondition = {
  stats: undefined,
  relay: undefined,
  process: { residentBytes: 1, cpuUs: 1, upSeconds: 1 },
}
