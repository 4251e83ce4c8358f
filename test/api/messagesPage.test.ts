// The examples of docs/messages.md, as they stand there: the regions below are quoted on that page.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { openLedger } from '../../src/index.js'

it('A6, A8, C3, C16: the examples of docs/messages.md do what the page says', async () => {
  const ledger = await openLedger({ log: { kind: 'memory' } })
  const invoiceExists = (_payload: unknown): Promise<boolean> => Promise.resolve(true)
  const progress = (_done: number): void => undefined
  // #region dedup
  const orders = await ledger.queue('orders', { dedup: 'content', dedupWindowMs: 60_000 })
  const first = await orders.enqueue({ order: 7, items: ['a'] })
  const second = await orders.enqueue({ items: ['a'], order: 7 })
  // second.duplicate is true, and second.id is first.id
  // #endregion
  expect(second).toMatchObject({ duplicate: true, id: first.id })
  await orders.enqueue({ n: 1 }, { zone: 'eu', priority: 'high', type: 'invoice' })
  await orders.enqueue({ n: 2 }, { zone: 'eu', priority: 'low', type: 'invoice' })

  // #region list
  const page = await orders.list({
    state: ['pending', 'retrying'],
    zone: 'eu',
    priorityMin: 'normal',
    enqueuedFrom: new Date(Date.now() - 3_600_000),
    sort: 'priority',
    limit: 100,
  })
  const next = page.cursor === undefined ? undefined : await orders.list({ cursor: page.cursor })
  const { pending, total } = await orders.count({ zone: 'eu' })
  // #endregion
  expect(page.messages.map(({ payload }) => payload)).toEqual([{ n: 1 }])
  expect({ next, pending, total }).toEqual({ next: undefined, pending: 2, total: 2 })

  // #region clear
  const wouldGo = await orders.clear({ zone: 'eu', priorityMax: 'low', dryRun: true })
  const gone = await orders.clear({ zone: 'eu', priorityMax: 'low', by: { who: 'ann', why: 'wrong prices' } })
  // { purged: 1, running: 0, dryRun: false, cursor: undefined }
  // #endregion
  expect(wouldGo).toMatchObject({ purged: 1, dryRun: true })
  expect(gone).toEqual({ purged: 1, running: 0, dryRun: false, cursor: undefined })

  // #region dead
  const letters = await orders.deadLetters({ kind: 'business', failureType: 'NETWORK' })
  await orders.redrive({ kind: 'business', failureType: 'NETWORK', ratePerSecond: 20 })
  await orders.discardAll({ kind: 'system', deadTo: '2026-01-01T00:00:00Z', dryRun: true })
  // #endregion
  expect(letters.messages).toEqual([])

  const claimed = await orders.claim({ worker: 'w', max: 10 })
  await orders.settle(claimed.map(({ leaseToken }) => ({ leaseToken, outcome: 'ack' }) as const))
  // #region rerun
  const { operation, rerun, reconciled } = await orders.rerun({
    type: 'invoice',
    enqueuedFrom: new Date(Date.now() - 86_400_000),
    reconcile: async (message) => ((await invoiceExists(message.payload)) ? 'done' : undefined),
    onProgress: ({ rerun, repeated }) => progress(rerun + repeated),
  })
  // #endregion
  expect({ rerun, reconciled }).toEqual({ rerun: 0, reconciled: 1 })
  expect(operation).not.toBe('')
  await ledger.close()
})

/** The lines between `#region name` and `#endregion`, with the indentation of the first taken off. */
const region = (name: string): string => {
  const source = readFileSync(import.meta.filename, 'utf8')
  const found = new RegExp(`// #region ${name}\\n([\\s\\S]*?)\\n *// #endregion`).exec(source)?.[1] ?? ''
  const indent = /^ */.exec(found)?.[0] ?? ''
  return found
    .split('\n')
    .map((line) => line.replace(new RegExp(`^${indent}`), ''))
    .join('\n')
}

it('docs/messages.md quotes these examples word for word', () => {
  const page = readFileSync(new URL('../../docs/messages.md', import.meta.url), 'utf8')
  for (const name of ['dedup', 'list', 'clear', 'dead', 'rerun']) expect(page).toContain(region(name))
})
