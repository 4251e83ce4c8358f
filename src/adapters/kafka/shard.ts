// One term of a shard: one transactional producer, one call at a time, nothing repeated by the client. The client's producer cannot be
// trusted after a failure (it stays in a state, or gives sequence numbers back), so after the first one the term is over: the next
// term's first call ends whatever this one has left open, and reads how far it came.
import { left, right } from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import {
  type Admin,
  CompressionTypes,
  type Kafka,
  type Message,
  type Producer,
  type Transaction,
} from 'kafkajs'
import type { FanOutFault, FanOutRecord, FanOutShard, ShardPosition } from '../../ports/fanOut.js'
import { within } from './connection.js'
import { errorType, FanOutRefusal, faultOf } from './errors.js'
import { positionsTopic } from './names.js'
import { openPartitionReader } from './partitionReader.js'
import {
  encodePosition,
  newTerm,
  positionKey,
  readPosition,
  type StoredPosition,
  shardPosition,
  termKey,
} from './positions.js'
import { messageOf } from './recordBytes.js'
import type { TopicsFound } from './topics.js'

export type ShardOptions = Readonly<{
  ledger: string
  topic: string
  shard: number
  shards: number
  compression: 'none' | 'gzip'
  requestTimeoutMs: number
  transactionTimeoutMs: number
  recordBatchBytesMax: number
}>

/** All calls of one transaction; more than any of them alone. */
const CALLS_OF_A_TRANSACTION = 4
/** The marks of the transaction before are written after it was answered; until then a next one cannot begin. */
const BEGIN_AGAIN_MS = 4
const BEGIN_TRIES_MAX = 500
/** Of what the brokers take, for what stands around records. */
const RECORDS_SHARE = 0.9

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))

/** Begins a transaction with a record in one partition, so that one broker is asked, and asking again cannot repeat anything. */
const begin = async (transaction: Transaction, topic: string, message: Message): Promise<number> => {
  for (let tries = 1; ; tries++) {
    try {
      const [answer] = await transaction.send({ topic, acks: -1, messages: [message] })
      return Number(answer?.baseOffset)
    } catch (error) {
      if (errorType(error) !== 'CONCURRENT_TRANSACTIONS' || tries === BEGIN_TRIES_MAX) throw error
      await pause(BEGIN_AGAIN_MS)
    }
  }
}

class KafkaShard {
  private readonly positions: string
  /** As many as there were at the beginning: with another number, streams would move, and their order with them. */
  partitions: number
  readonly warnings: string[]
  private ends: Readonly<Record<string, number>> = {}

  constructor(
    private readonly kafka: Kafka,
    private readonly producer: Producer,
    private readonly options: ShardOptions,
    found: TopicsFound,
  ) {
    this.positions = positionsTopic(options.topic)
    this.partitions = found.partitions
    this.warnings = [...found.warnings]
  }

  private limited<A>(what: string, call: Promise<A>): Promise<A> {
    return within(this.options.requestTimeoutMs * CALLS_OF_A_TRANSACTION, what, call)
  }

  /** Ends the terms before, and tells where the last one stopped. */
  async begin(admin: Admin): Promise<ShardPosition> {
    await this.limited('connecting', this.producer.connect())
    const id = newTerm()
    const offset = await this.limited('beginning a term', this.writeTerm(id))
    const stored = await this.limited('reading the position', this.readStored(admin, { id, offset }))
    const ends = await this.endsOf(admin)
    if (stored === undefined) return this.firstPosition(ends)
    this.checkStored(stored, ends)
    this.ends = stored.ends
    return shardPosition(stored)
  }

  private async writeTerm(id: string): Promise<number> {
    const transaction = await this.producer.transaction()
    const { shard } = this.options
    const offset = await begin(transaction, this.positions, {
      key: termKey(shard),
      value: id,
      partition: shard,
    })
    await transaction.commit()
    return offset
  }

  private async readStored(
    admin: Admin,
    term: Readonly<{ id: string; offset: number }>,
  ): Promise<StoredPosition | undefined> {
    const { positions } = this
    const { shard } = this.options
    const offsets = await admin.fetchTopicOffsets(positions)
    const low = Number(offsets.find(({ partition }) => partition === shard)?.low ?? 0)
    const reader = await openPartitionReader(this.kafka)
    try {
      return await readPosition(reader, positions, shard, low, term)
    } finally {
      await reader.close()
    }
  }

  private async endsOf(admin: Admin): Promise<ReadonlyMap<number, number>> {
    const offsets = await this.limited('reading offsets', admin.fetchTopicOffsets(this.options.topic))
    const { shard, shards } = this.options
    return new Map(
      offsets
        .filter(({ partition }) => partition % shards === shard)
        .map(({ partition, high }) => [partition, Number(high)]),
    )
  }

  /** A first position is written before the first event, so that one that is missing was lost. */
  private async firstPosition(ends: ReadonlyMap<number, number>): Promise<ShardPosition> {
    const { topic } = this.options
    const used = [...ends].find(([, high]) => high > 0)
    if (used !== undefined)
      throw new FanOutRefusal(
        `${this.positions} has no position of shard ${this.options.shard}, but partition ${used[0]} of ${topic} is not empty: what was told already is not known (docs/kafka.md, "A lost position")`,
      )
    const position = { next: 0, told: 0, last: undefined }
    await this.limited('writing the first position', this.write([], position))
    return position
  }

  private checkStored(stored: StoredPosition, ends: ReadonlyMap<number, number>): void {
    const { ledger, topic, shards } = this.options
    if (stored.ledger !== ledger)
      throw new FanOutRefusal(
        `${topic} holds the events of the ledger "${stored.ledger}", this one is "${ledger}"`,
      )
    if (stored.shards !== shards)
      throw new FanOutRefusal(`${topic} was told by ${stored.shards} shards, not ${shards}`)
    if (stored.partitions > this.partitions)
      throw new FanOutRefusal(
        `${topic} had ${stored.partitions} partitions and has ${this.partitions}: it is not the same one`,
      )
    if (stored.partitions < this.partitions)
      this.warnings.push(
        `${topic} has ${this.partitions} partitions now; events go on in the first ${stored.partitions}, or streams would change theirs`,
      )
    this.partitions = stored.partitions
    for (const [partition, end] of Object.entries(stored.ends)) {
      const high = ends.get(Number(partition)) ?? 0
      if (high < end)
        throw new FanOutRefusal(
          `partition ${partition} of ${topic} ends at offset ${high}, and held events up to ${end}: it was made anew, or has lost records (docs/kafka.md, "A topic went away")`,
        )
    }
  }

  /** Position first: it opens the transaction at one broker. */
  private async write(records: ReadonlyArray<FanOutRecord>, position: ShardPosition): Promise<void> {
    const { shard, topic, compression } = this.options
    const counts = countsOf(records)
    // Where the records will stand is not known yet; that the topic ends behind so many of them at least, is.
    const leastEnds = { ...this.ends }
    for (const [partition, count] of counts) leastEnds[partition] = (leastEnds[partition] ?? 0) + count
    const transaction = await this.producer.transaction()
    const value = encodePosition(this.stored(position, leastEnds))
    await begin(transaction, this.positions, { key: positionKey(shard), value, partition: shard })
    if (records.length > 0) {
      const answers = await transaction.sendBatch({
        acks: -1,
        compression: compression === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None,
        topicMessages: [{ topic, messages: records.map(messageOf) }],
      })
      for (const { partition, baseOffset } of answers) {
        const [base, end] = [Number(baseOffset), this.ends[partition] ?? 0]
        if (base < end) {
          await transaction.abort()
          throw new FanOutRefusal(
            `partition ${partition} of ${topic} goes on at offset ${base} and held events up to ${end}: it was made anew (docs/kafka.md, "A topic went away")`,
          )
        }
        leastEnds[partition] = base + (counts.get(partition) ?? 0)
      }
    }
    await transaction.commit()
    this.ends = leastEnds
  }

  private stored({ next, told, last }: ShardPosition, ends: StoredPosition['ends']): StoredPosition {
    const { ledger, shards } = this.options
    const { partitions } = this
    return {
      version: 1,
      ledger,
      shards,
      partitions,
      next,
      told,
      ends,
      ...(last === undefined ? {} : { last }),
    }
  }

  publish(records: ReadonlyArray<FanOutRecord>, position: ShardPosition): TaskEither<FanOutFault, void> {
    return async () => {
      try {
        await this.limited('publishing', this.write(records, position))
        return right(undefined)
      } catch (error) {
        return left(faultOf(error))
      }
    }
  }
}

const countsOf = (records: ReadonlyArray<FanOutRecord>): ReadonlyMap<number, number> => {
  const counts = new Map<number, number>()
  for (const { partition } of records) counts.set(partition, (counts.get(partition) ?? 0) + 1)
  return counts
}

/** @throws whatever went wrong: `faultOf` says what that means */
export const openShard = async (
  kafka: Kafka,
  admin: Admin,
  options: ShardOptions,
  found: TopicsFound,
): Promise<FanOutShard> => {
  const { topic, shard, transactionTimeoutMs, recordBatchBytesMax } = options
  const producer = kafka.producer({
    transactionalId: `ledgerq.${topic}.${shard}`,
    transactionTimeout: transactionTimeoutMs,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    // Each record names its partition.
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition ?? 0,
    retry: { retries: 0 },
  })
  // A connection that was cut under a call that nobody waits for any more may let this wait, too.
  const close = (): Promise<void> =>
    within(options.requestTimeoutMs, 'closing', producer.disconnect()).catch(() => undefined)
  const term = new KafkaShard(kafka, producer, options, found)
  try {
    const position = await term.begin(admin)
    return {
      partitions: term.partitions,
      bytesMax: Math.min(recordBatchBytesMax, Math.floor(found.bytesMax * RECORDS_SHARE)),
      position,
      warnings: term.warnings,
      publish: (records, next) => term.publish(records, next),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
