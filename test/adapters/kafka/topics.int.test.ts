// What people do to topics while a relay runs, and what the relay says of it: never a silent gap (R50), nor readers that stand still
// unnoticed (R51). And an outage that lasts (R45), through the library, as users have it.
import { randomUUID } from 'node:crypto'
import kafkajs, { type Admin } from 'kafkajs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { kafkaClient } from '../../../src/adapters/kafka/connection.js'
import { openMemoryLog } from '../../../src/adapters/memory/eventLog.js'
import { memoryFinishedRegister } from '../../../src/adapters/memory/finishedRegister.js'
import { openLedgerOn } from '../../../src/api/openLedger.js'
import type { EventLog } from '../../../src/ports/eventLog.js'
import { batchOf, enqueued, run } from '../../contract/eventLog.contract.js'
import { KafkaBroker } from '../../support/kafka/broker.js'
import { appendMade, madeLog } from '../../support/kafka/madeLog.js'
import { allTold, startRelay, until } from '../../support/kafka/relayRun.js'
import { compareWithLog, readTopic } from '../../support/kafka/topicJudge.js'

const LIMIT_MS = 600_000
const STREAMS = 8
const times = { parkedMs: 300, lookMs: 100 }

let broker: KafkaBroker
let admin: Admin
beforeAll(async () => {
  broker = await KafkaBroker.create({
    settings: {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'allow.everyone.if.no.acl.found': 'true',
    },
  })
  await broker.start()
  admin = (await kafkaClient({ brokers: [broker.brokers] })).admin()
  await admin.connect()
}, LIMIT_MS)
afterAll(async () => {
  await admin.disconnect()
  await broker.stop()
})

let topic: string
beforeEach(() => {
  topic = `topics-${randomUUID()}`
})
const ends: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const relayOf = async (log: EventLog) => {
  const running = await startRelay(log, broker.brokers, topic, { partitions: 4, shards: 4, times })
  ends.push(() => running.relay.stop())
  return running
}
const expectWhole = async (log: EventLog): Promise<void> =>
  expect(await compareWithLog(log, await readTopic(broker.brokers, topic))).toEqual([])
const says = (troubles: ReadonlyArray<string>, what: RegExp): Promise<void> =>
  until(() => troubles.some((trouble) => what.test(trouble)))

describe('a topic in trouble (R50)', () => {
  it(
    'a record that is too large parks its shard, named; the others go on, and so does it when the topic takes it',
    async () => {
      const limited = [{ name: 'max.message.bytes', value: '4000' }]
      await admin.createTopics({ topics: [{ topic, numPartitions: 4, configEntries: limited }] })
      const log = await madeLog(STREAMS, 4)
      await run(
        log.append('partition-large~1.0', -1, batchOf([enqueued(1), enqueued(2, `"${'x'.repeat(9_000)}"`)])),
      )
      const { relay, troubles } = await relayOf(log)
      await says(troubles, /parked: partition-large~1\.0, revision 1 is too large/)
      await appendMade(log, STREAMS, 4, 8)
      await until(() => relay.status().shards.filter(({ lag }) => lag === 0).length === 3)
      const type = kafkajs.ConfigResourceTypes.TOPIC
      const configEntries = [{ name: 'max.message.bytes', value: '1000000' }]
      await admin.alterConfigs({ validateOnly: false, resources: [{ type, name: topic, configEntries }] })
      await allTold({ relay })
      await expectWhole(log)
    },
    LIMIT_MS,
  )

  it(
    'a topic that was deleted, and made anew by somebody, is not filled from where the old one ended',
    async () => {
      const log = await madeLog(STREAMS, 6)
      const { relay, troubles } = await relayOf(log)
      await allTold({ relay })
      await admin.deleteTopics({ topics: [topic] })
      await appendMade(log, STREAMS, 6, 8)
      await says(troubles, /parked: .*(?:is gone|does not host)/)
      await admin.createTopics({ topics: [{ topic, numPartitions: 4 }] })
      await says(troubles, /parked: .*(?:was made anew|made anew, or has lost records)/)
      await relay.stop()
      expect(await readTopic(broker.brokers, topic)).toEqual([])
    },
    LIMIT_MS,
  )

  it(
    'partitions that are added stay empty, and the relay says so: no stream moves',
    async () => {
      const log = await madeLog(STREAMS, 6)
      const first = await relayOf(log)
      await allTold(first)
      await first.relay.stop()
      await admin.createPartitions({ topicPartitions: [{ topic, count: 7 }] })
      await appendMade(log, STREAMS, 6, 12)
      const second = await relayOf(log)
      await says(second.troubles, /has 7 partitions now; events go on in the first 4/)
      await allTold(second)
      await expectWhole(log)
    },
    LIMIT_MS,
  )

  it(
    'a right that is taken away parks the relay until it is given back',
    async () => {
      const log = await madeLog(STREAMS, 6)
      const { relay, troubles } = await relayOf(log)
      await allTold({ relay })
      const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs
      const denied = {
        resourceType: AclResourceTypes.TOPIC,
        resourceName: topic,
        resourcePatternType: ResourcePatternTypes.LITERAL,
        principal: 'User:ANONYMOUS',
        host: '*',
        operation: AclOperationTypes.WRITE,
        permissionType: AclPermissionTypes.DENY,
      }
      await admin.createAcls({ acl: [denied] })
      await appendMade(log, STREAMS, 6, 9)
      await says(troubles, /parked: .*AUTHORIZATION_FAILED/)
      const { resourcePatternType: _, ...filter } = denied
      await admin.deleteAcls({
        filters: [{ ...filter, resourcePatternType: ResourcePatternTypes.LITERAL }],
      })
      await allTold({ relay })
      await expectWhole(log)
    },
    LIMIT_MS,
  )

  it(
    'positions that were lost stop the relay: what was told is not known',
    async () => {
      const log = await madeLog(STREAMS, 6)
      const first = await relayOf(log)
      await allTold(first)
      await first.relay.stop()
      const before = await readTopic(broker.brokers, topic)
      await admin.deleteTopics({ topics: [`${topic}.positions`] })
      await appendMade(log, STREAMS, 6, 8)
      const { relay, troubles } = await relayOf(log)
      await says(troubles, /parked: .*has no position of shard/)
      await relay.stop()
      // Shards that had told nothing yet begin; the others wait for somebody to decide.
      const after = await readTopic(broker.brokers, topic)
      expect(after.length).toBeGreaterThanOrEqual(before.length)
      const places = after.map(({ stream, revision }) => `${stream} ${revision}`)
      expect(new Set(places).size).toBe(places.length)
    },
    LIMIT_MS,
  )
})

describe('a transaction that somebody else leaves open (R51)', () => {
  it(
    'is told with its place, and readers and alarm go on when it is ended',
    async () => {
      const log = await madeLog(STREAMS, 4)
      const running = await startRelay(log, broker.brokers, topic, {
        ...{ partitions: 2, shards: 2 },
        times: { ...times, openLookMs: 100, openAlarmMs: 1_000 },
      })
      ends.push(() => running.relay.stop())
      await allTold(running)
      const producer = (await kafkaClient({ brokers: [broker.brokers] })).producer({
        transactionalId: `foreign-${topic}`,
        transactionTimeout: 600_000,
        maxInFlightRequests: 1,
      })
      await producer.connect()
      ends.push(() => producer.disconnect())
      const transaction = await producer.transaction()
      const foreign = { partition: 0, key: 'foreign', value: 'never committed' }
      const [sent] = await transaction.send({ topic, acks: -1, messages: [foreign] })
      // The relay goes on: what it tells behind the open transaction is not seen by readers of committed records.
      await appendMade(log, STREAMS, 4, 6)
      await allTold(running)
      // On a slow machine one of the relay's own may be open for long, too.
      const isShown = (): boolean =>
        running.relay
          .status()
          .openTransactions.some(
            ({ partition, offset, ...held }) =>
              held.topic === topic && partition === 0 && String(offset) === sent?.baseOffset,
          )
      await until(isShown)
      const alarm = `partition 0 of ${topic}: a transaction is open from offset ${sent?.baseOffset} on`
      expect(running.troubles.some((trouble) => trouble.includes(alarm))).toBe(true)
      await transaction.abort()
      await until(() => !isShown())
      await expectWhole(log)
    },
    LIMIT_MS,
  )
})

describe('an outage (R45, F4, F7)', () => {
  it(
    'blocks nobody and loses nothing, and what is redacted never leaves',
    async () => {
      const log = openMemoryLog()
      const kafka = { brokers: [broker.brokers], topic, partitions: 4, redact: ['payload.card'] }
      const ledger = await openLedgerOn(log, memoryFinishedRegister(), { kafka, logging: false })
      ends.push(() => ledger.close())
      const shop = await ledger.queue('orders', { partitions: 4, maxSize: 1_000_000 })
      const lag = async (): Promise<number> =>
        (await ledger.stats()).relay?.shards.reduce((sum, shard) => sum + shard.lag, 0) ?? -1
      await shop.enqueue({ order: 1, card: 'canary-4111' })
      await until(async () => (await lag()) === 0)
      await broker.kill()
      // Ten seconds at 1,000 a second, and work goes on.
      for (let n = 0; n < 20; n++)
        await shop.enqueueBatch(
          Array.from({ length: 500 }, () => ({ payload: { order: n, card: 'canary-4111' } })),
        )
      const worker = shop.process(() => Promise.resolve(), { concurrency: 50 })
      await until(async () => (await shop.stats()).succeeded >= 1_000)
      await worker.stop()
      expect(await lag()).toBeGreaterThan(10_000)
      await broker.start()
      await until(async () => (await lag()) === 0)
      const told = await readTopic(broker.brokers, topic)
      expect(told.filter(({ event }) => event.type === 'MessageEnqueued')).toHaveLength(10_001)
      expect(told.some(({ value }) => value.includes('canary'))).toBe(false)
      expect(told.filter(({ value }) => value.includes('"card":"[redacted]"'))).toHaveLength(10_001)
      const problems = await compareWithLog(log, told)
      expect(problems.filter((problem) => !problem.includes('[redacted]'))).toEqual([])
    },
    LIMIT_MS,
  )
})
