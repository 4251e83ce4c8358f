// What an operator sees of the relay: how far it is, what holds it up and since when (F4), and a transaction that nobody ends (R51).
import { describe, expect, it } from 'vitest'
import { judge, type LedgerCondition } from '../../projections/health/health.js'
import type { Relay } from '../../src/relay/relay.js'
import { VirtualClock } from '../../src/testing/virtualClock.js'
import { type Fate, FaultyFanOut } from '../support/kafka/faultyFanOut.js'
import { appendMade, madeLog } from '../support/kafka/madeLog.js'
import { hasToldAll, relayOn, until } from './virtualRelay.js'

const STREAMS = 5
const OPEN: LedgerCondition['log'] = { state: 'open', reason: undefined }

const codesOf = (relay: Relay): ReadonlyArray<string> =>
  judge({ log: OPEN, queues: [], relay: relay.status() }).reasons.map(({ code }) => code)

const opened = async (fate: () => Fate) => {
  const clock = new VirtualClock()
  const fanOut = new FaultyFanOut(2, 4, fate)
  const log = await madeLog(STREAMS, 4)
  const running = relayOn(log, fanOut, clock)
  running.relay.start()
  return { clock, fanOut, log, ...running }
}

describe('how far the relay is (F4)', () => {
  it('is told shard by shard: positions, lag in events, state and since when', async () => {
    const { clock, relay } = await opened(() => 'done')
    const began = new Date(clock.wallMs()).toISOString()
    await until(clock, () => hasToldAll(relay))
    const { topic, head, shards, openTransactions } = relay.status()
    expect({ topic, head, openTransactions }).toEqual({ topic: 'events', head: 60, openTransactions: [] })
    expect(shards.reduce((sum, { told }) => sum + told, 0)).toBe(60)
    for (const shard of shards)
      expect(shard).toMatchObject({
        ...{ state: 'telling', since: began, position: 60, lag: 0, lagEvents: 0, behindMs: 0, stillMs: 0 },
        lastFault: undefined,
      })
    await relay.stop()
  })

  it('keeps the last fault with its cause and time, when all is well again, too', async () => {
    let fate: Fate = 'refused'
    const { clock, relay } = await opened(() => fate)
    await clock.advance(5_000)
    const [away] = relay.status().shards
    expect(away).toMatchObject({ state: 'waiting', reason: 'no answer', lag: 60, lagEvents: 60 })
    expect(away?.lastFault).toMatchObject({ type: 'FanOutUnavailable', reason: 'no answer' })
    expect(away?.stillMs).toBeGreaterThanOrEqual(5_000)
    expect(away?.behindMs).toBeGreaterThanOrEqual(5_000)
    fate = 'done'
    await until(clock, () => hasToldAll(relay))
    const [well] = relay.status().shards
    expect(well).toMatchObject({ state: 'telling', reason: undefined, stillMs: 0 })
    expect(well?.lastFault).toMatchObject({ type: 'FanOutUnavailable', reason: 'no answer' })
    await relay.stop()
  })

  it('a relay that tells nothing for a minute, with something to tell, makes the ledger degraded', async () => {
    let fate: Fate = 'done'
    const { clock, log, relay } = await opened(() => fate)
    await until(clock, () => hasToldAll(relay))
    // Quiet for long is no trouble while there is nothing to tell.
    await clock.advance(600_000)
    expect(codesOf(relay)).toEqual([])
    fate = 'refused'
    await appendMade(log, STREAMS, 4, 5)
    await clock.advance(59_000)
    expect(codesOf(relay)).toEqual([])
    await clock.advance(2_000)
    expect(codesOf(relay)).toEqual(['relay_still'])
    fate = 'done'
    await until(clock, () => hasToldAll(relay))
    expect(codesOf(relay)).toEqual([])
    await relay.stop()
  })

  it('to read again what was read before a fault is no way forward', async () => {
    const clock = new VirtualClock()
    const fanOut = new FaultyFanOut(2, 2, () => 'done')
    fanOut.bytesMax = 1
    const made = await madeLog(STREAMS, 4)
    // Page by page, so that events of the other shard are passed over anew in each term before its own are refused.
    const { relay } = relayOn({ ...made, readAll: (from) => made.readAll(from, 1) }, fanOut, clock)
    relay.start()
    await clock.advance(62_000)
    for (const { stillMs } of relay.status().shards) expect(stillMs).toBeGreaterThanOrEqual(60_000)
    await relay.stop()
  })

  it('a shard that waits for somebody makes the ledger degraded at once, with its reason', async () => {
    const { clock, relay } = await opened(() => 'parked')
    await clock.advance(1_000)
    const { reasons } = judge({ log: OPEN, queues: [], relay: relay.status() })
    expect(reasons).toEqual([
      {
        level: 'degraded',
        code: 'relay_parked',
        message: 'the relay to events, shard 0, 1 waits for somebody to act: not allowed',
      },
    ])
    await relay.stop()
  })

  it('a relay in standby is well for as long as the other one tells', async () => {
    const { clock, fanOut, log, relay } = await opened(() => 'done')
    await until(clock, () => hasToldAll(relay))
    const second = relayOn(log, fanOut, clock)
    second.relay.start()
    await until(clock, () => hasToldAll(second.relay))
    for (let n = 4; n < 30; n++) {
      await appendMade(log, STREAMS, n, n + 1)
      await clock.advance(5_000)
    }
    const states = relay.status().shards.map(({ state }) => state)
    expect(states).toEqual(['standby', 'standby'])
    expect([...codesOf(relay), ...codesOf(second.relay)]).toEqual([])
    await Promise.all([relay.stop(), second.relay.stop()])
  })
})

describe('a transaction that stays open (R51)', () => {
  const HELD = { topic: 'events', partition: 3, offset: 17, end: 40 }

  it('is an alarm within 60 s, once, stands in the status, and makes the ledger degraded until it is ended', async () => {
    const { clock, fanOut, relay, troubles } = await opened(() => 'done')
    await until(clock, () => hasToldAll(relay))
    // In the worst moment: just after a look.
    await clock.advance(10_000 - (clock.tickMs() % 10_000) + 1_001)
    fanOut.heldPlaces = [HELD]
    await clock.advance(30_000)
    expect(troubles).toEqual([])
    await clock.advance(30_000)
    expect(troubles).toHaveLength(1)
    expect(troubles[0]).toContain('partition 3 of events: a transaction is open from offset 17 on')
    expect(relay.status().openTransactions).toMatchObject([HELD])
    expect(relay.status().openTransactions[0]?.forMs).toBeGreaterThanOrEqual(40_000)
    expect(codesOf(relay)).toEqual(['relay_transaction_open'])
    await clock.advance(600_000)
    expect(troubles).toHaveLength(1)
    fanOut.heldPlaces = []
    await clock.advance(10_000)
    expect([relay.status().openTransactions, codesOf(relay)]).toEqual([[], []])
    await relay.stop()
  })

  it('transactions that follow one another are none', async () => {
    const { clock, fanOut, relay, troubles } = await opened(() => 'done')
    for (let n = 0; n < 100; n++) {
      fanOut.heldPlaces = [{ ...HELD, offset: HELD.offset + n, end: HELD.end + n }]
      await clock.advance(5_000)
    }
    expect([relay.status().openTransactions, troubles]).toEqual([[], []])
    await relay.stop()
  })

  it('is not forgotten while the brokers do not answer', async () => {
    const { clock, fanOut, relay, troubles } = await opened(() => 'done')
    fanOut.heldPlaces = [HELD]
    await clock.advance(20_000)
    fanOut.isSilent = true
    await clock.advance(40_000)
    expect(troubles).toEqual([])
    fanOut.isSilent = false
    await clock.advance(10_000)
    expect(troubles).toHaveLength(1)
    await relay.stop()
  })
})
