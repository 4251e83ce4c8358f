// Dead letters dropped by their ids: one append for those of a partition, and an answer for each id.
import { expect, it } from 'vitest'
import { fixed } from '../../domain/retry/index.js'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import { memoryFinishedRegister } from '../../src/adapters/memory/finishedRegister.js'
import { openLedgerOn } from '../../src/api/openLedger.js'
import type { EventLog } from '../../src/ports/eventLog.js'

const opened = async (partitions: number) => {
  const appended: string[] = []
  const memory = openMemoryLog()
  const log: EventLog = {
    ...memory,
    append: (stream, expectedRevision, batch) => {
      appended.push(stream)
      return memory.append(stream, expectedRevision, batch)
    },
  }
  const ledger = await openLedgerOn(log, memoryFinishedRegister(), { logging: false })
  const failures = { UNKNOWN: fixed({ retriesMax: 0 }) }
  const queue = await ledger.queue('orders', { partitions, failures, circuit: null })
  return { ledger, queue, appended }
}

it('C3: dead letters named are dropped with one append for each partition, each with its own answer', async () => {
  const { ledger, queue, appended } = await opened(2)
  const ids = Array.from({ length: 20 }, (_, n) => `m${n}`)
  await queue.enqueueBatch(ids.map((id) => ({ id, payload: 1 })))
  for (let dead = 0; dead < ids.length; ) {
    const claimed = await queue.claim({ worker: 'w', max: 20 })
    dead += claimed.length
    const failure = { type: 'UNKNOWN', message: 'no' }
    await queue.settle(claimed.map(({ leaseToken }) => ({ leaseToken, outcome: 'fail' as const, failure })))
  }
  await queue.enqueue(1, { id: 'waits' })
  expect((await queue.stats()).dead).toBe(20)
  appended.length = 0
  const results = await queue.discardEach(['nobody', ...ids, 'waits', 'm0'], { who: 'ann' })
  expect(new Set(appended).size).toBe(2)
  expect(appended).toHaveLength(2)
  expect(results).toEqual([
    expect.objectContaining({ id: 'nobody', ok: false, code: 'message_not_found' }),
    ...ids.map((id) => ({ id, ok: true })),
    expect.objectContaining({ id: 'waits', ok: false, code: 'message_not_dead' }),
    { id: 'm0', ok: true },
  ])
  expect(await queue.stats()).toMatchObject({ dead: 0, pending: 1 })
  expect((await queue.history('m7')).at(-1)).toMatchObject({ type: 'MessagePurged' })
  // Dropped already is as good as dropped.
  expect(await queue.discardEach(['m3'])).toEqual([{ id: 'm3', ok: true }])
  await expect(queue.discardEach([null] as never)).rejects.toMatchObject({ code: 'invalid' })
  await ledger.close()
})
