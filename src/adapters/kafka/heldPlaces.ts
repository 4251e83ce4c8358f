// Where readers of committed records stand although a partition goes on: the leader is asked for both ends. What lies between is a
// transaction that is under way, or one that nobody ends.
import type { Kafka } from 'kafkajs'
import type { HeldPlace } from '../../ports/fanOut.js'
import { type Cluster, makeCluster, READ_COMMITTED, READ_UNCOMMITTED } from './cluster.js'

const LATEST = -1

const endsOf = async (
  cluster: Cluster,
  topic: string,
  isolationLevel: number,
): Promise<ReadonlyMap<number, number>> => {
  const all = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)
  const ends = new Map<number, number>()
  for (const [nodeId, led] of Object.entries(cluster.findLeaderForPartitions(topic, all))) {
    const broker = await cluster.findBroker({ nodeId })
    const partitions = led.map((partition) => ({ partition, timestamp: LATEST }))
    const { responses } = await broker.listOffsets({ isolationLevel, topics: [{ topic, partitions }] })
    for (const { partition, offset } of responses[0]?.partitions ?? []) ends.set(partition, Number(offset))
  }
  return ends
}

export const heldPlaces = async (
  kafka: Kafka,
  topics: ReadonlyArray<string>,
): Promise<ReadonlyArray<HeldPlace>> => {
  const cluster = makeCluster(kafka)
  const held: HeldPlace[] = []
  try {
    await cluster.connect()
    for (const topic of topics) {
      await cluster.addTargetTopic(topic)
      // Committed ones first: what is committed between the two looks seems held, and never seems free.
      const committed = await endsOf(cluster, topic, READ_COMMITTED)
      const ends = await endsOf(cluster, topic, READ_UNCOMMITTED)
      for (const [partition, end] of ends) {
        const offset = committed.get(partition) ?? end
        if (offset < end) held.push({ topic, partition, offset, end })
      }
    }
    return held
  } finally {
    await cluster.disconnect()
  }
}
