// What a ledger tells its logger, and what it does not: payloads unless asked, floods, and anything at all when it is off.
import { describe, expect, it } from 'vitest'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import { memoryFinishedRegister } from '../../src/adapters/memory/finishedRegister.js'
import { openLedgerOn } from '../../src/api/openLedger.js'
import type { Ledger } from '../../src/api/types/index.js'
import { tellEvents } from '../../src/logging/eventLines.js'
import type { LoggingOptions } from '../../src/logging/index.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import { countedIds } from '../support/ledger.js'
import { ManualClock } from '../support/manualClock.js'
import { collectingLogger, type Told } from './collected.js'

const opened = async (
  logging: Omit<LoggingOptions, 'logger'> = {},
  log: EventLog = openMemoryLog(),
): Promise<{ ledger: Ledger; clock: ManualClock; told: Told[] }> => {
  const clock = new ManualClock()
  const { logger, told } = collectingLogger()
  const options = { clock, ids: countedIds(), node: 'node', logging: { ...logging, logger } }
  const ledger = await clock.settled(openLedgerOn(log, memoryFinishedRegister(), options))
  return { ledger, clock, told }
}
const eventsOf = (told: ReadonlyArray<Told>): string[] => told.map(({ event }) => event)

describe('E18: a ledger', () => {
  it('tells that it opened, what was done to queues and by whom, and that it closed', async () => {
    const { ledger, clock, told } = await opened()
    const by = { who: 'alice', why: 'moving house' }
    const orders = await clock.settled(ledger.queue('orders'))
    await clock.settled(orders.configure({ maxSize: 5 }, by))
    await clock.settled(orders.pause(by))
    await clock.settled(orders.resume(by))
    await clock.settled(ledger.deleteQueue('orders', { by }))
    await clock.settled(ledger.close())
    expect(eventsOf(told)).toEqual([
      'ledger opened',
      'queue created',
      'queue configured',
      'queue paused',
      'queue resumed',
      'queue deleted',
      'ledger closed',
    ])
    expect(told[0]?.fields).toMatchObject({ log: 'memory', queues: 0, messages: 0, dead: 0, node: 'node' })
    expect(told[3]).toEqual({
      level: 'info',
      event: 'queue paused',
      fields: { queue: 'orders', by: 'alice', why: 'moving house' },
    })
  })

  it('tells how it came back: what was replayed, and which attempts were lost', async () => {
    const log = openMemoryLog()
    const kept: EventLog = { ...log, close: () => Promise.resolve() }
    const first = await opened({}, kept)
    const orders = await first.clock.settled(first.ledger.queue('orders'))
    await first.clock.settled(orders.enqueue(1))
    // Nobody closes it: the next one finds what it left.
    const { ledger, clock, told } = await opened({ level: 'debug' }, kept)
    expect(told[0]).toMatchObject({
      event: 'ledger opened',
      fields: { queues: 1, messages: 1, eventsReplayed: expect.any(Number), attemptsLost: 0 },
    })
    expect(told[0]?.fields.eventsReplayed).toBeGreaterThan(0)
    expect(told[1]).toMatchObject({
      level: 'debug',
      event: 'partition recovered',
      fields: { queue: 'orders', partition: 0, open: true, snapshotUsed: false },
    })
    await clock.settled(ledger.close())
  })

  it('tells about dead letters with their failure type, and not what stands in them', async () => {
    const { ledger, clock, told } = await opened()
    const orders = await clock.settled(ledger.queue('orders'))
    const { id } = await clock.settled(orders.enqueue({ card: '4111' }))
    orders.process(() => {
      throw Object.assign(new Error('card 4111 has expired'), { failureType: 'BUSINESS' })
    })
    await clock.advance(1_000)
    const dead = told.filter(({ event }) => event === 'dead letter')
    expect(dead).toEqual([
      {
        level: 'warn',
        event: 'dead letter',
        fields: { queue: 'orders', partition: 0, id, reason: expect.any(String), failureType: 'BUSINESS' },
      },
    ])
    expect(JSON.stringify(told)).not.toContain('4111')
    await clock.settled(ledger.close())
  })

  it('adds payload and text of the failure when asked to', async () => {
    const { ledger, clock, told } = await opened({ payloads: true })
    const orders = await clock.settled(ledger.queue('orders'))
    await clock.settled(orders.enqueue({ card: '4111' }, { id: 'my-order' }))
    orders.process(() => {
      throw Object.assign(new Error('card 4111 has expired'), { failureType: 'BUSINESS' })
    })
    await clock.advance(1_000)
    expect(told.find(({ event }) => event === 'dead letter')?.fields).toMatchObject({
      id: 'my-order',
      failure: 'card 4111 has expired',
      payload: { card: '4111' },
    })
    await clock.settled(ledger.close())
  })

  it('limits a flood of dead letters and counts the rest', async () => {
    const { ledger, clock, told } = await opened()
    const orders = await clock.settled(ledger.queue('orders'))
    const items = Array.from({ length: 100 }, (_, payload) => ({ payload }))
    await clock.settled(orders.enqueueBatch(items))
    orders.process(() => {
      throw Object.assign(new Error('no'), { failureType: 'BUSINESS' })
    })
    await clock.advance(9_000)
    expect(eventsOf(told).filter((event) => event === 'dead letter')).toHaveLength(20)
    await clock.advance(2_000)
    expect(told.at(-1)).toMatchObject({ event: 'lines left out', fields: { of: 'dead letter', count: 80 } })
    await clock.settled(ledger.close())
  })

  it('tells about a commit that took long', async () => {
    const log = openMemoryLog()
    let slowMs = 0
    const clocks: ManualClock[] = []
    const slow: EventLog = {
      ...log,
      append: (stream, expected, batch) => async () => {
        clocks[0]?.block(slowMs)
        return log.append(stream, expected, batch)()
      },
    }
    const { ledger, clock, told } = await opened({}, slow)
    clocks.push(clock)
    const orders = await clock.settled(ledger.queue('orders'))
    slowMs = 1_500
    await clock.settled(orders.enqueue(1))
    slowMs = 0
    await clock.settled(orders.enqueue(2))
    expect(told.filter(({ event }) => event === 'slow commit')).toEqual([
      { level: 'warn', event: 'slow commit', fields: expect.objectContaining({ ms: 1_500, events: 1 }) },
    ])
    await clock.settled(ledger.close())
  })

  it('that cannot be opened says why', async () => {
    const log = openMemoryLog()
    await log.close()
    const { logger, told } = collectingLogger()
    await expect(openLedgerOn(log, memoryFinishedRegister(), { logging: { logger } })).rejects.toThrow()
    expect(told).toEqual([
      { level: 'error', event: 'ledger not opened', fields: { reason: expect.any(String) } },
    ])
  })
})

describe('E18: circuits and capacity', () => {
  it('have lines of their own, and what happens to every message has none', () => {
    const lines: string[] = []
    const batch = { batchId: 'b', at: 0, epoch: 1, previous: [] }
    tellEvents(
      'partition-orders~1.2',
      {
        ...batch,
        events: [
          { type: 'CircuitOpened', circuit: 'eu', reason: 'failureRate', retryAt: 1_000 },
          { type: 'CircuitHalfOpened', circuit: 'eu' },
          { type: 'CapacityReached', size: 10, maxSize: 10 },
          { type: 'LeaseExtended', ordinal: 1, callerId: undefined, fence: 1, leaseMs: 1 },
        ] as never,
      },
      false,
      ({ level, event, fields }) => lines.push(`${level} ${event} ${JSON.stringify(fields)}`),
    )
    expect(lines).toEqual([
      'warn circuit opened {"queue":"orders","partition":2,"circuit":"eu","reason":"failureRate","retryAt":"1970-01-01T00:00:01.000Z"}',
      'info circuit half open {"queue":"orders","partition":2,"circuit":"eu"}',
      'warn queue full {"queue":"orders","partition":2,"size":10,"maxSize":10}',
    ])
  })
})

describe('E18: without logging', () => {
  it('the log is used as it is: nothing stands between the engine and it', async () => {
    const log = openMemoryLog()
    const seen: EventLog = { ...log }
    const { loggedLedger } = await import('../../src/api/loggedLedger.js')
    for (const logging of [undefined, false] as const) {
      let used: EventLog | undefined
      await loggedLedger(seen, logging === undefined ? {} : { logging }, (given) => {
        used = given
        return Promise.resolve({} as Ledger)
      })
      expect(used).toBe(seen)
    }
  })
})
