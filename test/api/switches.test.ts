// Groups, gates and circuits as a program switches them, and what becomes of messages meanwhile.
import { describe, expect, it } from 'vitest'
import type { Queue, QueueOptions } from '../../src/api/types/index.js'
import { TestLedger } from '../support/ledger.js'

const opened = async (
  settings: QueueOptions<unknown> = {},
): Promise<{ test: TestLedger; orders: Queue<unknown> }> => {
  const test = await TestLedger.open()
  return { test, orders: await test.done(test.ledger.queue<unknown>('orders', settings)) }
}
const claimed = async (test: TestLedger, orders: Queue<unknown>): Promise<unknown[]> => {
  const messages = await test.done(orders.claim({ worker: 'w', max: 10 }))
  return messages.map(({ payload }) => payload)
}

describe('B7: a group', () => {
  it('that is paused waits while the others run, also over a restart, and runs when it is resumed', async () => {
    const { test, orders } = await opened({ partitions: 2 })
    for (const group of ['a', 'b']) await test.done(orders.enqueue(group, { group }))
    await test.done(orders.pauseGroup('a', { who: 'ada' }))
    expect(await claimed(test, orders)).toEqual(['b'])
    expect(await test.done(orders.switches())).toMatchObject({ pausedGroups: ['a'] })
    await test.restart()
    const again = await test.done(test.ledger.queue('orders'))
    expect(await claimed(test, again)).toEqual([])
    await test.done(again.resumeGroup('a'))
    expect(await claimed(test, again)).toEqual(['a'])
    expect(await test.done(again.switches())).toMatchObject({ pausedGroups: [] })
  })

  it('that is paused is not late', async () => {
    const { test, orders } = await opened()
    await test.done(orders.enqueue(1, { group: 'a' }))
    await test.done(orders.pauseGroup('a'))
    await test.clock.advance(60_000)
    expect(await test.done(orders.stats())).toMatchObject({ oldestClaimableAgeMs: 0 })
  })

  it('is claimed by a worker that waits, as soon as it is resumed', async () => {
    const { test, orders } = await opened()
    await test.done(orders.pauseGroup('a'))
    await test.done(orders.enqueue(1, { group: 'a' }))
    const waiting = orders.claim({ worker: 'w', waitMs: 10_000 })
    await test.clock.advance(1_000)
    await test.done(orders.resumeGroup('a'))
    expect(await test.done(waiting)).toMatchObject([{ payload: 1 }])
  })
})

describe('C15: a gate', () => {
  it('that is closed keeps messages that name it waiting without an attempt, until it is open', async () => {
    const { test, orders } = await opened()
    const { id } = await test.done(orders.enqueue('pay', { gate: 'bank' }))
    await test.done(orders.enqueue('pack'))
    const bank = orders.gate('bank')
    await test.done(bank.close({ who: 'ada' }))
    expect(await test.done(bank.isOpen())).toBe(false)
    expect(await claimed(test, orders)).toEqual(['pack'])
    await test.clock.advance(20_000)
    expect(await test.done(orders.message(id))).toMatchObject({ state: 'pending', attempts: 0 })
    await test.done(bank.resourceAvailable())
    expect(await claimed(test, orders)).toEqual(['pay'])
  })

  it('follows its probe until its ledger ends', async () => {
    const { test, orders } = await opened()
    const timers = test.clock.timerCount
    let isUp = false
    const probe = orders.probeGate('bank', () => isUp, { everyMs: 1_000 })
    await test.clock.settle()
    await test.done(orders.enqueue('pay', { gate: 'bank' }))
    expect(await claimed(test, orders)).toEqual([])
    expect(probe.available()).toBe(false)
    isUp = true
    await test.clock.advance(1_000)
    expect(await claimed(test, orders)).toEqual(['pay'])
    await test.done(test.ledger.close())
    expect(test.clock.timerCount).toBeLessThanOrEqual(timers)
  })

  it('is recorded once, however often its probe says the same', async () => {
    const { test, orders } = await opened()
    const probe = orders.probeGate('bank', () => false, { everyMs: 1_000 })
    await test.clock.advance(20_000)
    await test.done(probe.stop())
    const { events } = await test.done(test.ledger.events({ limit: 500 }))
    const recorded = events.filter(({ type }) => type.startsWith('Gate'))
    expect(recorded).toMatchObject([
      { type: 'GateClosed', data: { gate: 'bank', by: { who: 'gate probe', why: 'the probe says no' } } },
    ])
  })
})

describe('C6: a circuit', () => {
  it('that is forced open starts nothing, forced closed starts all, and is itself again after', async () => {
    const { test, orders } = await opened()
    await test.done(orders.enqueue(1, { zone: 'eu' }))
    await test.done(orders.enqueue(2))
    await test.done(orders.forceCircuit('eu', 'open', { who: 'ada', why: 'flood' }))
    expect(await claimed(test, orders)).toEqual([2])
    expect(await test.done(orders.circuits())).toMatchObject([
      { circuit: 'eu', state: 'open', forced: 'open' },
    ])
    await test.done(orders.forceCircuit('eu', 'closed'))
    expect(await test.done(orders.circuits())).toMatchObject([
      { circuit: 'eu', state: 'closed', forced: 'closed' },
    ])
    expect(await claimed(test, orders)).toEqual([1])
    await test.done(orders.forceCircuit('eu', 'auto'))
    expect(await test.done(orders.circuits())).toEqual([])
  })

  it('opens by its failures, and is listed with when it tries again', async () => {
    const failures = {
      DATABASE: { kind: 'fixed' as const, delayMs: 1, retriesMax: 9, jitter: 'none' as const },
    }
    const { test, orders } = await opened({ failures })
    for (let n = 0; n < 5; n++) await test.done(orders.enqueue(n))
    const messages = await test.done(orders.claim({ worker: 'w', max: 5 }))
    const failed = messages.map(({ leaseToken }) => ({
      leaseToken,
      outcome: 'fail' as const,
      failure: { type: 'DATABASE' },
    }))
    await test.done(orders.settle(failed))
    const retryAt = new Date(test.clock.wallMs() + 30_000).toISOString()
    expect(await test.done(orders.circuits())).toMatchObject([
      { circuit: 'default', state: 'open', forced: undefined, partitions: [{ partition: 0, retryAt }] },
    ])
    await test.clock.advance(10_000)
    expect(await claimed(test, orders)).toEqual([])
  })

  it('that somebody else has forced is left alone by those who ask to', async () => {
    const { test, orders } = await opened()
    const probe = { who: 'processor health' }
    await test.done(orders.forceCircuit('eu', 'open', probe, { ownOnly: true }))
    await test.done(orders.forceCircuit('eu', 'auto', probe, { ownOnly: true }))
    expect(await test.done(orders.circuits())).toEqual([])
    await test.done(orders.forceCircuit('eu', 'open', { who: 'ada' }))
    await test.done(orders.forceCircuit('eu', 'auto', probe, { ownOnly: true }))
    expect(await test.done(orders.circuits())).toMatchObject([{ forced: 'open' }])
  })
})

describe('switches', () => {
  it.each([
    ['', 'empty'],
    ['x'.repeat(257), 'too long'],
    ['a\nb', 'with a control character'],
  ])('are refused under a name that is none: %j', async (name) => {
    const { test, orders } = await opened()
    const says = { code: 'invalid', message: expect.stringContaining('1 to 256 characters') as string }
    await expect(test.done(orders.pauseGroup(name))).rejects.toMatchObject(says)
    await expect(test.done(orders.forceCircuit(name, 'open'))).rejects.toMatchObject(says)
    expect(() => orders.gate(name)).toThrow(/1 to 256 characters/)
    expect(() => orders.probeGate('bank', () => true, { everyMs: 1 })).toThrow(/everyMs: accepted is a whole/)
  })

  it('change nothing in the log when they stand so already', async () => {
    const { test, orders } = await opened()
    const flip = async (): Promise<void> => {
      await test.done(orders.pauseGroup('a'))
      await test.done(orders.gate('bank').close())
      await test.done(orders.forceCircuit('eu', 'closed'))
    }
    await flip()
    const { log } = await test.done(test.ledger.stats())
    await flip()
    await test.done(orders.resumeGroup('other'))
    await test.done(orders.gate('other').open())
    await test.done(orders.forceCircuit('other', 'auto'))
    expect((await test.done(test.ledger.stats())).log.position).toBe(log.position)
  })
})
