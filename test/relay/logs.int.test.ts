// The relay on each kind of log, through the ledger as users have it: whatever the log, the topic tells it (F4), and nothing is cut from
// a log before it is told (§4.8).
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isLeft } from 'fp-ts/lib/Either.js'
import { afterEach, describe, expect, it } from 'vitest'
import { openEmbeddedLog } from '../../src/adapters/embedded/eventLog.js'
import { EventStoreLog } from '../../src/adapters/eventstoredb/eventLog.js'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import type { Ledger } from '../../src/api/types/index.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import { DirectCalls } from '../support/eventstoredb/direct.js'
import { EmulatedStore } from '../support/eventstoredb/store.js'
import { type Fate, FaultyFanOut } from '../support/kafka/faultyFanOut.js'
import { appendMade } from '../support/kafka/madeLog.js'
import { openRelayedLedger } from '../support/kafka/relayedLedger.js'
import { until } from '../support/kafka/relayRun.js'
import { compareWithLog, toldTo } from '../support/kafka/topicJudge.js'

const ends: Array<() => unknown> = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** A log that can be opened again; closing a ledger closes it. */
type Home = () => Promise<EventLog>

const memory = async (): Promise<Home> => {
  const log = openMemoryLog()
  return () => Promise.resolve({ ...log, close: () => Promise.resolve() })
}
const embedded = async (): Promise<Home> => {
  const directory = await mkdtemp(join(tmpdir(), 'ledgerq-relayed-'))
  ends.push(() => rmSync(directory, { recursive: true, force: true }))
  return async () => {
    const opened = await openEmbeddedLog({ directory })
    if (isLeft(opened)) throw new Error(JSON.stringify(opened.left))
    return opened.right
  }
}
const eventStore = async (): Promise<Home> => {
  const store = new EmulatedStore({ maxAppendBytes: 1_048_576, sizeCounts: 'all', nowMs: Date.now })
  return () =>
    Promise.resolve(
      new EventStoreLog(new DirectCalls(store, '').calls, 'shop.', { connectionString: '' }, 0).asPort(),
    )
}
const HOMES: ReadonlyArray<readonly [string, () => Promise<Home>]> = [
  ['in memory', memory],
  ['in a directory', embedded],
  ['in EventStoreDB', eventStore],
]

const work = async (ledger: Ledger, messages: number): Promise<void> => {
  const orders = await ledger.queue('orders', { partitions: 3 })
  const before = (await orders.stats()).succeeded
  await orders.enqueueBatch(Array.from({ length: messages }, (_, n) => ({ payload: { n, text: 'žluť 🐎' } })))
  const worker = orders.process(() => Promise.resolve({ done: true }), { concurrency: 10 })
  await until(async () => (await orders.stats()).succeeded === before + messages)
  await worker.stop()
}
const toldAll = (ledger: Ledger): Promise<void> =>
  until(async () => (await ledger.relay()).shards.every(({ lag }) => lag === 0))

describe.each(HOMES)('a ledger %s', (_, home) => {
  it('F4: is told whole, in order, once, over faults and a start', async () => {
    let calls = 0
    // Never two in a row, or pauses grow.
    const fate = (): Fate => (++calls % 7 === 3 ? 'lost' : calls % 11 === 5 ? 'refused' : 'done')
    const fanOut = new FaultyFanOut(2, 4, fate)
    const open = await home()
    for (const messages of [40, 25]) {
      const { ledger } = await openRelayedLedger(await open(), fanOut)
      ends.push(() => ledger.close())
      await work(ledger, messages)
      if (messages === 25) await toldAll(ledger)
      await ledger.close()
    }
    // Closing records, too: the next start tells it.
    const { ledger } = await openRelayedLedger(await open(), fanOut)
    ends.push(() => ledger.close())
    await toldAll(ledger)
    const log = await ledger.events({ limit: 500 })
    expect(log.events.length).toBeGreaterThan(150)
    await ledger.close()
    const judged = await open()
    ends.push(() => judged.close())
    const told = toldTo(fanOut.topic)
    const problems = await compareWithLog(judged, told)
    // The last close has recorded what no relay has told.
    expect(problems.filter((problem) => !/events of \d+ are told$/.test(problem))).toEqual([])
    expect(told.filter(({ event }) => event.type === 'MessageEnqueued')).toHaveLength(65)
    expect(told.filter(({ event }) => event.type === 'AttemptSucceeded')).toHaveLength(65)
  })

  it('§4.8: nothing is cut beyond what is told, and what is told may be cut', async () => {
    let fate: Fate = 'done'
    const fanOut = new FaultyFanOut(2, 4, () => fate)
    const { ledger, log } = await openRelayedLedger(await (await home())(), fanOut)
    ends.push(() => ledger.close())
    await appendMade(log, 2, 0, 4)
    await toldAll(ledger)
    fate = 'refused'
    await appendMade(log, 2, 4, 8)
    const stream = 'partition-made~1.1'
    const begins = async (): Promise<number> => {
      const page = await log.read(stream, 0, 1)()
      if (!isLeft(page)) return 0
      return page.left.type === 'RevisionTruncated' ? page.left.firstRevision : -1
    }
    // Revisions 0 to 11 are told, 12 to 23 are not.
    await log.truncateBefore(stream, 13)()
    await log.truncateBefore(stream, 24)()
    expect(await begins()).toBe(0)
    await log.truncateBefore(stream, 12)()
    expect(await begins()).toBe(12)
    fate = 'done'
    await toldAll(ledger)
    await log.truncateBefore(stream, 24)()
    expect(await begins()).toBe(24)
    const revisions = toldTo(fanOut.topic).flatMap((told) => (told.stream === stream ? [told.revision] : []))
    expect(revisions).toEqual(Array.from({ length: 24 }, (_unused, n) => n))
  })
})

it('F4: what another process appends to EventStoreDB is told, too', async () => {
  const open = await eventStore()
  const fanOut = new FaultyFanOut(2, 4, () => 'done')
  const { ledger } = await openRelayedLedger(await open(), fanOut)
  ends.push(() => ledger.close())
  const other = await open()
  await appendMade(other, 3, 0, 5)
  await until(() => fanOut.topic.length === 45)
  expect(await compareWithLog(other, toldTo(fanOut.topic))).toEqual([])
  // It numbers its events by their place in the store: how many are missing is not known.
  expect((await ledger.relay()).shards.map(({ lagEvents }) => lagEvents)).toEqual([undefined, undefined])
  await other.close()
})
