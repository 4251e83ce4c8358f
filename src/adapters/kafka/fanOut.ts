// The fan-out port on Kafka. Nothing is asked of the brokers before a shard is opened, so that they may be away at the start.
import { left, right } from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { Admin } from 'kafkajs'
import type { FanOut, FanOutFault } from '../../ports/fanOut.js'
import { type KafkaAddress, kafkaClient, REQUEST_TIMEOUT_MS, within } from './connection.js'
import { faultOf } from './errors.js'
import { heldPlaces } from './heldPlaces.js'
import { positionsTopic } from './names.js'
import { openShard } from './shard.js'
import { ensureTopics } from './topics.js'

export type KafkaFanOutOptions = KafkaAddress &
  Readonly<{
    /** Names the ledger to readers of the topic. */
    ledger: string
    topic: string
    partitions?: number
    shards?: number
    replicationFactor?: number
    retentionMs?: number
    compression?: 'none' | 'gzip'
    transactionTimeoutMs?: number
    /** Of one shard in one transaction. */
    recordBatchBytesMax?: number
  }>

export const PARTITIONS_DEFAULT = 8
export const SHARDS_DEFAULT = 4
export const RETENTION_MS_DEFAULT = 7 * 86_400_000
const TRANSACTION_TIMEOUT_MS = 30_000
const RECORD_BATCH_BYTES_MAX = 1_048_576

export const openKafkaFanOut = async (options: KafkaFanOutOptions): Promise<FanOut> => {
  const kafka = await kafkaClient(options)
  const {
    ledger,
    topic,
    partitions = PARTITIONS_DEFAULT,
    shards = Math.min(SHARDS_DEFAULT, partitions),
    retentionMs = RETENTION_MS_DEFAULT,
    compression = 'none',
    requestTimeoutMs = REQUEST_TIMEOUT_MS,
    transactionTimeoutMs = TRANSACTION_TIMEOUT_MS,
    recordBatchBytesMax = RECORD_BATCH_BYTES_MAX,
  } = options
  const { replicationFactor } = options
  const topics = {
    topic,
    partitions,
    shards,
    retentionMs,
    ...(replicationFactor === undefined ? {} : { replicationFactor }),
  }
  const shardOptions = {
    ...{ ledger, topic, shards, compression },
    ...{ requestTimeoutMs, transactionTimeoutMs, recordBatchBytesMax },
  }
  /** Shards that open at once make the topics once. */
  let making: Promise<unknown> = Promise.resolve()

  const withAdmin =
    <A>(call: (admin: Admin) => Promise<A>): TaskEither<FanOutFault, A> =>
    async () => {
      const admin = kafka.admin({ retry: { retries: 2 } })
      try {
        await within(requestTimeoutMs, 'connecting', admin.connect())
        return right(await call(admin))
      } catch (error) {
        return left(faultOf(error))
      } finally {
        await within(requestTimeoutMs, 'closing', admin.disconnect()).catch(() => undefined)
      }
    }

  return {
    shards,
    open: (shard) =>
      withAdmin(async (admin) => {
        const found = making.catch(() => undefined).then(() => ensureTopics(admin, topics))
        making = found
        return openShard(kafka, admin, { ...shardOptions, shard }, await found)
      }),
    activity: (shard) =>
      withAdmin(async (admin) => {
        const offsets = await within(
          requestTimeoutMs,
          'reading offsets',
          admin.fetchTopicOffsets(positionsTopic(topic)),
        )
        return Number(offsets.find(({ partition }) => partition === shard)?.high ?? 0)
      }),
    held: () => async () => {
      try {
        const places = heldPlaces(kafka, [topic, positionsTopic(topic)])
        return right(await within(requestTimeoutMs, 'looking for open transactions', places))
      } catch (error) {
        return left(faultOf(error))
      }
    },
    close: () => Promise.resolve(),
  }
}
