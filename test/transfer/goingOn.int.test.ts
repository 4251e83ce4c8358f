// F5: what happens after a move, beside it and in the middle of it: a ledger goes on in its new store, a directory in use is
// followed over cut ways, and a process that was killed goes on where it was.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Ledger, openLedger } from '../../src/index.js'
import { databaseTarget } from '../../src/transfer/databaseSide.js'
import { follow } from '../../src/transfer/follow.js'
import { run, start } from '../cli/ledgerq.js'
import { type EmulatorProcess, startEmulatorProcess } from '../support/eventstoredb/emulatorProcess.js'
import { goldenDirectory, moveBetween } from './moving.js'

let emulator: EmulatorProcess
beforeAll(async () => {
  emulator = await startEmulatorProcess()
})
afterAll(() => emulator.stop())

const closing: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const folder = async (): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), 'ledgerq-move-'))
  closing.push(() => rm(path, { recursive: true, force: true }))
  return path
}

const until = async (isSo: () => Promise<boolean>): Promise<void> => {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20))
}

const inDirectory = (path: string): Promise<Ledger> =>
  openLedger({ log: { kind: 'embedded', path, segmentBytes: 1_048_576 }, logging: false })

const inDatabase = (prefix: string): Promise<Ledger> =>
  openLedger({
    log: { kind: 'eventstoredb', connectionString: emulator.connectionString, prefix },
    logging: false,
  })

/** One job whose success asks for a letter; answers how many letters wait afterwards. */
const oneMoreLetter = async (ledger: Ledger): Promise<number> => {
  const [jobs, mail] = [await ledger.queue('jobs'), await ledger.queue('mail')]
  const before = (await mail.stats()).pending
  const { id } = await jobs.enqueue({ job: 1 }, { onSuccess: { queue: 'mail' } })
  const worker = jobs.process(async () => 'done')
  await jobs.result(id, { waitMs: 60_000 })
  await worker.stop()
  await until(
    async () => (await mail.stats()).pending > before && (await ledger.stats()).followUps?.waiting === 0,
  )
  return (await mail.stats()).pending
}

describe('F5: a ledger that was moved goes on', { timeout: 300_000 }, () => {
  it('C9: asks for each follow-up once, in each store it comes to: cursors are not moved as they are', async () => {
    const [home, away] = [await folder(), join(await folder(), 'data')]
    const first = await inDirectory(home)
    expect(await oneMoreLetter(first)).toBe(1)
    await first.close()

    // The positions of the server are greater by far than those of the directories.
    const database = { where: emulator.connectionString, prefix: 'letters' }
    await moveBetween(home, database)
    const second = await inDatabase('letters')
    expect(await oneMoreLetter(second)).toBe(2)
    await second.close()

    await moveBetween(database, away)
    const third = await inDirectory(away)
    expect(await oneMoreLetter(third)).toBe(3)
    await third.close()

    // And home again, which has moved on no more than the others know.
    await expect(moveBetween(away, home)).resolves.toMatchObject({ verified: 'full' })
    const fourth = await inDirectory(home)
    expect(await oneMoreLetter(fourth)).toBe(4)
    await fourth.close()
  })
})

describe('F5: an offline node', { timeout: 300_000 }, () => {
  it('carries its ledger to the central store when the way is open, in use or not, and loses nothing while it is cut', async () => {
    const home = await folder()
    const node = await inDirectory(home)
    const orders = await node.queue('orders')
    await orders.enqueue({ n: 0 })
    const database = { where: emulator.connectionString, prefix: 'central' }
    await moveBetween(home, database)

    const { where: connectionString, prefix } = database
    const target = await databaseTarget({ place: 'the center', options: { connectionString, prefix } })
    const stop = new AbortController()
    let written = 0
    const ways: Array<'cut' | 'open'> = []
    const following = follow(home, target, {
      signal: stop.signal,
      onCaughtUp: (events) => {
        written += events
      },
      onWay: (trouble) => ways.push(trouble === undefined ? 'open' : 'cut'),
    })
    closing.push(() => target.close())
    await orders.enqueueBatch(Array.from({ length: 20 }, (_, n) => ({ payload: { n } })))
    await until(async () => written >= 20)

    await emulator.command('down')
    await orders.enqueueBatch(Array.from({ length: 30 }, (_, n) => ({ payload: { n } })))
    await until(async () => ways.includes('cut'))
    await emulator.command('up')
    await until(async () => written >= 50)
    expect(ways.at(-1)).toBe('open')

    stop.abort()
    expect(await following).toBe(written)
    await node.close()
    // What stands there is the ledger as it is: proved, and only what came after the last look was missing.
    const last = await moveBetween(home, database)
    expect(last).toMatchObject({ verified: 'full' })
    expect(last.written).toBeLessThan(5)
    const central = await inDatabase('central')
    expect((await (await central.openQueue('orders')).stats()).pending).toBe(51)
    await central.close()
  })
})

describe('F5: ledgerq log import --follow', { timeout: 300_000 }, () => {
  it('says when nothing is missing, goes on with what comes, and ends by a signal', async () => {
    const home = await folder()
    const node = await inDirectory(home)
    const orders = await node.queue('orders')
    await orders.enqueue({ n: 0 })
    const where = ['--log', emulator.connectionString, '--prefix', 'typed']
    const following = start(['log', 'import', '--from', home, ...where, '--follow'])
    await following.says(/read back: every chain/)
    await orders.enqueueBatch([{ payload: 1 }, { payload: 2 }])
    await following.says(/2 events written; nothing is missing/)
    following.process.kill('SIGTERM')
    expect(await following.ended).toMatchObject({
      code: 0,
      err: expect.stringMatching(/Stopped; 2 events were written/),
    })
    await node.close()
  })
})

describe('F5: a move that is killed', () => {
  it.each([
    ['silence', 4],
    ['silentCommit', 6],
  ] as const)(
    'R68: with kill -9 while an append is not answered (%s, after %i), and is run again: everything is there once',
    async (kind, after) => {
      const home = await goldenDirectory('0.1.0-2-everything')
      closing.push(() => rm(home, { recursive: true, force: true }))
      const prefix = `killed-${kind}-${after}`
      const words = [
        'log',
        'import',
        '--from',
        home,
        '--log',
        emulator.connectionString,
        '--prefix',
        prefix,
        '--without-blobs',
        '--json',
      ]
      const met = (await emulator.state()).met[kind] ?? 0
      await emulator.plant({ on: 'append', do: kind, stream: `${prefix}.`, after, times: 1 })
      const killed = start(words)
      await until(async () => ((await emulator.state()).met[kind] ?? 0) > met)
      killed.process.kill('SIGKILL')
      expect((await killed.ended).code).toBeNull()

      const again = await run(words)
      expect(again).toMatchObject({ code: 0 })
      const moved = JSON.parse(again.out) as Record<string, unknown>
      expect(moved).toMatchObject({ verified: 'full' })
      // And nothing is missing: what a move writes now is nothing.
      const database = { where: emulator.connectionString, prefix }
      const third = await moveBetween(home, database, { withoutBlobs: true })
      expect(third).toMatchObject({ verified: 'full', written: 0, streams: moved.streams })
    },
    300_000,
  )
})
