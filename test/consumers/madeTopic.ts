// A ledger with a few queues and fates, and its events as records of a topic with partitions and offsets: what a relay would have
// told, marks of transactions included, without a broker.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isLeft } from 'fp-ts/lib/Either.js'
import type { RecordedBatch } from '../../domain/batch.js'
import { openEmbeddedLog } from '../../src/adapters/embedded/eventLog.js'
import { verify } from '../../src/adapters/embedded/verify.js'
import { decodeRecord, keepAll, type Redact, recordEncoder } from '../../src/adapters/kafka/records.js'
import { type ArchivableEvent, loggedAs } from '../../src/consumers/audit/lines.js'
import { fixed, openLedger } from '../../src/index.js'

export const LEDGER = 'test-ledger'
export const TOPIC_PARTITIONS = 3

export type MadeTopic = Readonly<{
  /** By partition of the topic, in order. */
  partitions: ReadonlyArray<ReadonlyArray<ArchivableEvent>>
  /** The same as they go to a broker. */
  messages: ReadonlyArray<
    ReadonlyArray<Readonly<{ key: string; value: string; headers: Record<string, string> }>>
  >
  /** Heads and digests as the log itself tells them. */
  streams: ReadonlyMap<string, Readonly<{ head: number; digest: string }>>
  counts: Readonly<Record<string, Readonly<{ enqueued: number; succeeded: number; deadLettered: number }>>>
}>

/** In memory, where there is such a place: these tests ask what is written, not how soon a disk has it. */
const PLACE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

export const temporaryFolder = (): Readonly<{ path: string; remove: () => void }> => {
  const path = mkdtempSync(join(PLACE, 'ledgerq-audit-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Work that succeeds, fails for good, is retried and is cancelled. */
const work = async (directory: string, messages: number): Promise<MadeTopic['counts']> => {
  const ledger = await openLedger({ log: { kind: 'embedded', path: directory }, logging: { enabled: false } })
  try {
    const counts: Record<string, MadeTopic['counts'][string]> = {}
    for (const name of ['orders', 'mails']) {
      const queue = await ledger.queue(name, {
        partitions: 2,
        failures: { NETWORK: fixed({ delayMs: 0, retriesMax: 1 }) },
      })
      for (let n = 0; n < messages; n++) await queue.enqueue({ n, text: 'schöner "Text"\n\u2028' })
      const worker = queue.process(
        async ({ payload }) => {
          const { n } = payload as { n: number }
          if (n % 3 === 0) throw Object.assign(new Error('no shop'), { code: 'ECONNREFUSED' })
          return { done: n }
        },
        { concurrency: 4 },
      )
      for (;;) {
        const { counts: now } = await queue.metrics()
        const { enqueued, succeeded, deadLettered } = now
        counts[name] = { enqueued, succeeded, deadLettered }
        if (succeeded + deadLettered === messages) break
        await new Promise((turn) => setImmediate(turn))
      }
      await worker.stop()
    }
    return counts
  } finally {
    await ledger.close()
  }
}

const batchesOf = async (directory: string): Promise<ReadonlyArray<RecordedBatch>> => {
  const opened = await openEmbeddedLog({ directory })
  if (isLeft(opened)) throw new Error(JSON.stringify(opened.left))
  const batches: RecordedBatch[] = []
  for (let from = 0, atEnd = false; !atEnd; ) {
    const page = await opened.right.readAll(from, 1_000_000)()
    if (isLeft(page)) throw new Error(JSON.stringify(page.left))
    batches.push(...page.right.batches)
    from = page.right.next
    atEnd = page.right.atEnd
  }
  await opened.right.close()
  return batches
}

const partitionOf = (stream: string): number =>
  [...stream].reduce((sum, char) => sum + char.charCodeAt(0), 0) % TOPIC_PARTITIONS

/** After so many records of a partition a transaction ends: its mark takes an offset. */
const MARK_EVERY = 7

type TopicOptions = Readonly<{ redact?: Redact; over?: Readonly<{ startAt: number; ms: number }> }>

/** `over`: the batches of the log stand evenly over that time; without it when they were recorded. */
export const makeTopic = async (
  options: TopicOptions & Readonly<{ messages?: number }> = {},
): Promise<MadeTopic> => {
  const folder = temporaryFolder()
  try {
    const directory = join(folder.path, 'log')
    const counts = await work(directory, options.messages ?? 12)
    return { ...(await topicOf(directory, options)), counts }
  } finally {
    folder.remove()
  }
}

/** What is told of the log in a directory. */
export const topicOf = async (
  directory: string,
  { redact = keepAll, over }: TopicOptions = {},
): Promise<Omit<MadeTopic, 'counts'>> => {
  const verified = await verify(directory)
  if (isLeft(verified)) throw new Error(JSON.stringify(verified.left))
  const partitions: ArchivableEvent[][] = Array.from({ length: TOPIC_PARTITIONS }, () => [])
  const toTell: Array<MadeTopic['messages'][number][number]>[] = partitions.map(() => [])
  const encode = recordEncoder(LEDGER, redact)
  const batches = await batchesOf(directory)
  for (const [n, recorded] of batches.entries()) {
    const batch =
      over === undefined
        ? recorded
        : { ...recorded, at: over.startAt + Math.floor((over.ms * n) / batches.length) }
    const events = partitions[partitionOf(batch.stream)] ?? []
    for (let index = 0; index < batch.events.length; index++) {
      const { key, value, headers } = encode(batch, index, 0)
      toTell[partitionOf(batch.stream)]?.push({ key, value, headers: { ...headers } })
      const decoded = decodeRecord({ key, value, headers })
      if (isLeft(decoded)) throw new Error(decoded.left.reason)
      const { event, value: text, version, ...record } = decoded.right
      const logged = record.isRedacted ? undefined : loggedAs(event, version, () => JSON.parse(text))
      const offset = events.length + Math.floor(events.length / MARK_EVERY)
      events.push({ ...record, offset, type: event.type, version, data: text, logged })
    }
  }
  const streams = new Map(
    verified.right.streams.map(({ stream, head, digest }) => [stream, { head, digest }]),
  )
  return { partitions, messages: toTell, streams }
}
