// The life of queues: opened without being created, created without being changed, and not created by being used where the
// policy says so; in process, over HTTP, and with a prefix in the log.
import { afterEach, describe, expect, it } from 'vitest'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import { memoryFinishedRegister } from '../../src/adapters/memory/finishedRegister.js'
import { openLedgerOn } from '../../src/api/openLedger.js'
import {
  connectLedger,
  type Ledger,
  NotFoundError,
  openLedger,
  RefusedError,
  startServer,
} from '../../src/index.js'
import { temporaryFolder } from '../cli/ledgerq.js'

const closing: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const memory = async (options: object = {}): Promise<Ledger> => {
  const ledger = await openLedger({ log: { kind: 'memory' }, ...options })
  closing.push(ledger.close)
  return ledger
}
/** The same ledger, seen through HTTP. */
const remote = async (options: object = {}): Promise<Ledger> => {
  const server = await startServer(await memory(options))
  const client = connectLedger({ url: server.url })
  closing.push(server.close, client.close)
  return client
}
const namesOf = async (ledger: Ledger): Promise<string[]> => (await ledger.queues()).map(({ queue }) => queue)
const BY = { who: 'alice', why: 'a new shop' }

describe.each([
  ['in process', memory],
  ['over HTTP', remote],
] as const)('A15: queues %s', (_where, open) => {
  it('that are opened must be there, and are not created by that', async () => {
    const ledger = await open()
    const refusal = await ledger.openQueue('orders').catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(NotFoundError)
    expect(refusal).toMatchObject({ code: 'queue_not_found' })
    expect(await namesOf(ledger)).toEqual([])
    await ledger.createQueue('orders')
    const { id } = await (await ledger.openQueue('orders')).enqueue(1)
    expect(await (await ledger.openQueue('orders')).message(id)).toMatchObject({ payload: 1 })
  })

  it('that are created again with the same settings are the same, with others are refused and unchanged', async () => {
    const ledger = await open()
    await ledger.createQueue('orders', { maxSize: 5 }, BY)
    const again = await ledger.createQueue('orders', { maxSize: 5 }, BY)
    expect((await again.view()).config.maxSize).toBe(5)
    const refusal = await ledger.createQueue('orders', { maxSize: 6 }).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(RefusedError)
    expect(refusal).toMatchObject({ code: 'queue_exists' })
    expect((await again.view()).config.maxSize).toBe(5)
    const { events } = await ledger.events({ from: 0, limit: 50 })
    const created = events.filter(({ type }) => type === 'QueueCreated')
    expect(created.map(({ data }) => data)).toEqual([
      expect.objectContaining({ by: expect.objectContaining(BY) }),
    ])
  })

  it('are created by being used, unless the policy says otherwise; asking for one always creates it', async () => {
    const open1 = await open()
    await open1.queue('orders')
    expect(await namesOf(open1)).toEqual(['orders'])

    const strict = await open({ autoCreateQueues: false })
    const refusal = await strict.queue('ordres', { maxSize: 5 }).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(NotFoundError)
    expect(refusal).toMatchObject({ code: 'queue_not_found' })
    expect(await namesOf(strict)).toEqual([])
    await strict.createQueue('orders')
    // One that is there is opened, and changed, as ever.
    const queue = await strict.queue('orders', { maxSize: 6 })
    expect((await queue.view()).config.maxSize).toBe(6)
  })

  it('names that cannot be are refused with the rule', async () => {
    const ledger = await open()
    await expect(ledger.createQueue('no spaces')).rejects.toThrow(/letters, digits/)
  })
})

describe('A15: a prefix for streams', () => {
  it('lets two ledgers share a log without knowing of each other, across a restart', async () => {
    const log = openMemoryLog()
    const register = memoryFinishedRegister()
    const shared = { ...log, close: () => Promise.resolve() }
    const kept = { ...register, close: () => Promise.resolve() }
    const opened = (streamPrefix: string): Promise<Ledger> => openLedgerOn(shared, kept, { streamPrefix })
    const [one, two] = [await opened('one'), await opened('two')]
    const ofOne = await one.queue('orders', { maxSize: 5 })
    const ofTwo = await two.queue('orders', { maxSize: 6 })
    const { id } = await ofOne.enqueue('for one', { id: 'same' })
    await ofTwo.enqueue('for two', { id: 'same' })
    await ofOne.cancel(id)
    await one.close()
    await two.close()

    const again = await opened('one')
    expect((await again.queues()).map(({ config }) => config.maxSize)).toEqual([5])
    expect(await (await again.openQueue('orders')).message('same')).toMatchObject({ state: 'cancelled' })
    expect((await again.history('same')).map(({ type }) => type)).toEqual([
      'MessageEnqueued',
      'MessageCancelled',
    ])
    const { events } = await again.events({ from: 0, limit: 100 })
    expect(new Set(events.map(({ stream }) => stream))).toEqual(new Set(['ledger', 'partition-orders~1.0']))
    expect(JSON.stringify(events)).not.toContain('for two')
    await again.close()
    await log.close()
  })

  it('holds in an embedded log, with snapshots and the register of finished messages', async () => {
    const folder = temporaryFolder()
    const log = { kind: 'embedded', path: folder.path } as const
    const opened = (streamPrefix?: string): Promise<Ledger> =>
      openLedger({ log, logging: false, ...(streamPrefix === undefined ? {} : { streamPrefix }) })
    const first = await opened('acme')
    const orders = await first.queue('orders')
    const worker = orders.process(() => 'done')
    const { id } = await orders.enqueue('one')
    while ((await orders.message(id))?.state !== 'succeeded');
    await worker.stop()
    await orders.enqueue('two', { id: 'mine' })
    await first.close()

    const other = await opened()
    expect(await namesOf(other)).toEqual([])
    await other.close()
    const again = await opened('acme')
    const queue = await again.openQueue('orders')
    expect(await queue.message(id)).toMatchObject({ state: 'succeeded', result: 'done' })
    expect(await queue.message('mine')).toMatchObject({ state: 'pending', payload: 'two' })
    expect((await again.recovery()).partitions).toEqual([expect.objectContaining({ snapshotUsed: true })])
    await again.close()
    folder.remove()
  })

  it.each(['', 'a.b', 'no spaces', 'x'.repeat(33)])('%j is refused with the rule', async (streamPrefix) => {
    await expect(memory({ streamPrefix })).rejects.toThrow(/^streamPrefix: accepted are letters, digits/)
  })
})
