// Compares a topic with the log it was told from, as a reader of committed records sees it: each stream whole, in one partition, in
// its order, once, byte for byte. Shares no rule with the relay but the form of a record.
import { isLeft } from 'fp-ts/lib/Either.js'
import { encodeEvent } from '../../../domain/codecs.js'
import { kafkaClient } from '../../../src/adapters/kafka/connection.js'
import { openPartitionReader } from '../../../src/adapters/kafka/partitionReader.js'
import { decodeRecord, type LedgerRecord } from '../../../src/adapters/kafka/records.js'
import type { EventLog } from '../../../src/ports/eventLog.js'
import type { FanOutRecord } from '../../../src/ports/fanOut.js'

type ToldRecord = LedgerRecord & Readonly<{ topicPartition: number; offset: number }>
const PAGE_BYTES = 1_048_576
const PROBLEMS_MAX = 10

/** Everything that is committed, and nothing that is not; waits for transactions that are open. */
export const readTopic = async (brokers: string, topic: string): Promise<ReadonlyArray<ToldRecord>> => {
  const kafka = await kafkaClient({ brokers: [brokers], clientId: 'judge' })
  const admin = kafka.admin()
  await admin.connect()
  const ends = await admin.fetchTopicOffsets(topic).finally(() => admin.disconnect())
  const reader = await openPartitionReader(kafka)
  const told: ToldRecord[] = []
  try {
    for (const { partition } of ends) {
      for (let [offset, end] = [0, Number.POSITIVE_INFINITY]; offset < end; ) {
        const { records, next, high } = await reader.read(topic, partition, offset)
        for (const record of records) {
          const decoded = decodeRecord({ ...record, key: record.key ?? null })
          if (isLeft(decoded))
            throw new Error(`partition ${partition}, offset ${record.offset}: ${decoded.left.reason}`)
          told.push({ ...decoded.right, topicPartition: partition, offset: record.offset })
        }
        offset = next
        end = high
      }
    }
  } finally {
    await reader.close()
  }
  return told
}

/** The same of a fan-out in memory, in the order it was taken. */
export const toldTo = (topic: ReadonlyArray<FanOutRecord>): ReadonlyArray<ToldRecord> =>
  topic.map((record, offset) => {
    const decoded = decodeRecord(record)
    if (isLeft(decoded)) throw new Error(`record ${offset}: ${decoded.left.reason}`)
    return { ...decoded.right, topicPartition: record.partition, offset }
  })

type Expected = Readonly<{ value: string; position: number; batchId: string; at: number }>

const expectedOf = async (log: EventLog): Promise<ReadonlyMap<string, ReadonlyArray<Expected>>> => {
  const streams = new Map<string, Expected[]>()
  for (let from = 0; ; ) {
    const page = await log.readAll(from, PAGE_BYTES)()
    if (isLeft(page)) throw new Error(JSON.stringify(page.left))
    for (const { stream, firstRevision, position, positions, batchId, at, events, older } of page.right
      .batches) {
      const known = streams.get(stream) ?? []
      streams.set(stream, known)
      events.forEach((event, index) => {
        const value = JSON.stringify((older?.get(index) ?? encodeEvent(event)).data)
        known[firstRevision + index] = {
          value,
          position: positions?.[index] ?? position + index,
          batchId,
          at,
        }
      })
    }
    from = page.right.next
    if (page.right.atEnd) return streams
  }
}

/** What is wrong; nothing, if the topic tells the log. */
export const compareWithLog = async (
  log: EventLog,
  told: ReadonlyArray<ToldRecord>,
): Promise<ReadonlyArray<string>> => {
  const expected = await expectedOf(log)
  const problems: string[] = []
  const nextOf = new Map<string, number>()
  const partitionOf = new Map<string, number>()
  const positions = new Map<number, number>()
  for (const { stream, revision, position, batchId, at, value, topicPartition, offset } of told) {
    const where = `${stream}, revision ${revision} (partition ${topicPartition}, offset ${offset})`
    const next = nextOf.get(stream) ?? 0
    if (revision !== next) problems.push(`${where}: revision ${next} should be here`)
    nextOf.set(stream, revision + 1)
    if ((partitionOf.get(stream) ?? topicPartition) !== topicPartition)
      problems.push(`${where}: another partition than before`)
    partitionOf.set(stream, topicPartition)
    if (position <= (positions.get(topicPartition) ?? -1))
      problems.push(`${where}: not in the order of the log`)
    positions.set(topicPartition, position)
    const event = expected.get(stream)?.[revision]
    if (event?.value !== value) problems.push(`${where}: ${value} should be ${event?.value}`)
    if (event?.position !== position || event.batchId !== batchId || event.at !== at)
      problems.push(`${where}: another place or time than in the log`)
  }
  for (const [stream, events] of expected) {
    const count = nextOf.get(stream) ?? 0
    if (count !== events.length) problems.push(`${stream}: ${count} events of ${events.length} are told`)
  }
  return problems.slice(0, PROBLEMS_MAX)
}
