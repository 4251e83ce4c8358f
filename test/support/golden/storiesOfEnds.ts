// How a log can end, or begin, other than by a clean close: a process that was killed, with attempts in work; a commit that
// was torn on its way to the disk; one that arrived whole but for its head mark; a prefix that was cut.
import { copyFile, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isLeft } from 'fp-ts/lib/Either.js'
import { openEmbeddedLog } from '../../../src/adapters/embedded/eventLog.js'
import { fail, release } from '../../../src/worker/attempt.js'
import { claimed, copyOfFiles, GOLDEN_SEGMENT_BYTES, GoldenHouse, settle } from './goldenHouse.js'

/** Runs a ledger in a place of its own; only what `act` copies out of it is kept. */
const elsewhere = async (act: (house: GoldenHouse) => Promise<void>): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), 'ledgerq-golden-'))
  const house = await GoldenHouse.open(directory)
  try {
    await act(house)
  } finally {
    await house.ledger.close()
    await rm(directory, { recursive: true, force: true })
  }
}

/** Killed with leases of its own workers, which died with it, and of a remote one, which goes on. */
export const storyOfAKill = (directory: string): Promise<void> =>
  elsewhere(async (house) => {
    const jobs = await house.ledger.queue<unknown>('jobs', { partitions: 2, leaseMs: 20_000 })
    for (let n = 0; n < 9; n++)
      await jobs.enqueue({ n }, n % 3 === 0 ? { group: 'g' } : { tenant: `t${n % 2}` })
    const [remote] = await claimed(jobs, 1)
    if (remote === undefined) throw new Error('a message was expected')
    let free = (): void => undefined
    const held = new Promise<void>((resolve) => {
      free = resolve
    })
    let running = 0
    const worker = jobs.process(
      async () => {
        const n = ++running
        if (n === 1) return { done: n }
        if (n === 2) return fail({ type: 'NETWORK' })
        await held
        return release()
      },
      { concurrency: 4 },
    )
    await house.until(async () => running >= 5)
    await house.until(async () => (await jobs.stats()).processing >= 4)
    await copyOfFiles(house.directory, directory)
    free()
    await worker.stop({ graceMs: 0 })
  })

/** The state of the files before and after one more commit of three events. */
const beforeAndAfter = async (
  directory: string,
  put: (before: string, after: string) => Promise<void>,
): Promise<void> =>
  elsewhere(async (house) => {
    const jobs = await house.ledger.queue<unknown>('jobs')
    for (let n = 0; n < 5; n++) await jobs.enqueue({ n }, { id: `job-${n}` })
    for (const message of await claimed(jobs, 2))
      await settle(jobs, message, { outcome: 'ack', result: 'kept' })
    await copyOfFiles(house.directory, directory)
    await jobs.enqueueBatch([1, 2, 3].map((n) => ({ payload: { last: n, text: 'of the commit in flight' } })))
    await put(directory, house.directory)
  })

const lastSegment = async (directory: string): Promise<string> => {
  const names = (await readdir(join(directory, 'segments'))).filter((name) => name.endsWith('.seg')).sort()
  for (const name of names.reverse()) {
    const bytes = await readFile(join(directory, 'segments', name))
    if (bytes.subarray(64).some((byte) => byte !== 0)) return join('segments', name)
  }
  throw new Error('the log is empty')
}

/** The head mark was written, and lost with the power; the frame was not. */
export const storyOfAnUnmarkedCommit = (directory: string): Promise<void> =>
  beforeAndAfter(directory, async (before, after) => {
    const segment = await lastSegment(after)
    await copyFile(join(after, segment), join(before, segment))
  })

/** Half of the last frame came to the disk. */
export const storyOfATornCommit = (directory: string): Promise<void> =>
  beforeAndAfter(directory, async (before, after) => {
    const segment = await lastSegment(after)
    const whole = await readFile(join(after, segment))
    const kept = await readFile(join(before, segment))
    const differs = whole.findIndex((byte, at) => byte !== kept[at])
    const file = await open(join(before, segment), 'r+')
    try {
      await file.write(whole, differs, 150, differs)
    } finally {
      await file.close()
    }
  })

/** The cursor of the follow-ups lost its prefix, and segments that held nothing else that is promised went with it. */
export const storyOfACutPrefix = async (directory: string): Promise<void> => {
  const house = await GoldenHouse.open(directory)
  const { ledger } = house
  const jobs = await ledger.queue<unknown>('jobs')
  await ledger.queue('mail')
  await jobs.enqueue({ kept: true }, { onSuccess: { queue: 'mail' } })
  for (const message of await claimed(jobs, 1)) await settle(jobs, message, { outcome: 'ack' })
  await house.until(async () => (await ledger.stats()).followUps?.waiting === 0)
  await ledger.close()
  const opened = await openEmbeddedLog({ directory, segmentBytes: GOLDEN_SEGMENT_BYTES })
  if (isLeft(opened)) throw new Error(JSON.stringify(opened.left))
  const log = opened.right
  const stream = 'process-followups'
  const head = await log.head(stream)()
  if (isLeft(head)) throw new Error(head.left.type)
  const at = house.clock.now().getTime()
  let revision = head.right
  // As the product does it after each 1,024 writes of the cursor; some hundred fill the segments that go.
  for (let n = 0; n < 150; n++) {
    const events = [{ type: 'FollowUpsDone', position: 20 + n } as const]
    const batch = { batchId: `cursor-${n}`, at: at + n, epoch: 0, events, previous: [-1] }
    const appended = await log.append(stream, revision, batch)()
    if (isLeft(appended)) throw new Error(appended.left.type)
    revision = appended.right.lastRevision
  }
  const cut = await log.truncateBefore(stream, revision)()
  if (isLeft(cut)) throw new Error(cut.left.type)
  await log.close()
  await house.restart('after-the-cut').catch(() => undefined)
  await (await house.ledger.openQueue('jobs')).enqueue({ after: 'the cut' })
  await house.ledger.close()
}
