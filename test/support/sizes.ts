// Ledgers of a size that matters (R58, R59, R60), step by step, each step meant for a process of its own: what it takes in
// time and memory is told, what must be true is checked. scripts/sizes.mjs runs them large, the test suite small.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { openLedger } from '../../src/api/openLedger.js'
import type { Ledger, Queue } from '../../src/api/types/index.js'

export type SizeStep =
  | 'fill'
  | 'openByReplay'
  | 'snapshotWhileServing'
  | 'openBySnapshot'
  | 'queues'
  | 'openQueues'
  | 'groups'
  | 'dedupKeys'

export type SizeFigures = Readonly<Record<string, number>>

const BATCH = 5_000
const FILLER = 'x'.repeat(80)
const MIB = 1_048_576
const NANOS_PER_MS = 1e6

const check = (isTrue: boolean, what: string): void => {
  if (!isTrue) throw new Error(`not so: ${what}`)
}

const settledBytes = async (): Promise<number> => {
  for (let n = 0; n < 3; n++) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const rssMb = (): number => Math.round(process.memoryUsage().rss / MIB)

const open = (directory: string, snapshotEveryEvents = 0): Promise<Ledger> =>
  openLedger({
    log: { kind: 'embedded', path: directory },
    logging: false,
    snapshotEveryEvents,
    // What is measured is the state beside the payloads.
    payloadCacheBytes: MIB,
  })

type Item = Parameters<Queue<unknown>['enqueueBatch']>[0][number]

const enqueueAll = async (
  queue: Queue<unknown>,
  from: number,
  to: number,
  item: (n: number) => Item,
): Promise<void> => {
  for (let n = from; n < to; n += BATCH) {
    const items = Array.from({ length: Math.min(BATCH, to - n) }, (_, i) => item(n + i))
    const results = await queue.enqueueBatch(items)
    check(
      results.every((result) => !('error' in result)),
      'every message was accepted',
    )
  }
}

const pendingOf = async (queue: Queue<unknown>): Promise<number> => (await queue.stats()).pending
const liveQueue = (ledger: Ledger): Promise<Queue<unknown>> =>
  ledger.queue('live', { maxSize: 100_000_000, dedup: 'off' })

const timed = async (act: () => Promise<unknown>): Promise<number> => {
  const from = performance.now()
  await act()
  return Math.round(performance.now() - from)
}

const plain = (n: number): Item => ({ payload: { n, filler: FILLER } })

/** Ends without closing: the caller kills the process, so that no snapshot is taken. */
const fill = async (directory: string, count: number): Promise<SizeFigures> => {
  const ledger = await open(directory)
  const queue = await liveQueue(ledger)
  const before = await settledBytes()
  const ms = await timed(() => enqueueAll(queue, 0, count, plain))
  const bytesEach = Math.round(((await settledBytes()) - before) / count)
  check((await pendingOf(queue)) === count, 'all wait')
  return { ms, bytesEach, rssMb: rssMb() }
}

/** From the opening of the directory to the first claim; killed afterwards, too. */
const openLive = async (directory: string, count: number): Promise<SizeFigures> => {
  const from = performance.now()
  const ledger = await open(directory)
  const queue = await liveQueue(ledger)
  const [claimed] = await queue.claim({ max: 1, worker: 'sizes' })
  const readyMs = Math.round(performance.now() - from)
  if (claimed === undefined) throw new Error('nothing could be claimed')
  await queue.settle([{ leaseToken: claimed.leaseToken, outcome: 'release' }])
  check((await pendingOf(queue)) >= count, 'all wait again')
  return { readyMs, rssMb: rssMb() }
}

const hasSnapshot = (directory: string): boolean =>
  readdirSync(join(directory, 'snapshots'), { recursive: true }).some(
    (name) => String(name).includes('partition-live') && String(name).endsWith('.snap'),
  )

/** Enqueues go on, one after another, while all that waits is written; says how late the loop was meanwhile. */
const snapshotWhileServing = async (directory: string, count: number): Promise<SizeFigures> => {
  const ledger = await open(directory, 1_000)
  const queue = await liveQueue(ledger)
  const delays = monitorEventLoopDelay({ resolution: 1 })
  delays.enable()
  const from = performance.now()
  let served = 0
  let slowestMs = 0
  for (let after = 0; after < 1_000; ) {
    const askedAt = performance.now()
    await queue.enqueue({ n: count + served, filler: FILLER })
    slowestMs = Math.max(slowestMs, performance.now() - askedAt)
    served++
    // The snapshot begins after a thousand events; each one that follows restarts the count.
    if (hasSnapshot(directory)) after++
  }
  delays.disable()
  check((await pendingOf(queue)) === count + served, 'all wait, and what came meanwhile')
  return {
    ms: Math.round(performance.now() - from),
    served,
    slowestMs: Math.round(slowestMs),
    loopP99Ms: Math.round(delays.percentile(99) / NANOS_PER_MS),
    loopMaxMs: Math.round(delays.max / NANOS_PER_MS),
    rssMb: rssMb(),
  }
}

const queueName = (n: number): string => `queue-${n}`

const queues = async (directory: string, count: number): Promise<SizeFigures> => {
  const ledger = await open(directory)
  const before = await settledBytes()
  const ms = await timed(async () => {
    for (let n = 0; n < count; n += 100)
      await Promise.all(
        Array.from({ length: Math.min(100, count - n) }, async (_, i) => {
          const queue = await ledger.queue(queueName(n + i))
          await queue.enqueue({ n: n + i })
        }),
      )
  })
  const bytesEach = Math.round(((await settledBytes()) - before) / count)
  return { ms, bytesEach, rssMb: rssMb() }
}

const openQueues = async (directory: string, count: number): Promise<SizeFigures> => {
  const from = performance.now()
  const ledger = await open(directory)
  const queue = await ledger.queue<{ n: number }>(queueName(count - 1))
  const [claimed] = await queue.claim({ max: 1, worker: 'sizes' })
  const readyMs = Math.round(performance.now() - from)
  check((claimed?.payload as { n: number } | undefined)?.n === count - 1, 'the last queue has its message')
  return { readyMs, rssMb: rssMb() }
}

/** One message in each group, all of which may run at once. */
const groups = async (directory: string, count: number): Promise<SizeFigures> => {
  const ledger = await open(directory)
  const queue = await liveQueue(ledger)
  const before = await settledBytes()
  const ms = await timed(() => enqueueAll(queue, 0, count, (n) => ({ ...plain(n), group: `group-${n}` })))
  const bytesEach = Math.round(((await settledBytes()) - before) / count)
  const claimed = await queue.claim({ max: 1_000, worker: 'sizes' })
  check(claimed.length === Math.min(1_000, count), 'groups run beside each other')
  return { ms, bytesEach, rssMb: rssMb() }
}

/** Keys whose messages have gone: the window alone remembers them. */
const dedupKeys = async (directory: string, count: number): Promise<SizeFigures> => {
  const ledger = await open(directory)
  const dayMs = 86_400_000
  const queue = await ledger.queue('keys', { maxSize: 100_000_000, dedupWindowMs: dayMs })
  const before = await settledBytes()
  const ms = await timed(async () => {
    for (let n = 0; n < count; n += 20 * BATCH) {
      await enqueueAll(queue, n, Math.min(count, n + 20 * BATCH), (i) => ({
        payload: i,
        dedupKey: `order-${i}`,
      }))
      await queue.clear()
    }
  })
  const bytesEach = Math.round(((await settledBytes()) - before) / count)
  check((await pendingOf(queue)) === 0, 'nothing waits')
  const repeated = [0, Math.floor(count / 2), count - 1].map((n) =>
    queue.enqueue(n, { dedupKey: `order-${n}` }),
  )
  for (const { duplicate } of await Promise.all(repeated))
    check(duplicate, 'a key that was seen is a duplicate')
  const fresh = await queue.enqueue(count, { dedupKey: `order-${count}` })
  check(!fresh.duplicate, 'a new key is none')
  return { ms, bytesEach, rssMb: rssMb() }
}

const STEPS: Readonly<Record<SizeStep, (directory: string, count: number) => Promise<SizeFigures>>> = {
  fill,
  openByReplay: openLive,
  snapshotWhileServing,
  openBySnapshot: openLive,
  queues,
  openQueues,
  groups,
  dedupKeys,
}

export const runSize = (step: SizeStep, directory: string, count: number): Promise<SizeFigures> =>
  STEPS[step](directory, count)
