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
