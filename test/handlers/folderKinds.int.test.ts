// Files of a handlers' folder that say how they run: in batches (B6), or in threads (D12).
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openLedger } from '../../src/api/openLedger.js'
import type { FolderRun, Ledger } from '../../src/api/types/index.js'

let folder: string
let ledger: Ledger
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledgerq-folder-'))
  ledger = await openLedger({ log: { kind: 'memory' } })
})
afterEach(async () => {
  await ledger.close()
  await rm(folder, { recursive: true })
})
const file = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text)

/** Starts the folder's workers, and resolves when so many runs have ended. */
const runsOf = async (count: number, options: Parameters<Ledger['processFolder']>[1] = {}) => {
  const runs: FolderRun[] = []
  let all: () => void = () => undefined
  const done = new Promise<void>((resolve) => {
    all = resolve
  })
  const workers = await ledger.processFolder(folder, {
    ...options,
    onRun: (run) => {
      runs.push(run)
      if (runs.length === count) all()
    },
  })
  await done
  return { runs, workers }
}

describe('a folder of handlers', () => {
  it('B6: a file with a batchHandler gets batches, and each message is told about', async () => {
    await file(
      'mails.mjs',
      `export const batchHandler = (messages) => messages.map(({ payload }) => {
         if (payload === 2) return new Error('bad address')
         return { size: messages.length }
       })
       export const options = { maxBatchSize: 3 }`,
    )
    const queue = await ledger.queue('mails')
    await queue.enqueueBatch([1, 2, 3].map((payload) => ({ id: `m${payload}`, payload })))
    const { runs, workers } = await runsOf(3)
    expect(runs.map(({ id, failure }) => [id, (failure as Error | undefined)?.message])).toEqual([
      ['m1', undefined],
      ['m2', 'bad address'],
      ['m3', undefined],
    ])
    await Promise.all(workers.map(({ worker }) => worker.stop()))
    expect(await queue.message('m1')).toMatchObject({ state: 'succeeded', result: { size: 3 } })
    expect(await queue.stats()).toMatchObject({ succeeded: 2, retrying: 1 })
  })

  it('D12: a file with sandbox runs in threads, also when its runs are watched', async () => {
    await file(
      'images.mjs',
      `import { isMainThread } from 'node:worker_threads'
       export const sandbox = { threads: 2 }
       export const handler = ({ payload }) => ({ payload, isMainThread })`,
    )
    const queue = await ledger.queue('images')
    await queue.enqueue(7, { id: 'seven' })
    const { workers } = await runsOf(1)
    expect(workers[0]?.worker.status().concurrency).toBe(2)
    await Promise.all(workers.map(({ worker }) => worker.stop()))
    expect(await queue.message('seven')).toMatchObject({ result: { payload: 7, isMainThread: false } })
  })

  it.each([
    ['two kinds', 'export const batchHandler = () => 1; export const handler = () => 1', 'no other handlers'],
    ['a batchHandler that is none', 'export const batchHandler = {}', 'batchHandler is a function'],
    [
      'a size that is none',
      'export const batchHandler = () => 1; export const options = { maxBatchSize: 0 }',
      'maxBatchSize: accepted',
    ],
    [
      'threads that are none',
      'export const sandbox = { threads: 0 }; export const handler = () => 1',
      'threads: accepted',
    ],
    [
      'a sandbox without a function',
      'export const sandbox = {}; export const handlers = {}',
      'with sandbox, accepted is a function',
    ],
  ])('D7: %s: the file is named, and nothing starts', async (_, text, why) => {
    await file('good.mjs', 'export const handler = () => 1')
    await file('odd.mjs', text)
    await expect(ledger.processFolder(folder)).rejects.toMatchObject({
      code: 'handlers_invalid',
      message: expect.stringMatching(new RegExp(`odd.mjs: .*${why}`)),
    })
    expect(ledger.workerStatuses().filter(({ state }) => state !== 'stopped')).toEqual([])
  })
})
