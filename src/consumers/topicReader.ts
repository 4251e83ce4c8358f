// Reads a topic of a ledger from given offsets on, committed records only, each partition in order and one batch at a time. Positions
// are the reader's own business, so it is no member of a group: nobody waits for one that was killed, and two readers never share
// partitions. Brokers that are away are waited for. Records that are gone before they were read are told, never skipped.
import { setTimeout as pause } from 'node:timers/promises'
import type { Admin, Kafka } from 'kafkajs'
import { REQUEST_TIMEOUT_MS, within } from '../adapters/kafka/connection.js'
import { openPartitionReader, type PartitionReader } from '../adapters/kafka/partitionReader.js'
import type { FoundRecord } from '../adapters/kafka/records.js'

export type TopicMessage = Readonly<{ offset: number; record: FoundRecord }>
export type TopicBatch = Readonly<{ partition: number; messages: ReadonlyArray<TopicMessage> }>

/** Of each partition, the first offset that is still there and the one after the last. */
export type TopicBounds = Readonly<{ low: ReadonlyArray<number>; high: ReadonlyArray<number> }>

export type TopicReaderOptions = Readonly<{
  kafka: Kafka
  topic: string
  /** As they were when it was decided where to begin. */
  bounds: TopicBounds
  /** Where to begin; undefined = with what is still there. */
  from: (partition: number) => number | undefined
  /**
   * Told when records from `next` up to `low` were gone before they were read; reading goes on behind them. Without it that is an
   * error.
   */
  onLost?: (partition: number, next: number, low: number) => void
  /** Told once for each time that the brokers no longer answer as they should; they are asked again every second. */
  onAway: (reason: string) => void
  /** Records that were taken do not come again. Failing ends the reader. */
  onBatch: (batch: TopicBatch) => Promise<void>
}>

export type TopicReader = Readonly<{
  /** Offsets that were not read yet, by partition, as far as is known. */
  lag: () => ReadonlyArray<number>
  /** Whether the last call was answered. */
  isConnected: () => boolean
  /** Rejects when reading cannot go on; resolves when it was stopped. */
  ended: Promise<void>
  /** When what is being taken has been taken. */
  stop: () => Promise<void>
}>

/** What was there to be read is gone, or there is no such topic. */
export class TopicUnreadable extends Error {}

/** Between two looks while nothing comes, and between two tries while nobody answers. */
const IDLE_MS = 250
const AWAY_MS = 1_000

const offsetsOf = async (admin: Admin, topic: string): Promise<TopicBounds> => {
  const low: number[] = []
  const high: number[] = []
  for (const found of await within(REQUEST_TIMEOUT_MS, 'offsets', admin.fetchTopicOffsets(topic))) {
    low[found.partition] = Number(found.low)
    high[found.partition] = Number(found.high)
  }
  return { low, high }
}

/** @throws TopicUnreadable where there is no such topic, and the client's error where no broker answers */
export const topicBounds = async (kafka: Kafka, topic: string): Promise<TopicBounds> => {
  const admin = kafka.admin()
  await admin.connect()
  try {
    // To ask for its offsets would make a topic that is not there, if the brokers allow it.
    const topics = await within(REQUEST_TIMEOUT_MS, 'topics', admin.listTopics())
    if (!topics.includes(topic))
      throw new TopicUnreadable(
        `There is no topic ${topic}: a server that is started with --kafka makes it, and passes its events on.`,
      )
    return await offsetsOf(admin, topic)
  } finally {
    await admin.disconnect()
  }
}

type Connection = Readonly<{ admin: Admin; records: PartitionReader; close: () => Promise<void> }>

const connect = async (kafka: Kafka): Promise<Connection> => {
  const admin = kafka.admin()
  await admin.connect()
  try {
    const records = await openPartitionReader(kafka)
    return {
      admin,
      records,
      close: async () => {
        await records.close().catch(() => undefined)
        await admin.disconnect().catch(() => undefined)
      },
    }
  } catch (cause) {
    await admin.disconnect().catch(() => undefined)
    throw cause
  }
}

/** What a reader's user failed with, as against what the brokers did. */
class NotTaken extends Error {}

class Reading {
  private readonly next: number[]
  private high: ReadonlyArray<number>
  private isAnswered = true
  private readonly stopping = new AbortController()

  constructor(private readonly options: TopicReaderOptions) {
    const { bounds, from } = options
    this.next = bounds.low.map((low, partition) => from(partition) ?? low)
    this.high = bounds.high
    this.comply(bounds)
  }

  lag(): ReadonlyArray<number> {
    return this.next.map((next, partition) => Math.max(0, (this.high[partition] ?? 0) - next))
  }

  isConnected(): boolean {
    return this.isAnswered
  }

  stop(): void {
    this.stopping.abort()
  }

  async run(): Promise<void> {
    const { signal } = this.stopping
    while (!signal.aborted) {
      let connection: Connection | undefined
      try {
        connection = await connect(this.options.kafka)
        while (!signal.aborted) if (!(await this.round(connection))) await this.rest(IDLE_MS)
      } catch (cause) {
        if (cause instanceof NotTaken) throw cause.cause
        if (cause instanceof TopicUnreadable) throw cause
        // Leaders move, brokers start anew: what comes then is asked of whoever answers.
        if (this.isAnswered) this.options.onAway(cause instanceof Error ? cause.message : String(cause))
        this.isAnswered = false
        await this.rest(AWAY_MS)
      } finally {
        await connection?.close()
      }
    }
  }

  /** Once through all partitions; false = nothing came. */
  private async round({ admin, records }: Connection): Promise<boolean> {
    const { topic } = this.options
    const bounds = await offsetsOf(admin, topic)
    this.high = bounds.high
    this.isAnswered = true
    for (let partition = this.next.length; partition < bounds.low.length; partition++) this.next.push(0)
    this.comply(bounds)
    let isMoved = false
    for (const [partition, from] of this.next.entries()) {
      if (this.stopping.signal.aborted || from >= (bounds.high[partition] ?? 0)) continue
      const read = await within(REQUEST_TIMEOUT_MS, 'records', records.read(topic, partition, from))
      // A compressed batch begins before what was asked for.
      const messages = read.records.filter(({ offset }) => offset >= from)
      await this.take({
        partition,
        messages: messages.map(({ offset, key, value, headers }) => ({
          offset,
          record: { key: key ?? null, value, headers },
        })),
      })
      if (read.next > from) isMoved = true
      this.next[partition] = Math.max(from, read.next)
    }
    return isMoved
  }

  private async take(batch: TopicBatch): Promise<void> {
    if (batch.messages.length === 0) return
    try {
      await this.options.onBatch(batch)
    } catch (cause) {
      throw new NotTaken('', { cause })
    }
  }

  private async rest(ms: number): Promise<void> {
    await pause(ms, undefined, this.stopping).catch(() => undefined)
  }

  /** @throws TopicUnreadable */
  private comply({ low, high }: TopicBounds): void {
    const { topic, onLost } = this.options
    for (const [partition, next] of this.next.entries()) {
      const first = low[partition] ?? 0
      const end = high[partition] ?? 0
      const where = `${topic}, partition ${partition}`
      if (next > end)
        throw new TopicUnreadable(
          `${where}: offset ${next} is due, and the topic ends at ${end}: it was made anew.`,
        )
      if (next >= first) continue
      if (onLost === undefined)
        throw new TopicUnreadable(
          `${where}: records from offset ${next} to ${first - 1} are gone before they were read: the topic keeps them too short a time.`,
        )
      onLost(partition, next, first)
      this.next[partition] = first
    }
  }
}

/** @throws TopicUnreadable where what is due is not there any more */
export const readTopic = (options: TopicReaderOptions): TopicReader => {
  const reading = new Reading(options)
  const ended = reading.run()
  // Whoever started the reader listens sooner or later; until then it is no unhandled one.
  ended.catch(() => undefined)
  return {
    lag: () => reading.lag(),
    isConnected: () => reading.isConnected(),
    ended,
    stop: async () => {
      reading.stop()
      await ended.catch(() => undefined)
    },
  }
}
