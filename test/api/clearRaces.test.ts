// A8: between the look for what matches and the append a message may have gone on: clearing meets what waits, nothing else.
import { describe, expect, it } from 'vitest'
import { memoryFinishedRegister } from '../../src/adapters/memory/finishedRegister.js'
import { clearWaiting } from '../../src/api/queue/operations.js'
import type { QueueEngine } from '../../src/engine/queueEngine.js'
import { fail, message, right, TestQueue } from '../support/ledger.js'

/** The engine of this queue, in which something happens each time after somebody has looked. */
const afterEachLook = ({ engine }: TestQueue, happens: () => Promise<unknown>): QueueEngine =>
  new Proxy(engine, {
    get: (whole, name) => {
      if (name !== 'look') return Reflect.get(whole, name, whole)
      return async (...asked: Parameters<QueueEngine['look']>) => {
        const seen = await whole.look(...asked)
        await happens()
        return seen
      }
    },
  })

const clear = (queue: TestQueue, happens: () => Promise<unknown>) => {
  const engine = afterEachLook(queue, happens)
  return queue.clock.settled(
    clearWaiting({ engine, log: queue.inner, register: memoryFinishedRegister() }, { by: { who: 'ann' } }),
  )
}

describe('clearing a queue in which work goes on', () => {
  it('A8: keeps a dead letter that still waited when it was looked at', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message('dies meanwhile'), message('waits'))
    const cleared = await clear(queue, async () => {
      const [held] = right(await queue.claim()).value.deliveries
      if (held !== undefined) await queue.settle(fail(held, { retryable: false }))
    })
    expect(cleared).toMatchObject({ purged: 1, running: 0 })
    const { state } = queue.engine.partition(0)
    expect(state?.messageAt(1)).toMatchObject({ tag: 'Dead' })
    expect((await queue.events()).at(-1)).toMatchObject({ type: 'MessagePurged', ordinal: 2 })
    await queue.assertReplayAgrees()
  })

  it('A8: leaves a message that was claimed meanwhile, and counts it as running', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message('is claimed meanwhile'), message('waits'))
    expect(await clear(queue, () => queue.claim())).toMatchObject({ purged: 1, running: 1 })
    expect(queue.engine.partition(0).state?.messageAt(1)).toMatchObject({ tag: 'Leased' })
  })
})
