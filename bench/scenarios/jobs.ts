// The work that all scenarios share: a job whose JSON has an exact size and carries its number, callers that enqueue it,
// and a worker that counts each call of its handler. A job counts when its durable answer is there: an enqueue when the
// caller's own promise resolves, a processed one when the worker has settled it (`stop` waits for that).

import type { Ledger, Queue } from '../../src/api/types/index.js'
import { type LedgerOptions, openLedger } from '../../src/index.js'

export type Job = Readonly<{ seq: number; text: string }>

export const QUEUE = 'orders'
const WARM_UP_QUEUE = 'warmup'
export const PAYLOAD_BYTES = 120
export const BATCH = 500
const BATCHES_IN_FLIGHT = 4
/** The default bound of 10,000 is for production; these scenarios are about depth. */
export const SETTINGS = { maxSize: 20_000_000 }
/** With 20,000 the compiler was still at work in the measured part, and `process` came out a fifth lower (100k to 136k/s). */
const WARM_UP_JOBS_MAX = 100_000
const POLL_MS = 5

const fillers = new Map<number, string>()

/** A payload whose JSON has exactly `bytes` bytes. */
export const jobOf = (seq: number, bytes = PAYLOAD_BYTES): Job => {
  const length = bytes - `{"seq":${seq},"text":""}`.length
  let text = fillers.get(length)
  if (text === undefined) {
    text = 'x'.repeat(Math.max(0, length))
    fillers.set(length, text)
  }
  return { seq, text }
}

export const openBenchLedger = (directory: string, options: Partial<LedgerOptions> = {}): Promise<Ledger> =>
  openLedger({ log: { kind: 'embedded', path: directory }, ...options })

export const openOrders = (ledger: Ledger): Promise<Queue<Job>> => ledger.queue<Job>(QUEUE, SETTINGS)

export const enqueueWithCallers = async (
  queue: Queue<Job>,
  count: number,
  callers: number,
  bytes = PAYLOAD_BYTES,
): Promise<void> => {
  let next = 0
  const caller = async (): Promise<void> => {
    while (next < count) await queue.enqueue(jobOf(next++, bytes))
  }
  await Promise.all(Array.from({ length: callers }, caller))
}

type BulkOptions = Readonly<{
  /** Number of the first job. */
  from?: number
  bytes?: number
  groups?: number
}>

export const enqueueInBatches = async (
  queue: Queue<Job>,
  count: number,
  options: BulkOptions = {},
): Promise<void> => {
  const { from = 0, bytes = PAYLOAD_BYTES, groups } = options
  let next = from
  const caller = async (): Promise<void> => {
    while (next < from + count) {
      const items = []
      for (const end = Math.min(from + count, next + BATCH); next < end; next++) {
        const payload = jobOf(next, bytes)
        items.push(groups === undefined ? { payload } : { payload, group: `group-${next % groups}` })
      }
      const results = await queue.enqueueBatch(items)
      for (const result of results) if ('error' in result) throw new Error(result.error.message)
    }
  }
  await Promise.all(Array.from({ length: BATCHES_IN_FLIGHT }, caller))
}

/** Calls of the handler by job number, and the promise that each was called. */
export class Calls {
  private readonly times: Uint8Array
  private total = 0
  private strangers = 0
  private done: () => void = () => {}
  readonly all: Promise<void>

  constructor(private readonly count: number) {
    this.times = new Uint8Array(count)
    this.all = new Promise((resolve) => {
      this.done = resolve
    })
  }

  note(seq: number): void {
    const times = this.times[seq]
    if (times === undefined) this.strangers++
    else this.times[seq] = times + 1
    if (++this.total >= this.count) this.done()
  }

  get made(): number {
    return this.total
  }

  /** What is wrong if `called` jobs should have been handled, each once. */
  problems(called = this.count): string[] {
    let once = 0
    let more = 0
    for (const times of this.times) {
      if (times === 1) once++
      else if (times > 1) more++
    }
    const found: string[] = []
    if (once + more !== called) found.push(`${once + more} jobs were handled instead of ${called}`)
    if (more > 0) found.push(`${more} jobs were handled more than once`)
    if (this.strangers > 0) found.push(`${this.strangers} calls with a job that was never sent`)
    return found
  }
}

const complain = (error: Error): void => {
  process.stderr.write(`worker: ${error.message}\n`)
}

/** From the worker's start to the last settlement that is durable. */
export const drain = async (queue: Queue<Job>, calls: Calls, concurrency: number): Promise<void> => {
  const handler = async ({ payload }: { payload: Job }): Promise<void> => calls.note(payload.seq)
  const worker = queue.process(handler, { concurrency, onError: complain })
  await calls.all
  await worker.stop()
}

/** Compiles what will be measured, on a queue of its own in the same ledger; returns what the reader must find of it. */
export const warmUp = async (ledger: Ledger, n: number) => {
  const jobs = 2 * Math.ceil(Math.min(WARM_UP_JOBS_MAX, n / 2) / 2)
  const queue = await ledger.queue<Job>(WARM_UP_QUEUE, SETTINGS)
  await enqueueWithCallers(queue, jobs / 2, 100)
  await enqueueInBatches(queue, jobs / 2, { from: jobs / 2 })
  const worker = queue.process(async ({ payload }) => void payload.seq, { concurrency: 100 })
  while ((await queue.stats()).succeeded < jobs) await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  await worker.stop()
  return { [WARM_UP_QUEUE]: { enqueued: jobs, succeeded: jobs } }
}
