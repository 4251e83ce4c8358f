// Committed records of one partition from an offset on, asked of its leader directly: the client's own consumer reads only as a member of
// a group, which takes seconds to form, and leaves the group behind.
import { createRequire } from 'node:module'
import type { Kafka } from 'kafkajs'
import { makeCluster, READ_COMMITTED } from './cluster.js'

type Message = Readonly<{
  offset: string
  timestamp: string
  key: Buffer | null
  value: Buffer | null
  headers?: Readonly<Record<string, Buffer>>
}>
/** Leaves out what was aborted, and marks of transactions. */
type BatchClass = new (
  topic: string,
  from: string,
  partition: unknown,
) => Readonly<{
  messages: ReadonlyArray<Message>
  highWatermark: string
  lastOffset: () => string
  isEmptyIncludingFiltered: () => boolean
}>

const MAX_WAIT_MS = 250
const FETCH_BYTES = 4 * 1_048_576
const UNKNOWN = Number.POSITIVE_INFINITY

export type FoundMessage = Readonly<{
  offset: number
  key: string | undefined
  value: string
  headers: Readonly<Record<string, Buffer>>
}>

export type PartitionReader = Readonly<{
  /**
   * What is committed from `offset` on, and where to go on; perhaps nothing yet. `high`: where the partition ends, with what is not
   * committed; infinite = not known yet. The client's own look at offsets leaves out a transaction whose marks are still to come.
   */
  read: (
    topic: string,
    partition: number,
    offset: number,
  ) => Promise<Readonly<{ records: ReadonlyArray<FoundMessage>; next: number; high: number }>>
  close: () => Promise<void>
}>

const found = ({ offset, key, value, headers = {} }: Message): FoundMessage => ({
  offset: Number(offset),
  key: key?.toString('utf8'),
  value: value?.toString('utf8') ?? '',
  headers,
})

export const openPartitionReader = async (kafka: Kafka): Promise<PartitionReader> => {
  const Batch: BatchClass = createRequire(import.meta.url)('kafkajs/src/consumer/batch')
  const cluster = makeCluster(kafka)
  await cluster.connect()
  return {
    read: async (topic, partition, offset) => {
      await cluster.addTargetTopic(topic)
      const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]))
      if (nodeId === undefined) {
        await cluster.refreshMetadata()
        return { records: [], next: offset, high: UNKNOWN }
      }
      const broker = await cluster.findBroker({ nodeId })
      const partitions = [{ partition, fetchOffset: String(offset), maxBytes: FETCH_BYTES }]
      const { responses } = await broker.fetch({
        isolationLevel: READ_COMMITTED,
        maxWaitTime: MAX_WAIT_MS,
        minBytes: 1,
        maxBytes: FETCH_BYTES,
        topics: [{ topic, partitions }],
      })
      const answer = responses[0]?.partitions[0]
      if (answer === undefined) return { records: [], next: offset, high: UNKNOWN }
      const batch = new Batch(topic, String(offset), answer)
      const isEmpty = batch.isEmptyIncludingFiltered()
      return {
        records: batch.messages.map(found),
        next: isEmpty ? offset : Number(batch.lastOffset()) + 1,
        high: Number(batch.highWatermark),
      }
    },
    close: () => cluster.disconnect(),
  }
}
