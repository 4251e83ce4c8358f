// Workers over HTTP do what workers in process do: types, processors, reconciling, failure handlers, single messages,
// cancelling what runs.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fixed } from '../../domain/retry/index.js'
import { NotFoundError, RefusedError } from '../../src/api/errors.js'
import { openLedger } from '../../src/api/openLedger.js'
import type { AttemptContext, Ledger, Queue } from '../../src/api/types/index.js'
import { connectLedger, type RemoteLedger } from '../../src/client/connectLedger.js'
import { type Server, startServer } from '../../src/http/server.js'
import { CancelledError, fail, release } from '../../src/worker/attempt.js'

const TOKEN = 'a-token-of-more-than-128-bits-in-all'
let ledger: Ledger
let server: Server
let remote: RemoteLedger
let queue: Queue<unknown>
beforeEach(async () => {
  ledger = await openLedger({ log: { kind: 'memory' } })
  server = await startServer(ledger, { token: TOKEN })
  remote = connectLedger({ url: server.url, token: TOKEN })
  queue = await remote.queue('orders', { concurrency: 3 })
})
afterEach(async () => {
  await remote.close()
  await server.close()
  await ledger.close()
})

/** True once; asks the ledger in this process, whose answers are durable. */
const until = async (isSo: () => Promise<boolean>): Promise<void> => {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve))
}
const stats = async () => (await ledger.queue('orders')).stats()
const typesOf = async (id: string) => (await ledger.history(id)).map(({ type }) => type)

describe('a worker over HTTP', () => {
  it('D10 C3: chooses by type; a type without a handler is a system error at the server', async () => {
    const seen: unknown[] = []
    const worker = queue.process({ paid: ({ payload }) => void seen.push(payload), no: () => false })
    await queue.enqueue('p', { type: 'paid' })
    await queue.enqueue('u', { type: 'unknown' })
    const { id } = await queue.enqueue('f', { type: 'no', retry: fixed({ retriesMax: 0 }) })
    await until(async () => (await stats()).succeeded + (await stats()).dead === 3)
    expect(seen).toEqual(['p'])
    const { messages } = await queue.deadLetters()
    expect(messages.find(({ payload }) => payload === 'u')).toMatchObject({
      reason: 'systemError',
      failure: { type: 'SYSTEM' },
    })
    expect(messages.find((message) => message.id === id)).toMatchObject({
      failure: { type: 'UNKNOWN', message: 'the handler returned false' },
    })
    expect(worker.status()).toMatchObject({ state: 'running', concurrency: 3, succeeded: 1, failed: 2 })
    expect(remote.workerStatuses()).toEqual([worker.status()])
  })

  it('D11: asks its processors in their order, and forces the circuit of a sick one’s zone', async () => {
    const seen: string[] = []
    const say = (name: string) => () => void seen.push(name)
    const worker = queue.process(
      {},
      {
        processors: [
          { name: 'a', canProcess: ({ payload }) => payload === 1, handle: say('a') },
          { name: 'b', canProcess: () => true, handle: say('b'), zone: 'eu', health: { check: () => false } },
        ],
      },
    )
    worker.addProcessor({ name: 'c', canProcess: () => true, handle: say('c') })
    await queue.enqueue(1)
    await until(async () => (await queue.switches()).forcedCircuits.eu === 'open')
    await until(async () => (await stats()).succeeded === 1)
    await queue.enqueue(2)
    await until(async () => (await stats()).succeeded === 2)
    expect(seen).toEqual(['a', 'c'])
    await worker.stop()
    expect((await queue.switches()).forcedCircuits).toEqual({})
  })

  it('C5: is told which message is in doubt, and may say that its effect has happened', async () => {
    await queue.configure({ failures: { CRASH: fixed({ delayMs: 0, retriesMax: 3 }) } })
    const { id } = await queue.enqueue('x')
    const [first] = await queue.claim({ worker: 'dies', leaseMs: 100 })
    expect(first?.inDoubt).toBe(false)
    await until(async () => (await typesOf(id)).includes('AttemptFailed'))
    let runs = 0
    queue.process(() => runs++, { reconcile: async () => ({ done: true, result: 'was there' }) })
    await until(async () => (await stats()).succeeded === 1)
    expect(runs).toBe(0)
    expect((await ledger.history(id)).at(-1)).toMatchObject({
      type: 'AttemptSucceeded',
      data: { reconciled: true },
    })
  })

  it('C11: lets a failure handler replace the outcome', async () => {
    const { id } = await queue.enqueue('x')
    queue.process(() => fail({ type: 'NETWORK' }), {
      onFailure: { NETWORK: () => release({ delayMs: 60_000 }) },
    })
    await until(async () => (await typesOf(id)).includes('AttemptReleased'))
    expect(await typesOf(id)).not.toContain('AttemptFailed')
  })

  it('A11: hears with its next heartbeat that a message is to be cancelled', async () => {
    await queue.configure({ leaseMs: 300 })
    const { id } = await queue.enqueue('x')
    const contexts: AttemptContext[] = []
    const reasons: unknown[] = []
    queue.process((_, context) => {
      contexts.push(context)
      return new Promise((_resolve, reject) => {
        context.signal.addEventListener('abort', () => {
          reasons.push(context.signal.reason)
          reject(context.signal.reason)
        })
      })
    })
    await until(async () => contexts.length === 1)
    await queue.cancel(id)
    await until(async () => (await stats()).cancelled === 1)
    expect(reasons[0]).toBeInstanceOf(CancelledError)
  })

  it('D12: starts and stops by hand', async () => {
    const worker = queue.process(() => 1, { autoStart: false })
    expect([worker.isRunning(), worker.status().state]).toEqual([false, 'stopped'])
    await queue.enqueue(1)
    worker.start()
    await until(async () => (await stats()).succeeded === 1)
    await worker.stop()
    await queue.enqueue(2)
    expect(worker.isRunning()).toBe(false)
    worker.start()
    await until(async () => (await stats()).succeeded === 2)
  })
})

describe('processOne over HTTP (D12)', () => {
  it('D12: runs the next message, or the one that is named, and tells what was recorded', async () => {
    await queue.enqueue('a', { id: 'a' })
    await queue.enqueue('b', { id: 'b', retry: fixed({ retriesMax: 0 }) })
    expect(await queue.processOne(() => fail({ type: 'BUSINESS', message: 'no' }), { id: 'b' })).toEqual({
      id: 'b',
      outcome: 'failed',
      failure: { type: 'BUSINESS', message: 'no' },
    })
    expect((await stats()).dead).toBe(1)
    expect(await queue.processOne(() => ({ total: 7 }))).toEqual({
      id: 'a',
      outcome: 'succeeded',
      result: { total: 7 },
    })
    expect((await stats()).succeeded).toBe(1)
    expect(await queue.processOne(() => 1)).toBeUndefined()
    expect(remote.workerStatuses()).toEqual([])
  })

  it('D12: refuses what cannot be claimed, as in process', async () => {
    await queue.enqueue('later', { id: 'later', delayMs: 60_000 })
    await expect(queue.processOne(() => 1, { id: 'none' })).rejects.toBeInstanceOf(NotFoundError)
    const refused = queue.processOne(() => 1, { id: 'later' })
    await expect(refused).rejects.toBeInstanceOf(RefusedError)
    await expect(refused).rejects.toMatchObject({ code: 'message_not_claimable' })
  })

  it('D12: an outcome that came too late is no success', async () => {
    const [claimed] = await (await ledger.queue('orders')).list().then(({ messages }) => messages)
    expect(claimed).toBeUndefined()
    await queue.enqueue('x', { id: 'x' })
    const run = queue.processOne(async (_, { leaseToken }) => {
      // Somebody settles it behind the worker's back.
      await queue.settle([{ leaseToken, outcome: 'release' }])
      return 'too late'
    })
    await expect(run).rejects.toMatchObject({ code: 'lease_not_held' })
  })
})

describe('a folder of handlers (D7)', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ledgerq-handlers-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))
  const file = (name: string, text: string) => writeFile(join(folder, name), text)

  it('D7: each file handles its queue, with what it exports', async () => {
    await file('mail.mjs', 'export default ({ payload }) => payload * 2')
    await file(
      'orders.mjs',
      `export const handlers = { paid: () => 'paid', bad: () => { throw new Error('no') } }
       export const options = { concurrency: 2, onFailure: { '*': (m, e) => undefined } }
       export const processors = [{ name: 'all', canProcess: ({ type }) => type === 'odd', handle: () => 'odd' }]`,
    )
    const runs: unknown[] = []
    const started = await remote.processFolder(folder, {
      onRun: ({ queue: name, attempt, failure }) =>
        runs.push([name, attempt, (failure as Error | undefined)?.message]),
    })
    expect(started.map(({ queue: name, file: from }) => [name, from])).toEqual([
      ['mail', 'mail.mjs'],
      ['orders', 'orders.mjs'],
    ])
    await queue.enqueue(1, { type: 'paid' })
    await queue.enqueue(1, { type: 'odd' })
    await queue.enqueue(1, { type: 'bad', retry: fixed({ retriesMax: 0 }) })
    await (await remote.queue('mail')).enqueue(21)
    await until(async () => runs.length === 4)
    expect(runs).toContainEqual(['mail', 1, undefined])
    expect(runs).toContainEqual(['orders', 1, 'no'])
    expect(started[1]?.worker.status().concurrency).toBe(2)
  })

  it('D7: works for a ledger in this process; what is wrong is named, and nothing starts', async () => {
    await file('a.mjs', 'export default () => 1')
    await file('b.mjs', 'export const options = { concurrency: -1 }\nexport default () => 1')
    await expect(ledger.processFolder(folder)).rejects.toMatchObject({
      code: 'handlers_invalid',
      message: expect.stringContaining('b.mjs: concurrency'),
    })
    expect(ledger.workerStatuses().filter(({ state }) => state !== 'stopped')).toEqual([])
    await file('b.mjs', 'throw new Error("broken")')
    await rm(join(folder, 'b.mjs'))
    await file('c.mjs', 'throw new Error("broken")')
    await expect(ledger.processFolder(folder)).rejects.toMatchObject({
      code: 'handlers_not_loaded',
      message: expect.stringContaining('c.mjs cannot be loaded: broken'),
    })
    await expect(ledger.processFolder(join(folder, 'none'))).rejects.toBeInstanceOf(NotFoundError)
  })
})

describe('the report of the last start over HTTP (D12)', () => {
  it('D12: is the ledger’s own', async () => {
    expect(await remote.recovery()).toEqual(JSON.parse(JSON.stringify(await ledger.recovery())))
    expect((await remote.recover()).partitions).toMatchObject([{ queue: 'orders', open: true }])
  })
})
