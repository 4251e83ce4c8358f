// The reader that does not trust the run: a process of its own opens the directory afterwards and counts, message by
// message, from the events alone. Exact means: each job number enqueued once, with the order enqueued, started, succeeded
// for as many messages as should have succeeded, each exactly once, and nothing else happened to any of them. Then the
// whole log is verified: frames, links, digests, revisions, times.
import { isLeft } from 'fp-ts/lib/Either.js'
import type { LedgerEvent, RecordedBatch } from '../domain/batch.js'
import { parsePartitionStream } from '../domain/ids.js'
import { openEmbeddedLog } from '../src/adapters/embedded/eventLog.js'
import { verify } from '../src/adapters/embedded/verify.js'
import type { Expected, ExpectedOfQueue } from './scenarios/scenario.js'

export type VerifyOrders = Readonly<{ directory: string; expected: Expected }>
export type VerifyReport = Readonly<{
  exact: boolean
  events: number
  frames: number
  problems: ReadonlyArray<string>
}>

const PAGE_BYTES = 4_194_304
const SEQ = /"seq":(\d+)/

const NOTHING = 0
const ENQUEUED = 1
const STARTED = 2
const SUCCEEDED = 3

/** What happened to the messages of one queue, by ordinal; ordinals are given from 1 without gaps. */
class QueueCount {
  private readonly situation: Uint8Array
  private readonly seen: Uint8Array
  private enqueued = 0
  private succeeded = 0
  private misplaced = 0
  private repeatedJobs = 0
  private readonly strange = new Map<string, number>()

  constructor(
    private readonly queue: string,
    private readonly expected: ExpectedOfQueue,
  ) {
    this.situation = new Uint8Array(expected.enqueued + 2)
    this.seen = new Uint8Array(expected.enqueued)
  }

  add(event: LedgerEvent): void {
    switch (event.type) {
      case 'PartitionOpened':
      case 'ConfigAdopted':
        return
      case 'MessageEnqueued': {
        this.step(event.ordinal, NOTHING, ENQUEUED)
        const seq = Number(SEQ.exec(event.payload)?.[1] ?? -1)
        if (this.seen[seq] !== 0) this.repeatedJobs++
        this.seen[seq] = 1
        this.enqueued++
        return
      }
      case 'AttemptStarted':
        this.step(event.ordinal, ENQUEUED, STARTED)
        return
      case 'AttemptSucceeded':
        this.step(event.ordinal, STARTED, SUCCEEDED)
        this.succeeded++
        return
      case 'AttemptReleased':
        if (this.expected.handedBack) return this.step(event.ordinal, STARTED, ENQUEUED)
        return this.odd(event.type)
      default:
        return this.odd(event.type)
    }
  }

  private odd(type: string): void {
    this.strange.set(type, (this.strange.get(type) ?? 0) + 1)
  }

  private step(ordinal: number, from: number, to: number): void {
    if (this.situation[ordinal] === from) this.situation[ordinal] = to
    else this.misplaced++
  }

  problems(): string[] {
    const { queue, expected } = this
    const found: string[] = []
    if (this.enqueued !== expected.enqueued)
      found.push(`${queue}: ${this.enqueued} messages instead of ${expected.enqueued}`)
    if (this.succeeded !== expected.succeeded)
      found.push(`${queue}: ${this.succeeded} succeeded instead of ${expected.succeeded}`)
    if (this.misplaced > 0) found.push(`${queue}: ${this.misplaced} events out of order or repeated`)
    if (this.repeatedJobs > 0) found.push(`${queue}: ${this.repeatedJobs} job numbers repeated or unknown`)
    for (const [type, times] of this.strange) found.push(`${queue}: ${times} of ${type}`)
    return found
  }
}

const count = async ({ directory, expected }: VerifyOrders): Promise<VerifyReport> => {
  const queues = new Map(
    Object.entries(expected).map(([queue, wanted]) => [queue, new QueueCount(queue, wanted)]),
  )
  const opened = await openEmbeddedLog({ directory })
  if (isLeft(opened))
    return { exact: false, events: 0, frames: 0, problems: [`not opened: ${opened.left.type}`] }
  const log = opened.right
  const problems: string[] = []
  let events = 0
  const take = (batch: RecordedBatch): void => {
    if (batch.position !== events) problems.push(`position ${batch.position} where ${events} was due`)
    events = batch.position + batch.events.length
    const queue = queues.get(parsePartitionStream(batch.stream)?.queue ?? '')
    for (const event of batch.events) queue?.add(event)
  }
  for (;;) {
    const page = await log.readAll(events, PAGE_BYTES)()
    if (isLeft(page)) {
      problems.push(`not readable at position ${events}: ${page.left.type}`)
      break
    }
    for (const batch of page.right.batches) take(batch)
    if (page.right.atEnd) break
  }
  await log.close()
  for (const queue of queues.values()) problems.push(...queue.problems())
  const verified = await verify(directory)
  if (isLeft(verified)) problems.push(`log verify: ${JSON.stringify(verified.left)}`)
  else if (verified.right.events !== events)
    problems.push(`log verify counts ${verified.right.events} events, not ${events}`)
  const frames = isLeft(verified) ? 0 : verified.right.frames
  return { exact: problems.length === 0, events, frames, problems }
}

process.once('message', async (orders: VerifyOrders) => {
  process.send?.(await count(orders), () => process.disconnect())
})
