// What a process keeps beside a log in EventStoreDB: the register of finished messages in a directory of its own, which saves reading the
// whole log at each start, and may be lost.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Ledger, openLedger, type Queue } from '../../../src/index.js'
import { Emulator } from '../../support/eventstoredb/emulator.js'
import type { Kept } from '../../support/eventstoredb/store.js'

const NAMED = 'ledgerq.partition-orders~1.0'

let directory = ''
const open: Array<() => Promise<unknown>> = []
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ledgerq-views-'))
  open.push(() => rm(directory, { recursive: true, force: true }))
})
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const started = async (): Promise<Emulator> => {
  const emulator = await Emulator.start()
  open.push(() => emulator.stop())
  return emulator
}

type Opened = Readonly<{ ledger: Ledger; orders: Queue<number> }>

const opened = async (
  { connectionString }: Emulator,
  views: { viewsDirectory?: string } = { viewsDirectory: directory },
): Promise<Opened> => {
  const ledger = await openLedger({ log: { kind: 'eventstoredb', connectionString, ...views } })
  open.push(() => ledger.close())
  return { ledger, orders: await ledger.queue<number>('orders') }
}

const JOBS = 40

/** So many messages that have succeeded, and views that know of them: what is closed before reads the log again. */
const worked = async ({ orders }: Opened): Promise<string[]> => {
  const sent = await orders.enqueueBatch(Array.from({ length: JOBS }, (_, payload) => ({ payload })))
  const ids = sent.map((one) => ('id' in one ? one.id : ''))
  const worker = orders.process(async () => undefined, { concurrency: 50 })
  for (const id of ids) await orders.result(id, { waitMs: 60_000 })
  await worker.stop()
  expect((await orders.list({ state: 'succeeded', limit: 1 })).messages).toHaveLength(1)
  return ids
}

const succeeded = async ({ orders }: Opened, ids: ReadonlyArray<string>): Promise<number> => {
  const states = await Promise.all(ids.map((id) => orders.result(id)))
  return states.filter(({ state }) => state === 'succeeded').length
}

describe('F1: views beside a log in EventStoreDB', () => {
  it('F1: a start reads what came since, not the whole log; without a directory it reads all of it', async () => {
    const emulator = await started()
    const first = await opened(emulator)
    const ids = await worked(first)
    await first.ledger.close()
    const events = (emulator.store.readStream(NAMED) as ReadonlyArray<unknown>).length

    /** Events that a start reads until the register knows everything. */
    const readAtStart = async (views: { viewsDirectory?: string }): Promise<number> => {
      const before = emulator.store.shown
      const next = await opened(emulator, views)
      expect(await succeeded(next, ids.slice(0, 1))).toBe(1)
      const { shown } = emulator.store
      expect(await succeeded(next, ids)).toBe(JOBS)
      expect((await next.orders.list({ state: 'succeeded', limit: 10 })).messages).toHaveLength(10)
      await next.ledger.close()
      return shown - before
    }
    const within = await readAtStart({ viewsDirectory: directory })
    const without = await readAtStart({})
    expect(without - within).toBeGreaterThan(events / 2)
  })

  it('F1: what was deleted, damaged or cut there is made anew', async () => {
    const emulator = await started()
    const first = await opened(emulator)
    const ids = await worked(first)
    await first.ledger.close()
    const [ledgerId = ''] = await readdir(directory)
    const folder = join(directory, ledgerId, 'finished')
    const [file = ''] = await readdir(folder)
    for (const harm of [
      () => writeFile(join(folder, file), 'not a register'),
      () => rm(join(directory, ledgerId, 'callerIds.db'), { force: true }),
      () => rm(directory, { recursive: true }),
    ]) {
      await harm()
      const next = await opened(emulator)
      expect(await succeeded(next, ids)).toBe(JOBS)
      await next.ledger.close()
    }
  })

  it('F1: each ledger has its own folder, whatever the address', async () => {
    const [one, two] = [await started(), await started()]
    const ids = await worked(await opened(one))
    const other = await opened(two)
    expect(await readdir(directory)).toHaveLength(2)
    await expect(other.orders.result(ids[0] ?? '')).rejects.toMatchObject({ code: 'message_not_found' })
  })

  it('F1: one process at a time has it, and the next as soon as that is gone; what is no directory is refused', async () => {
    const emulator = await started()
    const first = await opened(emulator)
    await expect(opened(emulator)).rejects.toMatchObject({
      message: expect.stringMatching(/directory of views .* cannot be used: another process uses it/),
      details: { fault: 'DirectoryLocked' },
    })
    await first.ledger.close()
    await (await opened(emulator)).ledger.close()
    const file = join(directory, 'file')
    await writeFile(file, '')
    await expect(opened(emulator, { viewsDirectory: file })).rejects.toThrow(/cannot be used: .*/)
    await expect(opened(emulator, { viewsDirectory: '' })).rejects.toThrow(/accepted are/)
  })
})

describe('R43: an older copy was put back while no process ran', () => {
  it('R43: the server ends below what the views saw durable: the partition is not led', async () => {
    const emulator = await started()
    const first = await opened(emulator)
    await worked(first)
    await first.ledger.close()
    // The views may be some batches behind: the backup is from when nothing had run yet.
    const kept = emulator.store.readStream(NAMED) as ReadonlyArray<Kept>
    const firstRun = kept.findIndex(({ type }) => type === 'AttemptStarted')
    expect(firstRun).toBeGreaterThanOrEqual(JOBS)
    emulator.store.loseLast(NAMED, kept.length - firstRun)
    // Snapshots would say so, too.
    emulator.store.delete('ledgerq~manifest-partition-orders~1.0', false)
    const refused = opened(emulator).then(({ orders }) => orders.enqueue(1))
    await expect(refused).rejects.toThrow(/was durable, but EventStoreDB now ends at/)
    // Deleted, nobody remembers: what the server has is the truth.
    await Promise.all(open.splice(2).map((close) => close()))
    await rm(directory, { recursive: true })
    await expect((await opened(emulator)).orders.enqueue(1)).resolves.toMatchObject({
      id: expect.any(String),
    })
  })
})
