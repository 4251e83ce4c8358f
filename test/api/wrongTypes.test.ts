// Programs without types pass anything: what is refused is named, with its code.
import * as t from 'io-ts'
import { expect, it } from 'vitest'
import { openLedger } from '../../src/index.js'

const invalid = (message: RegExp) => ({ code: 'invalid', message: expect.stringMatching(message) })

it('A1: a log that is none is refused before anything is opened', async () => {
  for (const options of [
    undefined,
    null,
    {},
    { log: 'memory' },
    { log: { kind: 'disk' } },
    { log: { kind: 'embedded' } },
  ])
    await expect(openLedger(options as never)).rejects.toMatchObject(invalid(/^log: accepted are /))
})

it('A5: a payload that the codec cannot even encode is refused, alone and in a batch', async () => {
  const date = new t.Type<Date, string, unknown>(
    'Date',
    (value): value is Date => value instanceof Date,
    (value, context) => (typeof value === 'string' ? t.success(new Date(value)) : t.failure(value, context)),
    (value) => value.toISOString(),
  )
  const ledger = await openLedger({ log: { kind: 'memory' } })
  const queue = await ledger.queue('orders', { payload: date })
  const problem = invalid(/payload: the queue's codec cannot encode it: .*toISOString/)
  await expect(queue.enqueue('today' as never)).rejects.toMatchObject(problem)
  await expect(queue.enqueueBatch([{ payload: 7 as never }])).rejects.toMatchObject(problem)
  expect((await queue.list()).messages).toEqual([])
  await ledger.close()
})

it('A1, B3: options that are no object, and days that do not exist, are refused', async () => {
  const ledger = await openLedger({ log: { kind: 'memory' } })
  const queue = await ledger.queue('orders')
  for (const options of [null, 5, 'high', []])
    await expect(queue.enqueue(1, options as never)).rejects.toMatchObject(
      invalid(/^options: accepted is an object$/),
    )
  for (const notBefore of ['2027-02-30T00:00:00Z', '2027-06-31T10:00+02:00', '2027-02-29T00:00:00Z'])
    await expect(queue.enqueue(1, { notBefore })).rejects.toMatchObject(invalid(/^notBefore: accepted are /))
  await queue.enqueue(1, { notBefore: '2028-02-29T23:30:00-11:00' })
  await expect(queue.enqueueBatch([null as never])).rejects.toMatchObject(invalid(/payload/))
  await ledger.close()
})

type Loose = Record<string, (...given: unknown[]) => Promise<unknown>>

it('A1: calls without their arguments, or with null, are refused by name', async () => {
  const ledger = await openLedger({ log: { kind: 'memory' } })
  const orders = await ledger.queue('orders')
  const queue = orders as unknown as Loose
  const whole = ledger as unknown as Loose
  const { id } = await orders.enqueue(1)
  for (const open of ['queue', 'openQueue', 'createQueue'])
    await expect(whole[open]?.('orders', null)).rejects.toMatchObject(
      invalid(/^options: accepted is an object/),
    )
  for (const given of [undefined, null, 5]) {
    await expect(queue.edit?.(id, given)).rejects.toMatchObject(invalid(/^changes: accepted is an object/))
    await expect(queue.claim?.(given)).rejects.toMatchObject(invalid(/^options: accepted is an object/))
    await expect(queue.settle?.(given)).rejects.toMatchObject(invalid(/^settlements: accepted is a list/))
    await expect(queue.settle?.([given])).rejects.toMatchObject(invalid(/^settlements\[0\]: accepted is /))
    await expect(queue.schedule?.(given)).rejects.toMatchObject(invalid(/^schedule: accepted is an object/))
    await expect(queue.configure?.(given)).rejects.toMatchObject(invalid(/^settings: accepted is an object/))
  }
  for (const call of ['list', 'count', 'deadLetters', 'clear', 'redrive', 'discardAll', 'rerun'])
    await expect(queue[call]?.(null)).rejects.toMatchObject(invalid(/^options: accepted is an object/))
  await ledger.close()
})

it('C3, A8: a filter with a name that is none touches nothing, and the nearest known one is named', async () => {
  const ledger = await openLedger({ log: { kind: 'memory' } })
  const queue = await ledger.queue('orders')
  await queue.enqueue(1, { zone: 'us' })
  const calls = queue as unknown as Loose
  for (const call of ['list', 'count', 'deadLetters', 'clear', 'redrive', 'discardAll', 'rerun'])
    await expect(calls[call]?.({ zoen: 'eu' })).rejects.toMatchObject(
      invalid(/^zoen: unknown option; the nearest known one is zone; accepted are /),
    )
  await expect(calls.discardAll?.({ state: 'pending' })).rejects.toMatchObject(invalid(/^state: unknown/))
  expect((await queue.count()).pending).toBe(1)
  expect(await queue.clear({ zone: undefined as never, dryRun: true })).toMatchObject({ purged: 1 })
  await ledger.close()
})

it('A1: an option of a ledger with a name that is none is refused before anything is opened', async () => {
  const options = { log: { kind: 'memory' }, autoCreateQueue: false }
  await expect(openLedger(options as never)).rejects.toMatchObject(
    invalid(
      /^autoCreateQueue: unknown option; the nearest known one is autoCreateQueues; accepted are log, /,
    ),
  )
})

it('D1, C5, C11: options of workers of a wrong name or type are refused where the worker is made', async () => {
  const ledger = await openLedger({ log: { kind: 'memory' } })
  const queue = await ledger.queue('orders')
  for (const [options, problem] of [
    [{ concurency: 3 }, /^concurency: unknown option; the nearest known one is concurrency/],
    [{ whenNone: 'drop' }, /^whenNone: accepted are systemError and release$/],
    [{ reconcile: true }, /^reconcile: accepted is a function$/],
    [{ classify: 'PERMANENT' }, /^classify: accepted is a function$/],
    [{ onFailure: 'retry' }, /^onFailure: accepted is an object of functions/],
    [{ onFailure: { NETWORK: 1 } }, /^onFailure: the handler of NETWORK is no function$/],
    [{ autoStart: 'no' }, /^autoStart: accepted are true and false$/],
    [null, /^process: accepted as options is an object$/],
  ] as const)
    expect(() => queue.process(() => undefined, options as never)).toThrow(problem)
  await expect(queue.processOne(() => undefined, { concurrency: 2 } as never)).rejects.toThrow(
    /^concurrency: unknown/,
  )
  expect(() => queue.processBatch(() => undefined, { batchSize: 2 } as never)).toThrow(
    /^batchSize: unknown .*maxBatchSize/,
  )
  await ledger.close()
})
