// F4 against a real broker: the topic tells the log, and says so when it cannot.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openMemoryLog } from '../../../src/adapters/memory/eventLog.js'
import type { EventLog } from '../../../src/ports/eventLog.js'
import { batchOf, enqueued, run } from '../../contract/eventLog.contract.js'
import { anyBroker, type KafkaBroker } from '../../support/kafka/broker.js'
import { allTold, startRelay } from '../../support/kafka/relayRun.js'
import { compareWithLog, readTopic } from '../../support/kafka/topicJudge.js'

let broker: Pick<KafkaBroker, 'brokers' | 'stop'>
beforeAll(async () => {
  broker = await anyBroker()
}, 300_000)
afterAll(() => broker.stop())

/** One of its own, on a broker that others may use. */
const TOPIC = `told-${randomUUID()}`

const append = async (log: EventLog, streams: number, batches: number): Promise<void> => {
  for (let n = 0; n < batches; n++) {
    for (let stream = 0; stream < streams; stream++) {
      const name = `partition-orders~1.${stream}`
      const head = await run(log.head(name))
      await run(log.append(name, head, batchOf([enqueued(head + 1), enqueued(head + 2), enqueued(head + 3)])))
    }
  }
}

describe('the relay on a real broker (F4)', () => {
  it('tells every event, in the order of its stream, once, and goes on where it stopped', async () => {
    const log = openMemoryLog()
    await append(log, 9, 20)
    const first = await startRelay(log, broker.brokers, TOPIC)
    await append(log, 9, 20)
    await allTold(first)
    await first.relay.stop()
    await append(log, 9, 20)
    const second = await startRelay(log, broker.brokers, TOPIC)
    await append(log, 9, 20)
    await allTold(second)
    await second.relay.stop()
    expect([...first.troubles, ...second.troubles]).toEqual([])
    const told = await readTopic(broker.brokers, TOPIC)
    expect(told).toHaveLength(9 * 80 * 3)
    expect(await compareWithLog(log, told)).toEqual([])
  })
})
