// The relay against a real broker whose wire is in our hands: whatever dies, freezes or comes late, and whenever, the topic tells the
// log, in order, once (R46 to R49).
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { kafkaClient } from '../../../src/adapters/kafka/connection.js'
import { heldPlaces } from '../../../src/adapters/kafka/heldPlaces.js'
import { KafkaBroker } from '../../support/kafka/broker.js'
import { madeLog } from '../../support/kafka/madeLog.js'
import { API, KafkaProxy, type Passing } from '../../support/kafka/proxy.js'
import { allTold, RelayProcess, startRelay, until } from '../../support/kafka/relayRun.js'
import { compareWithLog, readTopic } from '../../support/kafka/topicJudge.js'

const STREAMS = 3
const BATCHES = 120
/** Brokers start many times here, and the machine may have other things to do. */
const LIMIT_MS = 600_000

let broker: KafkaBroker
let proxy: KafkaProxy
beforeAll(async () => {
  let port = 0
  proxy = await KafkaProxy.start(() => port)
  broker = await KafkaBroker.create({
    settings: { 'advertised.listeners': `PLAINTEXT://${proxy.address}` },
  })
  port = broker.port
  await broker.start()
}, 300_000)
afterAll(async () => {
  await proxy.stop()
  await broker.stop()
})

let topic: string
beforeEach(() => {
  topic = `faults-${randomUUID()}`
})
const ends: Array<() => Promise<void>> = []
afterEach(async () => {
  proxy.hook = () => 'pass'
  for (const end of ends.splice(0)) await end()
})

const start = (options: Record<string, number> = {}): RelayProcess => {
  const child = RelayProcess.start({
    brokers: proxy.address,
    topic,
    streams: STREAMS,
    batches: BATCHES,
    ...options,
  })
  ends.push(() => child.end('SIGKILL'))
  return child
}

const isJudgedWhole = async (): Promise<void> => {
  const told = await readTopic(proxy.address, topic)
  expect(told).toHaveLength(STREAMS * BATCHES * 3)
  expect(await compareWithLog(await madeLog(STREAMS, BATCHES), told)).toEqual([])
}

/** The n-th time that this passes. */
const nth = (count: number, is: (passing: Passing) => boolean): ((passing: Passing) => boolean) => {
  let seen = 0
  return (passing) => is(passing) && ++seen === count
}
const passes =
  (way: Passing['way'], api: number) =>
  (passing: Passing): boolean =>
    passing.way === way && passing.api === api && passing.transactionalId?.includes(topic) === true

// A term begins with a transaction, and its first position is another one: later ones tell events.
const MOMENTS: ReadonlyArray<readonly [string, Passing['way'], number, number]> = [
  ['a term begins', 'request', API.initProducerId, 1],
  ['the term has begun, and nobody hears of it', 'answer', API.initProducerId, 1],
  ['a transaction begins', 'request', API.addPartitions, 5],
  ['records are sent', 'request', API.produce, 6],
  ['records are written, and nobody hears of it', 'answer', API.produce, 6],
  ['a transaction is committed', 'request', API.endTransaction, 4],
  ['the transaction is committed, and nobody hears of it', 'answer', API.endTransaction, 4],
]

describe('the broker is killed (R46)', () => {
  it.each(MOMENTS)(
    'when %s',
    async (_, way, api, count) => {
      const log = await madeLog(STREAMS, BATCHES)
      const isMoment = nth(count, passes(way, api))
      let killed: Promise<void> | undefined
      proxy.hook = async (passing) => {
        if (!isMoment(passing)) return 'pass'
        // An answer has left the broker then, and what it says is done; a request has not arrived.
        killed = broker.kill()
        await killed
        return 'cut'
      }
      const running = await startRelay(log, proxy.address, topic, {
        ...{ shards: 1, partitions: 2, requestTimeoutMs: 5_000, recordBatchBytesMax: 20_000 },
        times: { parkedMs: 500 },
      })
      ends.push(() => running.relay.stop())
      await until(() => killed !== undefined)
      await killed
      await broker.start()
      await allTold(running)
      await isJudgedWhole()
    },
    LIMIT_MS,
  )
})

describe('the relay is killed (R47)', () => {
  const KILLED = MOMENTS.filter(([, way, api]) => way === 'answer' || api === API.endTransaction)
  it.each(KILLED)(
    'when %s',
    async (_, way, api, count) => {
      const isMoment = nth(count, passes(way, api))
      let killed = false
      const first = start()
      proxy.hook = async (passing) => {
        if (killed || !isMoment(passing)) return 'pass'
        await first.end('SIGKILL')
        killed = true
        return 'cut'
      }
      await until(() => killed)
      const second = start()
      await until(() => second.hasToldAll)
      await isJudgedWhole()
    },
    LIMIT_MS,
  )
})

describe('a request comes late (R48)', () => {
  it.each([
    ['the commit', API.endTransaction, 4],
    ['the records', API.produce, 6],
    ['the beginning', API.addPartitions, 5],
  ] as const)(
    '%s, after the relay has given it up and gone on',
    async (_, api, count) => {
      const log = await madeLog(STREAMS, BATCHES)
      const isMoment = nth(count, passes('request', api))
      let release = (): void => undefined
      let running: Awaited<ReturnType<typeof startRelay>> | undefined
      let termsBefore: number | undefined
      let arrived = false
      const isReleased = new Promise<void>((done) => {
        release = done
      })
      proxy.hook = async (passing) => {
        if (!isMoment(passing)) return 'pass'
        termsBefore = running?.relay.terms ?? 0
        await isReleased
        arrived = true
        return 'pass' as const
      }
      const relayed = await startRelay(log, proxy.address, topic, {
        ...{ shards: 1, partitions: 2, requestTimeoutMs: 1_000, recordBatchBytesMax: 20_000 },
      })
      running = relayed
      ends.push(() => relayed.relay.stop())
      // A new term has begun: now what was held arrives, while it tells. It may also be the end of a term that met a broker still
      // choosing its leaders, and all may be told by now; then it comes later still.
      await until(() => {
        if (termsBefore === undefined) return false
        const [shard] = relayed.relay.status().shards
        return shard?.state === 'telling' && (relayed.relay.terms > termsBefore || shard.lag === 0)
      })
      release()
      await until(() => arrived)
      await allTold(relayed)
      await isJudgedWhole()
      expect(relayed.relay.terms).toBeGreaterThan(1)
    },
    LIMIT_MS,
  )
})

describe('a relay is frozen beyond its transaction (R49)', () => {
  it(
    'another one takes over: what the frozen one had begun is undone, and it writes nothing when it goes on',
    async () => {
      const isMoment = nth(4, passes('request', API.endTransaction))
      let isFrozen = false
      const first = start({ 'transaction-timeout-ms': 2_000 })
      proxy.hook = (passing) => {
        if (isFrozen || !isMoment(passing)) return 'pass'
        first.signal('SIGSTOP')
        isFrozen = true
        // It never left the frozen process, as far as the broker can tell.
        return 'drop'
      }
      await until(() => isFrozen)
      const second = start()
      await until(() => second.hasToldAll)
      const before = await readTopic(proxy.address, topic)
      first.signal('SIGCONT')
      await until(() => /standby|waiting/.test(first.troubles))
      await isJudgedWhole()
      expect(await readTopic(proxy.address, topic)).toEqual(before)
    },
    LIMIT_MS,
  )

  it(
    'alone, it finds its transaction ended by the broker when it goes on, and nothing is missing or told twice',
    async () => {
      const kafka = await kafkaClient({ brokers: [proxy.address] })
      const isMoment = nth(4, passes('request', API.endTransaction))
      let release = (): void => undefined
      const isReleased = new Promise<void>((done) => {
        release = done
      })
      let isFrozen = false
      const relay = start({ 'transaction-timeout-ms': 2_000 })
      proxy.hook = async (passing) => {
        if (!isMoment(passing)) return 'pass'
        relay.signal('SIGSTOP')
        isFrozen = true
        await isReleased
        return 'pass' as const
      }
      await until(() => isFrozen)
      // Its commit is still on the way; nobody opens the shard anew, so that only the broker can end what it has begun.
      expect(await heldPlaces(kafka, [topic])).not.toEqual([])
      await until(async () => (await heldPlaces(kafka, [topic])).length === 0)
      release()
      relay.signal('SIGCONT')
      await until(() => relay.hasToldAll)
      await isJudgedWhole()
    },
    LIMIT_MS,
  )
})
