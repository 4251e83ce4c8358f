// Callbacks by name survive restarts and are retried; listeners in the process hear of ends as long as it lives.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fixed } from '../../domain/retry/index.js'
import type { CallbackCall, SettledMessage } from '../../src/api/types/followUps.js'
import { TestLedger } from '../support/ledger.js'

const open = async () => {
  const test = await TestLedger.open()
  const orders = await test.done(test.ledger.queue('orders'))
  return { test, orders }
}

describe('C9: callbacks by name', () => {
  it('C9: run with the operation and its result, or with its error', async () => {
    const { test, orders } = await open()
    const calls: Array<[string, CallbackCall]> = []
    await test.done(test.ledger.callbacks.register('paid', (call, id) => void calls.push([id, call])))
    await test.done(test.ledger.callbacks.register('sorry', (call, id) => void calls.push([id, call])))
    const wishes = { onSuccess: { callback: 'paid' }, onFailure: { callback: 'sorry' }, retryable: false }
    await test.done(orders.enqueue('good', { id: 'op-1', ...wishes }))
    await test.done(orders.enqueue('bad', { id: 'op-2', ...wishes }))
    orders.process(({ payload }) => {
      if (payload === 'bad') throw new Error('no stock')
      return { total: 7 }
    })
    await test.clock.settle()
    expect(calls).toEqual([
      ['op-1', { operationId: 'op-1', queue: 'orders', result: { total: 7 } }],
      [
        'op-2',
        {
          operationId: 'op-2',
          queue: 'orders',
          attempts: 1,
          error: { type: 'UNKNOWN', message: 'no stock' },
        },
      ],
    ])
  })

  it('C9: survive a crash before they ran, and run once they are registered again', async () => {
    const { test, orders } = await open()
    await test.done(orders.enqueue(1, { id: 'op-1', onSuccess: { callback: 'paid' } }))
    orders.process(() => 'done')
    await test.clock.settle()
    await test.restart()
    const ids: string[] = []
    await test.done(test.ledger.callbacks.register('paid', (_, id) => void ids.push(id)))
    await test.clock.settle()
    expect(ids).toEqual(['op-1'])
    await test.restart()
    await test.done(test.ledger.callbacks.register('paid', (_, id) => void ids.push(id)))
    await test.clock.advance(60_000)
    expect(ids).toEqual(['op-1'])
  })

  it('C9: one that throws is retried by the policies of its queue', async () => {
    const { test, orders } = await open()
    await test.done(
      test.ledger.queue('callbacks', { failures: { UNKNOWN: fixed({ delayMs: 1_000, retriesMax: 3 }) } }),
    )
    let runs = 0
    await test.done(
      test.ledger.callbacks.register('paid', () => {
        if (++runs < 3) throw new Error('not yet')
      }),
    )
    await test.done(orders.enqueue(1, { onSuccess: { callback: 'paid' } }))
    orders.process(() => undefined)
    await test.clock.settle()
    expect(runs).toBe(1)
    await test.clock.advance(10_000)
    expect(runs).toBe(3)
    const queue = await test.done(test.ledger.queue('callbacks'))
    expect(await test.done(queue.stats())).toMatchObject({ succeeded: 1, failed: 2, dead: 0 })
  })

  it('C9: one that nobody has registered here waits, uncounted, and runs when somebody has', async () => {
    const { test, orders } = await open()
    await test.done(test.ledger.callbacks.register('other', () => undefined))
    await test.done(orders.enqueue(1, { onSuccess: { callback: 'paid' } }))
    orders.process(() => undefined)
    await test.clock.advance(20_000)
    const ids: string[] = []
    await test.done(test.ledger.callbacks.register('paid', (call) => void ids.push(call.operationId)))
    await test.clock.advance(5_000)
    expect(ids).toEqual(['orders.0.1'])
    expect(test.ledger.callbacks.unregister('paid')).toBe(true)
    expect(test.ledger.callbacks.unregister('paid')).toBe(false)
  })

  it('C9: a module in a folder of handlers runs them, without a registration and after a restart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ledgerq-callbacks-'))
    try {
      writeFileSync(
        join(folder, 'callbacks.mjs'),
        "export const handlers = { paid: ({ payload }) => ({ told: payload.operationId }) }\nexport const options = { whenNone: 'release' }\n",
      )
      const { test, orders } = await open()
      await test.done(orders.enqueue(1, { id: 'op-1', onSuccess: { callback: 'paid' } }))
      orders.process(() => undefined)
      await test.clock.settle()
      await test.restart()
      await test.ledger.processFolder(folder)
      await test.clock.settle()
      const told = (await test.events('callbacks')).filter(({ type }) => type === 'AttemptSucceeded')
      expect(told).toMatchObject([{ result: '{"told":"op-1"}' }])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it.each<[string, unknown, RegExp]>([
    ['a text', 'paid', /^onSuccess: accepted are \{ queue, type\? \} and \{ callback \}/],
    ['both', { queue: 'q', callback: 'paid' }, /^onSuccess: accepted are/],
    ['neither', {}, /^onSuccess\.queue: accepted are/],
    ['an empty name', { callback: '' }, /^onSuccess\.callback: accepted is text/],
    ['a strange field', { queue: 'q', when: 1 }, /^onSuccess: accepted are/],
  ])('C9: %s as a callback is refused', async (_, onSuccess, message) => {
    const { orders } = await open()
    await expect(orders.enqueue(1, { onSuccess: onSuccess as never })).rejects.toThrow(message)
  })
})

describe('C9: listeners in this process', () => {
  it('C9: hear of a success with its result and of a dead letter with its error, once each', async () => {
    const { test, orders } = await open()
    const heard: Array<[string, SettledMessage]> = []
    const options = {
      retryable: false,
      onSuccess: (settled: SettledMessage) => void heard.push(['success', settled]),
      onFailure: (settled: SettledMessage) => void heard.push(['failure', settled]),
    }
    const good = await test.done(orders.enqueue('good', options))
    const bad = await test.done(orders.enqueue('bad', options))
    expect(heard).toEqual([])
    orders.process(({ payload }) => {
      if (payload === 'bad') throw new Error('no stock')
      return 7
    })
    await test.clock.settle()
    const common = { queue: 'orders', attempts: 1 }
    expect(heard).toEqual([
      ['success', { ...common, id: good.id, outcome: 'succeeded', result: 7, error: undefined }],
      [
        'failure',
        {
          ...common,
          id: bad.id,
          outcome: 'dead-lettered',
          result: undefined,
          error: { type: 'UNKNOWN', message: 'no stock' },
        },
      ],
    ])
    await test.done(orders.redrive())
    await test.clock.settle()
    expect(heard).toHaveLength(2)
  })

  it('C9: whenSettled calls at once for what has ended, and not any more after it was stopped', async () => {
    const { test, orders } = await open()
    const { id } = await test.done(orders.enqueue(1))
    const outcomes: string[] = []
    const stop = await test.done(
      orders.whenSettled(id, ({ outcome }) => void outcomes.push(`stopped ${outcome}`)),
    )
    stop()
    await test.done(orders.whenSettled(id, ({ outcome }) => void outcomes.push(outcome)))
    await test.done(orders.cancel(id))
    await test.clock.settle()
    expect(outcomes).toEqual(['cancelled'])
    await test.done(orders.whenSettled(id, ({ outcome }) => void outcomes.push(`late ${outcome}`)))
    expect(outcomes).toEqual(['cancelled', 'late cancelled'])
    await expect(test.done(orders.whenSettled('orders.0.zz', () => undefined))).rejects.toThrow(
      /no such message/,
    )
  })

  it('C9: a listener that throws hurts nobody, and a durable callback stands beside one', async () => {
    const { test, orders } = await open()
    await test.done(
      orders.enqueue(1, {
        onSuccess: () => {
          throw new Error('mine')
        },
        onFailure: { queue: 'mails' },
      }),
    )
    orders.process(() => undefined)
    await test.clock.settle()
    expect(await test.done(orders.stats())).toMatchObject({ succeeded: 1 })
    const [enqueued] = (await test.events('orders')).filter(({ type }) => type === 'MessageEnqueued')
    expect(enqueued).toMatchObject({ attributes: { onFailure: { queue: 'mails' } } })
  })
})
