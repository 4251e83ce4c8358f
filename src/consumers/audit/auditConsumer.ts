// Archives the events of a topic: what has been appended is durable before more is taken. Where to go on is asked of the archive
// itself. What does not follow, is not ours or cannot be read stops it, with the place named; it is never passed over.
import { isLeft } from 'fp-ts/lib/Either.js'
import type { Kafka } from 'kafkajs'
import { decodeRecord, type LedgerRecord } from '../../adapters/kafka/records.js'
import { Exposition } from '../metrics/exposition.js'
import { readTopic, type TopicBatch, topicBounds } from '../topicReader.js'
import { Archive } from './archive.js'
import { TopicAlarm } from './archiveErrors.js'
import { type ArchivableEvent, loggedAs } from './lines.js'

export type AuditOptions = Readonly<{
  kafka: Kafka
  topic: string
  folder: string
  /** Streams may begin anywhere, where the topic no longer reaches back to their beginning: for a new archive only. */
  beginsAnywhere: boolean
  /** What somebody should look at. */
  warn: (event: string, fields: Readonly<Record<string, unknown>>) => void
  /** With how many have been archived since the start. */
  onArchived?: (events: number) => void
}>

export type AuditConsumer = Readonly<{
  /** Records that were not archived yet, as far as is known. */
  lag: () => number
  /** Events that were archived since the start. */
  archived: () => number
  isConnected: () => boolean
  /** Rejects when it cannot go on. */
  ended: Promise<void>
  stop: () => Promise<void>
}>

const RAW_LINE_BREAK = /[\n\r]/

const archivable = (record: LedgerRecord, offset: number): ArchivableEvent => {
  const { stream, revision, position, at, queue, id, epoch, batchId, index, count, previous } = record
  const { event, version, isRedacted, value: data } = record
  const { type } = event
  const logged = isRedacted ? undefined : loggedAs(event, version, () => JSON.parse(data))
  const place = { offset, stream, revision, position, at, queue, id, epoch, batchId, index, count, previous }
  return { ...place, type, version, isRedacted, data, logged }
}

const archivableEvents = ({
  partition,
  messages,
}: TopicBatch): Readonly<{ ledger: string; event: ArchivableEvent }>[] =>
  messages.map(({ offset, record }) => {
    const decoded = decodeRecord(record)
    if (isLeft(decoded)) throw new TopicAlarm(partition, offset, decoded.left.reason)
    if (RAW_LINE_BREAK.test(decoded.right.value))
      throw new TopicAlarm(partition, offset, 'a value of more than one line, which no relay has written')
    return { ledger: decoded.right.ledger, event: archivable(decoded.right, offset) }
  })

/** What Prometheus is told of it. */
export const auditMetrics = ({ lag, archived, isConnected }: AuditConsumer): string => {
  const exposition = new Exposition()
  exposition.add('ledgerq_audit_events_total', 'counter', 'Events archived since the start', [
    [{}, archived()],
  ])
  exposition.add('ledgerq_audit_lag_records', 'gauge', 'Records of the topic that are not archived yet', [
    [{}, lag()],
  ])
  exposition.add('ledgerq_audit_connected', 'gauge', '1 while the brokers answer', [
    [{}, isConnected() ? 1 : 0],
  ])
  return exposition.text()
}

/** @throws ArchiveDamaged, ArchiveRefused, TopicUnreadable, or the client's error where no broker answers */
export const startAudit = async (options: AuditOptions): Promise<AuditConsumer> => {
  const { kafka, topic, folder, beginsAnywhere, onArchived, warn } = options
  const bounds = await topicBounds(kafka, topic)
  const archive = await Archive.open({
    folder,
    topic,
    partitions: bounds.low.length,
    beginsAnywhere,
  })
  let archived = 0
  const take = async (batch: TopicBatch): Promise<void> => {
    const found = archivableEvents(batch)
    for (let from = 0; from < found.length; ) {
      const ledger = found[from]?.ledger ?? ''
      let to = from
      while (found[to]?.ledger === ledger) to++
      const events = found.slice(from, to).map(({ event }) => event)
      await archive.append(ledger, batch.partition, events)
      from = to
    }
    archived += found.length
    onArchived?.(archived)
  }
  try {
    const reader = readTopic({
      kafka,
      topic,
      bounds,
      from: (partition) => archive.nextOffset(partition) ?? (beginsAnywhere ? undefined : 0),
      onAway: (reason) => warn('brokers do not answer', { reason }),
      onBatch: take,
    })
    return {
      lag: () => reader.lag().reduce((sum, n) => sum + n, 0),
      archived: () => archived,
      isConnected: () => reader.isConnected(),
      ended: reader.ended,
      stop: async () => {
        await reader.stop()
        await archive.close()
      },
    }
  } catch (cause) {
    await archive.close()
    throw cause
  }
}
