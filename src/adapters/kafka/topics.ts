// The two topics of a relay: events, and positions beside them, compacted, with one partition per shard. Made where they are missing;
// what is there is looked at, and refused where order, completeness or the position could not be kept.
import type { Admin } from 'kafkajs'
import { errorType, FanOutRefusal } from './errors.js'
import { positionsTopic } from './names.js'

export type TopicOptions = Readonly<{
  topic: string
  /** Of the topic, where it is made. Default 8. */
  partitions: number
  shards: number
  /** Copies of each partition. Default: 3, or as many as there are brokers. */
  replicationFactor?: number
  /** How long events stay in the topic; -1 = for ever. Default: 7 days. */
  retentionMs: number
}>

export type TopicsFound = Readonly<{
  partitions: number
  /** What the brokers take in one append to a partition. */
  bytesMax: number
  warnings: ReadonlyArray<string>
}>

/** More than the largest event: 100 follow-ups with payloads of 256 KiB. */
const RECORD_BYTES_MAX = 32 * 1_048_576
const BYTES_MAX_DEFAULT = 1_048_588
const COPIES_DEFAULT = 3
/** What one broker has made others hear of a little later. */
const LOOK_AGAIN_MS = 50
const LOOKS_MAX = 100
const TOPIC_RESOURCE = 2

const partitionsOf = async (admin: Admin, topic: string): Promise<number | undefined> => {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return topics[0]?.partitions.length
  } catch (error) {
    if (errorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined
    throw error
  }
}

const isLed = async (admin: Admin, topic: string): Promise<boolean> => {
  try {
    return (await partitionsOf(admin, topic)) !== undefined
  } catch (error) {
    if (errorType(error) === 'LEADER_NOT_AVAILABLE') return false
    throw error
  }
}

const settingsOf = async (admin: Admin, topic: string): Promise<ReadonlyMap<string, string> | undefined> => {
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: TOPIC_RESOURCE, name: topic }],
    })
    const entries = resources[0]?.configEntries ?? []
    return new Map(entries.map(({ configName, configValue }) => [configName, configValue]))
  } catch (error) {
    // Many let their programs write and not look.
    if (
      errorType(error) === 'TOPIC_AUTHORIZATION_FAILED' ||
      errorType(error) === 'CLUSTER_AUTHORIZATION_FAILED'
    )
      return undefined
    throw error
  }
}

const create = async (
  admin: Admin,
  options: TopicOptions,
  topic: string,
  partitions: number,
  settings: Record<string, string>,
): Promise<void> => {
  const { brokers } = await admin.describeCluster()
  const replicationFactor = options.replicationFactor ?? Math.min(COPIES_DEFAULT, brokers.length)
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }))
  // False where somebody was quicker: it is looked at like any other. The client's own wait for leaders gives up at the first look.
  await admin.createTopics({
    topics: [{ topic, numPartitions: partitions, replicationFactor, configEntries }],
    waitForLeaders: false,
  })
  for (let looks = 0; !(await isLed(admin, topic)); looks++) {
    if (looks === LOOKS_MAX) throw new Error(`${topic} was made, and is not there yet`)
    await new Promise((done) => setTimeout(done, LOOK_AGAIN_MS))
  }
}

/** A topic that went away later is not made again behind everybody's back. */
export const ensureTopics = async (admin: Admin, options: TopicOptions): Promise<TopicsFound> => {
  const { topic, shards } = options
  const positions = positionsTopic(topic)
  const warnings: string[] = []
  const kept = await partitionsOf(admin, positions)
  if ((await partitionsOf(admin, topic)) === undefined) {
    // Made first, so that positions alone mean that events were there.
    if (kept !== undefined)
      throw new FanOutRefusal(
        `the topic ${topic} is gone, and ${positions} says that it was there (docs/kafka.md, "A topic went away")`,
      )
    await create(admin, options, topic, options.partitions, {
      'cleanup.policy': 'delete',
      'retention.ms': String(options.retentionMs),
      'max.message.bytes': String(RECORD_BYTES_MAX),
    })
  }
  if (kept === undefined) await create(admin, options, positions, shards, { 'cleanup.policy': 'compact' })
  const partitions = (await partitionsOf(admin, topic)) ?? 0
  const positionShards = (await partitionsOf(admin, positions)) ?? 0
  if (positionShards !== shards)
    throw new FanOutRefusal(
      `${positions} has ${positionShards} partitions, one for each shard: the relay has to have as many shards, not ${shards}`,
    )
  if (partitions < shards)
    throw new FanOutRefusal(
      `${topic} has ${partitions} partitions, fewer than the relay has shards (${shards})`,
    )
  const events = await settingsOf(admin, topic)
  const policy = (await settingsOf(admin, positions))?.get('cleanup.policy')
  if (policy !== undefined && policy !== 'compact')
    throw new FanOutRefusal(
      `${positions} has cleanup.policy=${policy}: positions would be lost; accepted is compact`,
    )
  if (events?.get('cleanup.policy')?.includes('compact') === true)
    throw new FanOutRefusal(
      `${topic} has cleanup.policy=${events.get('cleanup.policy')}: all but the last event of a message would be lost; accepted is delete`,
    )
  if (events === undefined) warnings.push(`the settings of ${topic} may not be read, and were not checked`)
  const bytesMax = Number(events?.get('max.message.bytes') ?? BYTES_MAX_DEFAULT)
  if (bytesMax < BYTES_MAX_DEFAULT)
    warnings.push(
      `${topic} takes records of ${bytesMax} bytes (max.message.bytes); events may be larger, and would park their shard`,
    )
  return { partitions, bytesMax, warnings }
}
