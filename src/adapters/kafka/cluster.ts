// The client's own calls to single brokers, which it does not show to its users; its version is pinned.
import type { Kafka } from 'kafkajs'
import { invariant } from '../../../domain/invariant.js'

type Fetched = Readonly<{ topicName: string; partitions: ReadonlyArray<Readonly<{ partition: number }>> }>
type Broker = Readonly<{
  fetch: (asked: unknown) => Promise<Readonly<{ responses: ReadonlyArray<Fetched> }>>
  listOffsets: (asked: unknown) => Promise<Readonly<{ responses: ReadonlyArray<ListedTopic> }>>
}>
type ListedTopic = Readonly<{
  topic: string
  partitions: ReadonlyArray<Readonly<{ partition: number; offset: string }>>
}>
export type Cluster = Readonly<{
  connect: () => Promise<void>
  disconnect: () => Promise<void>
  addTargetTopic: (topic: string) => Promise<void>
  refreshMetadata: () => Promise<void>
  findTopicPartitionMetadata: (topic: string) => ReadonlyArray<Readonly<{ partitionId: number }>>
  findLeaderForPartitions: (
    topic: string,
    partitions: ReadonlyArray<number>,
  ) => Readonly<Record<string, ReadonlyArray<number>>>
  findBroker: (of: Readonly<{ nodeId: string }>) => Promise<Broker>
}>
type MakeCluster = (options: Readonly<{ allowAutoTopicCreation: false; isolationLevel: number }>) => Cluster

export const READ_UNCOMMITTED = 0
export const READ_COMMITTED = 1
const MAKE_CLUSTER = 'private:Kafka:createCluster'

export const makeCluster = (kafka: Kafka): Cluster => {
  const name = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === MAKE_CLUSTER)
  invariant(name !== undefined, 'another version of kafkajs than the one this was written for')
  const make = (kafka as unknown as Record<symbol, MakeCluster>)[name] as MakeCluster
  return make({ allowAutoTopicCreation: false, isolationLevel: READ_COMMITTED })
}
