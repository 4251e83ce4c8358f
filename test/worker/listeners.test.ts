// What users give to be told is no part of what it hears about: an async function that rejects would end the process.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { testLedger } from '../../src/testing/index.js'

const rejected: unknown[] = []
const note = (reason: unknown): void => void rejected.push(reason)
beforeEach(() => {
  rejected.length = 0
  process.on('unhandledRejection', note)
})
afterEach(() => void process.off('unhandledRejection', note))

/** Rejections that nobody handles are told after the microtasks: two turns of the loop are enough. */
const turns = async (): Promise<void> => {
  for (let n = 0; n < 2; n++) await new Promise((resolve) => setImmediate(resolve))
}
const boo = async (): Promise<never> => {
  throw new Error('boo')
}

it('C9: a listener that rejects neither fails the message nor ends the process', async () => {
  const { ledger, drain, close } = await testLedger()
  const queue = await ledger.queue('orders')
  queue.process(({ payload }) => payload)
  const { id } = await queue.enqueue(1, { onSuccess: boo as never })
  await queue.whenSettled(id, boo as never)
  await drain()
  await turns()
  expect((await queue.message(id))?.state).toBe('succeeded')
  expect(rejected).toEqual([])
  await close()
})

it('C11, D11: onError and onHealth that reject end nothing', async () => {
  const { ledger, drain, close } = await testLedger()
  const queue = await ledger.queue('orders')
  const sick = { check: () => false, everyMs: 1_000 }
  queue.process(
    () => {
      throw new Error('no')
    },
    {
      onError: boo as never,
      onHealth: boo as never,
      onFailure: { '*': boo },
      processors: [{ name: 'a', canProcess: () => false, handle: () => 1, health: sick }],
    },
  )
  await queue.enqueue(1)
  await drain()
  await turns()
  expect(rejected).toEqual([])
  await close()
})

it('C15: a probe that throws what has no text, at an onError that rejects, is a no', async () => {
  const { ledger, clock, close } = await testLedger()
  const queue = await ledger.queue('orders')
  const probe = queue.probeGate(
    'bank',
    () => {
      throw Object.create(null)
    },
    { onError: boo as never },
  )
  await clock.settle()
  await turns()
  expect(probe.available()).toBe(false)
  expect((await queue.switches()).closedGates).toEqual(['bank'])
  expect(rejected).toEqual([])
  await close()
})

it('D7: a watcher of a folder that throws fails no message', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ledgerq-handlers-'))
  await writeFile(join(folder, 'orders.mjs'), 'export default () => "done"\n')
  const { ledger, drain, close } = await testLedger()
  await ledger.processFolder(folder, {
    onRun: () => {
      throw new Error('boo')
    },
  })
  const queue = await ledger.openQueue('orders')
  const { id } = await queue.enqueue(1)
  await drain()
  expect(await queue.message(id)).toMatchObject({ state: 'succeeded', attempts: 1, result: 'done' })
  await close()
  await rm(folder, { recursive: true, force: true })
})

it('D12: a worker has a name that fits into the log', async () => {
  const { ledger, close } = await testLedger()
  const queue = await ledger.queue('orders')
  for (const name of ['', 'a b', 'x'.repeat(129), '\ud800', 5])
    expect(() => queue.process(() => 1, { name: name as never })).toThrow(/^name: accepted are /)
  await close()
})
