// Records of a made topic, told to a real broker in committed transactions, with aborted ones between them.
import type { Admin, Kafka, Producer } from 'kafkajs'
import { kafkaClient } from '../../src/adapters/kafka/connection.js'
import type { MadeTopic } from './madeTopic.js'

export type ToldTopic = Readonly<{
  kafka: Kafka
  admin: Admin
  /** Tells up to `share` of each partition, and answers how many records there are then. */
  tellUpTo: (share: number) => Promise<number>
  close: () => Promise<void>
}>

const RECORDS_PER_TRANSACTION = 40

const tell = async (
  producer: Producer,
  topic: string,
  partition: number,
  messages: MadeTopic['messages'][number],
) => {
  for (let from = 0; from < messages.length; from += RECORDS_PER_TRANSACTION) {
    const some = messages
      .slice(from, from + RECORDS_PER_TRANSACTION)
      .map((message) => ({ ...message, partition }))
    const aborted = await producer.transaction()
    await aborted.send({ topic, messages: some.slice(0, 2) })
    await aborted.abort()
    const committed = await producer.transaction()
    await committed.send({ topic, messages: some })
    await committed.commit()
  }
}

export const tellTopic = async (brokers: string, topic: string, made: MadeTopic): Promise<ToldTopic> => {
  const kafka = await kafkaClient({ brokers: [brokers], clientId: 'teller' })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({
    waitForLeaders: true,
    topics: [{ topic, numPartitions: made.messages.length, replicationFactor: 1 }],
  })
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    transactionalId: `tell-${topic}`,
  })
  await producer.connect()
  const told = made.messages.map(() => 0)
  return {
    kafka,
    admin,
    tellUpTo: async (share) => {
      for (const [partition, messages] of made.messages.entries()) {
        const end = Math.round(messages.length * share)
        await tell(producer, topic, partition, messages.slice(told[partition], end))
        told[partition] = Math.max(told[partition] ?? 0, end)
      }
      return told.reduce((sum, n) => sum + n, 0)
    },
    close: async () => {
      await producer.disconnect()
      await admin.disconnect()
    },
  }
}
