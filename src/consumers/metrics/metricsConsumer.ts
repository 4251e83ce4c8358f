// Counts the events of a topic and remembers up to where: the effects around projections/topic. An event that comes again is not
// counted twice; where events are missing it goes on, tells so and shows it as a series, since counts that stop tell less than counts
// that are known to be short. What cannot be read at all ends it.
import { isLeft } from 'fp-ts/lib/Either.js'
import type { Kafka } from 'kafkajs'
import { LedgerTotals } from '../../../projections/topic/ledgerTotals.js'
import { decodeRecord } from '../../adapters/kafka/records.js'
import { readTopic, type TopicBatch, type TopicReader, TopicUnreadable, topicBounds } from '../topicReader.js'
import { type Checkpoint, loadCheckpoint, saveCheckpoint } from './checkpoint.js'
import { expositionOf } from './series.js'

export type MetricsOptions = Readonly<{
  kafka: Kafka
  topic: string
  /** Undefined = counts are lost when the process ends, and begin again with what the topic still has. */
  checkpoint: string | undefined
  checkpointEveryMs: number
  /** What somebody should look at. */
  warn: (event: string, fields: Readonly<Record<string, unknown>>) => void
  nowMs: () => number
}>

export type MetricsConsumer = Readonly<{
  metrics: () => string
  /** Undefined while counting goes on. */
  trouble: () => string | undefined
  /** Rejects when it cannot go on. */
  ended: Promise<void>
  stop: () => Promise<void>
}>

/** Storing takes longer the more messages wait; it is to take no more than this share of the time. */
const SAVING_SHARE_MAX = 0.05

class Counting {
  private readonly totals = new LedgerTotals()
  private ledger: string | null = null
  private offsets: number[] = []
  private beginsAnywhere = false
  private gaps = 0
  private repeats = 0
  private lastEventAt = 0
  private savedAt = 0
  private isChanged = false
  private dueAt = 0
  private saving: Promise<void> | undefined
  reader: TopicReader | undefined

  constructor(private readonly options: MetricsOptions) {}

  async load(): Promise<void> {
    const { checkpoint: path, topic, warn } = this.options
    if (path === undefined) return
    const found = await loadCheckpoint(path, topic)
    if (found === undefined) return
    if (isLeft(found)) {
      warn('checkpoint not used', { file: path, reason: found.left })
      return
    }
    const { totals, offsets, ...kept } = found.right
    this.totals.load(totals)
    this.offsets = [...offsets]
    const { ledger, beginsAnywhere, gaps, repeats, lastEventAt } = kept
    Object.assign(this, { ledger, beginsAnywhere, gaps, repeats, lastEventAt })
  }

  /** Where to go on; what begins with a topic that no longer reaches back may begin anywhere. */
  from(partition: number, low: number): number | undefined {
    const next = this.offsets[partition]
    if (next === undefined && low > 0) this.beginsAnywhere = true
    return next
  }

  async take({ partition, messages }: TopicBatch): Promise<void> {
    for (const { offset, record } of messages) {
      const decoded = decodeRecord(record)
      if (isLeft(decoded))
        throw new TopicUnreadable(`Partition ${partition}, offset ${offset}: ${decoded.left.reason}.`)
      const heard = decoded.right
      this.ledger ??= heard.ledger
      if (heard.ledger !== this.ledger)
        throw new TopicUnreadable(
          `Partition ${partition}, offset ${offset}: an event of the ledger ${heard.ledger} in the topic of ${this.ledger}.`,
        )
      const found = this.totals.hear(heard, this.beginsAnywhere)
      if (found?.type === 'Gap') this.gaps++
      if (found?.type === 'Repeat') this.repeats++
      if (found !== undefined) this.options.warn('events out of order', { partition, offset, ...found })
      this.lastEventAt = Math.max(this.lastEventAt, heard.at)
      this.offsets[partition] = offset + 1
      this.isChanged = true
    }
    if (this.options.nowMs() >= this.dueAt) await this.save()
  }

  /** One at a time. */
  save(): Promise<void> {
    this.saving ??= this.store().finally(() => {
      this.saving = undefined
    })
    return this.saving
  }

  private async store(): Promise<void> {
    const { checkpoint: path, topic, checkpointEveryMs, nowMs } = this.options
    if (path === undefined || !this.isChanged) return
    const startedAt = nowMs()
    const { ledger, beginsAnywhere, gaps, repeats, lastEventAt } = this
    const offsets = Array.from(this.offsets, (next) => next ?? 0)
    const totals = this.totals.snapshot()
    const checkpoint: Checkpoint = {
      version: 1,
      topic,
      ledger,
      offsets,
      beginsAnywhere,
      gaps,
      repeats,
      lastEventAt,
      totals,
    }
    this.isChanged = false
    await saveCheckpoint(path, checkpoint)
    this.savedAt = nowMs()
    this.dueAt = this.savedAt + Math.max(checkpointEveryMs, (this.savedAt - startedAt) / SAVING_SHARE_MAX)
  }

  metrics(): string {
    const { gaps, repeats, lastEventAt, savedAt, reader } = this
    const lag = reader?.lag() ?? []
    const isConnected = reader?.isConnected() ?? false
    return expositionOf(this.totals, { lag, isConnected, gaps, repeats, lastEventAt, savedAt })
  }

  trouble(): string | undefined {
    if (this.reader === undefined) return 'it has not begun to read'
    return this.reader.isConnected() ? undefined : 'the brokers do not answer'
  }
}

/** @throws TopicUnreadable where reading cannot begin, and the client's error where no broker answers */
export const startMetrics = async (options: MetricsOptions): Promise<MetricsConsumer> => {
  const { kafka, topic, checkpointEveryMs } = options
  const counting = new Counting(options)
  await counting.load()
  const bounds = await topicBounds(kafka, topic)
  const reader = readTopic({
    kafka,
    topic,
    bounds,
    from: (partition) => counting.from(partition, bounds.low[partition] ?? 0),
    onLost: (partition, next, low) =>
      options.warn('records gone before they were counted', { partition, from: next, to: low - 1 }),
    onAway: (reason) => options.warn('brokers do not answer', { reason }),
    onBatch: (batch) => counting.take(batch),
  })
  counting.reader = reader
  // What came last is stored too when nothing comes after it.
  const timer = setInterval(
    () =>
      void counting.save().catch((cause: unknown) => {
        options.warn('checkpoint not stored', { reason: String(cause) })
      }),
    checkpointEveryMs,
  )
  return {
    metrics: () => counting.metrics(),
    trouble: () => counting.trouble(),
    ended: reader.ended,
    stop: async () => {
      clearInterval(timer)
      await reader.stop()
      await counting.save()
    },
  }
}
