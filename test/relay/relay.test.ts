// The relay alone: whatever the fan-out answers, each shard's events get there once, in their order (F4); and what it says meanwhile.

import fc from 'fast-check'
import { left } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import type { EventLog } from '../../src/ports/eventLog.js'
import { VirtualClock } from '../../src/testing/virtualClock.js'
import { type Fate, FaultyFanOut } from '../support/kafka/faultyFanOut.js'
import { appendMade, madeLog } from '../support/kafka/madeLog.js'
import { hasToldAll, relayOn, until } from './virtualRelay.js'

const STREAMS = 5

/** Each stream's revisions in the order of the topic. */
const toldStreams = ({ topic }: FaultyFanOut): Record<string, ReadonlyArray<number>> => {
  const told: Record<string, number[]> = {}
  for (const { headers, partition } of topic) {
    const name = `${headers.ledgerq_stream} in ${partition}`
    told[name] = [...(told[name] ?? []), Number(headers.ledgerq_revision)]
  }
  return told
}
const expectWhole = (fanOut: FaultyFanOut, batches: number): void => {
  const streams = Object.values(toldStreams(fanOut))
  expect(streams).toHaveLength(STREAMS)
  for (const revisions of streams) expect(revisions).toEqual(Array.from({ length: batches * 3 }, (_, n) => n))
}

describe('the relay (F4)', () => {
  it('tells each event once and in order, whatever becomes of its calls, and whenever it is stopped', async () => {
    const fates = fc.infiniteStream(
      fc.oneof(
        { weight: 6, arbitrary: fc.constant<Fate>('done') },
        { weight: 1, arbitrary: fc.constantFrom<Fate>('refused', 'lost', 'fenced', 'parked') },
      ),
    )
    await fc.assert(
      fc.asyncProperty(
        fates,
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.nat(6), { maxLength: 3 }),
        async (drawn, shards, stops) => {
          const clock = new VirtualClock()
          const fanOut = new FaultyFanOut(shards, 7, () => drawn.next().value)
          const log = await madeLog(STREAMS, 8)
          let batches = 8
          for (const turns of stops) {
            const { relay } = relayOn(log, fanOut, clock)
            relay.start()
            for (let turn = 0; turn < turns; turn++) await clock.advance(1_000)
            await appendMade(log, STREAMS, batches, batches + 2)
            batches += 2
            await relay.stop()
          }
          const { relay } = relayOn(log, fanOut, clock)
          relay.start()
          await until(clock, () => hasToldAll(relay))
          await relay.stop()
          expectWhole(fanOut, batches)
        },
      ),
      { numRuns: 30 },
    )
  })

  it('of two relays only one tells at a time, and the other goes on when it is gone', async () => {
    const clock = new VirtualClock()
    const fanOut = new FaultyFanOut(2, 4, () => 'done')
    const log = await madeLog(STREAMS, 5)
    const [first, second] = [relayOn(log, fanOut, clock), relayOn(log, fanOut, clock)]
    first.relay.start()
    await until(clock, () => hasToldAll(first.relay))
    second.relay.start()
    await until(clock, () => hasToldAll(second.relay))
    await appendMade(log, STREAMS, 5, 10)
    await until(clock, () => hasToldAll(second.relay))
    await until(clock, () => first.relay.status().shards.some(({ state }) => state === 'standby'))
    await second.relay.stop()
    await appendMade(log, STREAMS, 10, 15)
    await until(clock, () => hasToldAll(first.relay))
    await first.relay.stop()
    expectWhole(fanOut, 15)
  })

  it('what is too large in a batch goes alone; what is too large alone parks its shard, named, and the others go on (R50)', async () => {
    const clock = new VirtualClock()
    const fanOut = new FaultyFanOut(4, 4, () => 'done')
    fanOut.bytesMax = 1_000
    const log = await madeLog(STREAMS, 10)
    const { relay, troubles } = relayOn(log, fanOut, clock)
    relay.start()
    await until(clock, () => hasToldAll(relay))
    expectWhole(fanOut, 10)
    fanOut.bytesMax = 400
    await appendMade(log, STREAMS, 10, 11)
    await until(clock, () => relay.status().shards.some(({ state }) => state === 'parked'))
    expect(
      troubles.some((trouble) => /parked: partition-made~1\.\d, revision 30 is too large/.test(trouble)),
    ).toBe(true)
    // Somebody raises the limit of the topic.
    fanOut.bytesMax = 1_000
    await until(clock, () => hasToldAll(relay))
    await relay.stop()
    expectWhole(fanOut, 11)
  })

  it('a log that was put back from an older copy is not told as if it went on (R15)', async () => {
    const clock = new VirtualClock()
    const fanOut = new FaultyFanOut(1, 4, () => 'done')
    const whole = relayOn(await madeLog(STREAMS, 10), fanOut, clock)
    whole.relay.start()
    await until(clock, () => hasToldAll(whole.relay))
    await whole.relay.stop()
    const told = fanOut.topic.length
    const older = relayOn(await madeLog(STREAMS, 4), fanOut, clock)
    older.relay.start()
    await until(clock, () => older.troubles.length > 0)
    await older.relay.stop()
    expect(older.troubles[0]).toMatch(/parked: the log ends before partition-made~1\.\d, revision 29/)
    expect(fanOut.topic).toHaveLength(told)
  })

  it('another log under the same name is not told either', async () => {
    const clock = new VirtualClock()
    const fanOut = new FaultyFanOut(1, 4, () => 'done')
    const first = relayOn(await madeLog(STREAMS, 10), fanOut, clock)
    first.relay.start()
    await until(clock, () => hasToldAll(first.relay))
    await first.relay.stop()
    const log = await madeLog(STREAMS, 10)
    const read: EventLog['read'] = (stream, from, bytes) => async () => {
      const page = await log.read(stream, from, bytes)()
      if (page._tag === 'Left') return page
      const batches = page.right.batches.map((batch) => ({ ...batch, batchId: `other-${batch.batchId}` }))
      return { ...page, right: { ...page.right, batches } }
    }
    const second = relayOn({ ...log, read }, fanOut, clock)
    second.relay.start()
    await until(clock, () => second.troubles.length > 0)
    await second.relay.stop()
    expect(second.troubles[0]).toMatch(/parked: the log holds another event/)
  })

  it('an event that is not in the log any more stops its shard, and is not passed over', async () => {
    const clock = new VirtualClock()
    const fanOut = new FaultyFanOut(1, 4, () => 'done')
    const log = await madeLog(1, 6)
    const readAll: EventLog['readAll'] = (from, bytes) => async () => {
      const page = await log.readAll(from, bytes)()
      if (page._tag === 'Left') return page
      const batches = page.right.batches.filter(({ firstRevision }) => firstRevision !== 9)
      return { ...page, right: { ...page.right, batches } }
    }
    const { relay, troubles } = relayOn({ ...log, readAll }, fanOut, clock)
    relay.start()
    await until(clock, () => troubles.length > 0)
    await relay.stop()
    expect(troubles[0]).toMatch(/parked: partition-made~1\.0: revision 9 is not in the log any more/)
    expect(
      fanOut.topic.map(({ headers }) => Number(headers.ledgerq_revision)).every((revision) => revision < 9),
    ).toBe(true)
  })

  it('a log that cannot be read is asked again', async () => {
    const clock = new VirtualClock()
    const fanOut = new FaultyFanOut(1, 4, () => 'done')
    const log = await madeLog(STREAMS, 6)
    let reads = 0
    const readAll: EventLog['readAll'] = (from, bytes) => async () =>
      ++reads < 4 ? left({ type: 'LogUnavailable', reason: 'away' }) : log.readAll(from, bytes)()
    const { relay, troubles } = relayOn({ ...log, readAll }, fanOut, clock)
    relay.start()
    await until(clock, () => hasToldAll(relay))
    await relay.stop()
    expect(troubles).toEqual(['shard 0 waiting: away'])
    expectWhole(fanOut, 6)
  })

  it('R45: while Kafka is away nothing of the log is read and nothing is held; then it is read once, page by page', async () => {
    const clock = new VirtualClock()
    let fate: Fate = 'refused'
    const fanOut = new FaultyFanOut(2, 4, () => fate)
    const log = await madeLog(STREAMS, 2)
    const pages: number[] = []
    const readAll: EventLog['readAll'] = (from) => {
      pages.push(from)
      return log.readAll(from, 1_000)
    }
    const { relay } = relayOn({ ...log, readAll }, fanOut, clock)
    relay.start()
    // An hour, with something new every minute.
    for (let n = 2; n < 62; n++) {
      await appendMade(log, STREAMS, n, n + 1)
      await clock.advance(60_000)
    }
    expect(pages).toEqual([])
    fate = 'done'
    await until(clock, () => hasToldAll(relay))
    await relay.stop()
    expectWhole(fanOut, 62)
    // By each of the shards, and no page twice.
    for (const from of new Set(pages.filter((page) => page < 62 * STREAMS * 3)))
      expect(pages.filter((page) => page === from).length).toBeLessThanOrEqual(2)
  })

  it('nothing of a stream counts as told before the topic holds it', async () => {
    const clock = new VirtualClock()
    let fate: Fate = 'refused'
    const fanOut = new FaultyFanOut(2, 4, () => fate)
    const log = await madeLog(STREAMS, 4)
    const { relay } = relayOn(log, fanOut, clock)
    relay.start()
    await clock.advance(1_000)
    expect(await relay.isTold('partition-made~1.0', 5)).toBe(false)
    fate = 'done'
    await until(clock, () => hasToldAll(relay))
    expect(await relay.isTold('partition-made~1.0', 11)).toBe(true)
    expect(await relay.isTold('partition-made~1.0', 12)).toBe(false)
    await relay.stop()
  })
})
