// `ledgerq log verify --log esdb://…`: a sound ledger is proved, and whatever somebody changed in it is found and named.
import { isLeft } from 'fp-ts/lib/Either.js'
import { afterEach, describe, expect, it } from 'vitest'
import { NO_REVISION } from '../../../domain/batch.js'
import { openEventStoreLog } from '../../../src/adapters/eventstoredb/eventLog.js'
import { verifyEventStore } from '../../../src/adapters/eventstoredb/verify.js'
import { openLedger } from '../../../src/index.js'
import type { EventLog } from '../../../src/ports/eventLog.js'
import { run as ran } from '../../cli/ledgerq.js'
import { batchOf, enqueued, run } from '../../contract/eventLog.contract.js'
import { Emulator } from '../../support/eventstoredb/emulator.js'

const STREAM = 'partition-orders~1.0'
const OTHER = 'control-orders~1'
const NAMED = `ledgerq.${STREAM}`

const open: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

type Made = Readonly<{ emulator: Emulator; log: EventLog }>

const made = async (): Promise<Made> => {
  const emulator = await Emulator.start()
  open.push(() => emulator.stop())
  const opened = await openEventStoreLog({ connectionString: emulator.connectionString })
  if (isLeft(opened)) throw new Error(opened.left.reason)
  open.push(() => opened.right.close())
  return { emulator, log: opened.right }
}

/** Batches of three, in two streams by turns; the stream that is looked at has the revisions 0 to 11. */
const filled = async (): Promise<Made> => {
  const { emulator, log } = await made()
  for (let batch = 0; batch < 4; batch++) {
    const events = [0, 1, 2].map((n) => enqueued(batch * 3 + n, `{"n":${batch * 3 + n},"text":"ż漢🎉"}`))
    await run(log.append(STREAM, batch * 3 - 1, batchOf(events, { at: 1_790_000_000_000 + batch })))
    await run(log.append(OTHER, batch - 1, batchOf([enqueued(batch)])))
  }
  return { emulator, log }
}

const verified = ({ emulator }: Pick<Made, 'emulator'>): ReturnType<typeof verifyEventStore> =>
  verifyEventStore({ connectionString: emulator.connectionString })

const keptOf = (emulator: Emulator, revision: number): { data: string; metadata: string } => {
  const kept = emulator.store.all.find((one) => one.stream === NAMED && one.revision === revision)
  const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('utf8')
  return { data: text(kept?.data), metadata: text(kept?.metadata) }
}

describe('F5: a log in EventStoreDB is proved', () => {
  it('F5: every stream with its head and the end of its hash chain, and nothing is written', async () => {
    const { emulator } = await filled()
    const before = emulator.store.all.length
    const progress: number[] = []
    const found = await verifyEventStore({ connectionString: emulator.connectionString }, (done, all) =>
      progress.push(done / all),
    )
    expect(found).toMatchObject({
      right: {
        batches: 8,
        events: 16,
        unprovedBeginnings: 0,
        streams: [
          { stream: OTHER, head: 3 },
          { stream: STREAM, head: 11, digest: JSON.parse(keptOf(emulator, 11).metadata).digest },
        ],
      },
    })
    expect(progress.at(-1)).toBe(1)
    expect(emulator.store.all).toHaveLength(before)
  })

  it('F5: a whole ledger that has worked, batches that were cut among them', async () => {
    const { emulator } = await made()
    const { connectionString } = emulator
    const ledger = await openLedger({ log: { kind: 'eventstoredb', connectionString } })
    open.push(() => ledger.close())
    const orders = await ledger.queue('orders')
    const text = 'x'.repeat(3_000)
    const sent = await Promise.all(
      Array.from({ length: 6 }, (_, n) =>
        orders.enqueueBatch(Array.from({ length: 100 }, (_, m) => ({ payload: { n, m, text } }))),
      ),
    )
    const worker = orders.process(
      async (_, { attempt }) => (attempt === 1 ? Promise.reject(new Error('once more')) : { text }),
      { concurrency: 100 },
    )
    const first = sent[0]?.[0]
    await orders.result(first !== undefined && 'id' in first ? first.id : '', { waitMs: 60_000 })
    await worker.stop()
    expect(await verified({ emulator })).toMatchObject({ _tag: 'Right' })
  })

  it('F5: what stands behind a truncation, before a scavenge and after it', async () => {
    const { emulator, log } = await filled()
    await run(log.truncateBefore(STREAM, 7))
    for (const scavenge of [() => undefined, () => emulator.store.scavenge()]) {
      scavenge()
      expect(await verified({ emulator })).toMatchObject({
        right: { events: 10, unprovedBeginnings: 0, streams: [{ head: 3 }, { stream: STREAM, head: 11 }] },
      })
    }
    // The first batch that is left is proved as well: its digest stands on one that is kept beside the low mark.
    emulator.store.tamper(NAMED, 7, { data: Buffer.from(keptOf(emulator, 7).data.replace('"n', '"m')) })
    expect(await verified({ emulator })).toMatchObject({ left: { type: 'LogCorrupt', stream: STREAM } })
  })
})

describe('F5: what somebody changed is found', () => {
  const changes: ReadonlyArray<readonly [string, (emulator: Emulator) => void, RegExp]> = [
    [
      'the payload of one event',
      (emulator) =>
        emulator.store.tamper(NAMED, 4, {
          data: Buffer.from(keptOf(emulator, 4).data.replace('"n":4', '"n":5')),
        }),
      /digest of its batch \(revisions 3 to 5\)/,
    ],
    [
      'the time of a batch',
      (emulator) => {
        for (const revision of [3, 4, 5])
          emulator.store.tamper(NAMED, revision, {
            metadata: Buffer.from(
              keptOf(emulator, revision).metadata.replace('1790000000001', '1790000000002'),
            ),
          })
      },
      /digest of its batch/,
    ],
    [
      'the digest itself',
      (emulator) =>
        emulator.store.tamper(NAMED, 5, {
          metadata: Buffer.from(
            keptOf(emulator, 5).metadata.replace(/"digest":"./, (head) =>
              head.endsWith('a') ? '"digest":"b' : '"digest":"a',
            ),
          ),
        }),
      /digest of its batch/,
    ],
    [
      'the digest, which is gone',
      (emulator) =>
        emulator.store.tamper(NAMED, 5, {
          metadata: Buffer.from(keptOf(emulator, 5).metadata.replace(/,"digest":"[0-9a-f]*"/, '')),
        }),
      /no digest/,
    ],
    [
      'the link to the event before',
      (emulator) =>
        emulator.store.tamper(NAMED, 3, {
          metadata: Buffer.from(keptOf(emulator, 3).metadata.replace('"previous":-1', '"previous":0')),
        }),
      /digest of its batch/,
    ],
  ]
  it.each(changes)('F5: %s', async (_, change, sentence) => {
    const { emulator } = await filled()
    const before = [3, 4, 5].map((revision) => keptOf(emulator, revision))
    change(emulator)
    expect([3, 4, 5].map((revision) => keptOf(emulator, revision))).not.toEqual(before)
    expect(await verified({ emulator })).toMatchObject({
      left: { type: 'LogCorrupt', stream: STREAM, revision: 3, reason: expect.stringMatching(sentence) },
    })
  })

  it('F5: events that are gone, and a stream that was cut', async () => {
    const { emulator } = await filled()
    const gone = emulator.store.all.findIndex((one) => one.stream === NAMED && one.revision === 6)
    const whole = [...emulator.store.all]
    emulator.store.all.splice(gone, 3)
    expect(await verified({ emulator })).toMatchObject({
      left: { stream: STREAM, revision: 6, reason: 'the stream goes on at 9 instead' },
    })
    emulator.store.all.splice(0, Number.POSITIVE_INFINITY, ...whole)
    expect(await verified({ emulator })).toMatchObject({ _tag: 'Right' })
    emulator.store.delete(NAMED, false)
    expect(await verified({ emulator })).toMatchObject({
      left: { stream: STREAM, reason: expect.stringMatching(/deleted/) },
    })
  })

  it('F5: a batch in the place of another one', async () => {
    const { emulator, log } = await made()
    await run(log.append(STREAM, NO_REVISION, batchOf([enqueued(0)])))
    await run(log.append(STREAM, 0, batchOf([enqueued(1)])))
    const [one, two] = emulator.store.all.filter(({ stream }) => stream === NAMED)
    const swapped = { one: { ...one }, two: { ...two } }
    emulator.store.tamper(NAMED, 0, { data: swapped.two.data ?? one?.data ?? Buffer.alloc(0) })
    emulator.store.tamper(NAMED, 1, { data: swapped.one.data ?? two?.data ?? Buffer.alloc(0) })
    expect(await verified({ emulator })).toMatchObject({ left: { stream: STREAM, revision: 0 } })
  })
})

describe('F5: ledgerq log verify --log', () => {
  it('F5: says what is sound (0), what is damaged and where (1), that no ledger is there (3), and takes one place (2)', async () => {
    const { emulator } = await filled()
    const { connectionString } = emulator
    const sound = await ran(['log', 'verify', '--log', connectionString])
    expect([sound.code, sound.out]).toEqual([
      0,
      expect.stringMatching(/sound[\s\S]*partition-orders~1\.0 +11/),
    ])
    const elsewhere = await ran(['log', 'verify', '--log', connectionString, '--prefix', 'shop'])
    expect([elsewhere.code, elsewhere.err]).toEqual([3, expect.stringMatching(/no stream shop~ledger/)])
    const asJson = await ran(['log', 'verify', '--json'], { LEDGERQ_LOG: connectionString })
    expect(JSON.parse(asJson.out)).toMatchObject({ events: 16, streams: [{ head: 3 }, { head: 11 }] })
    emulator.store.tamper(NAMED, 4, { data: Buffer.from(keptOf(emulator, 4).data.replace('漢', '漣')) })
    const damaged = await ran(['log', 'verify', '--log', connectionString])
    expect([damaged.code, damaged.err]).toEqual([
      1,
      expect.stringMatching(
        /Damaged: .*stream partition-orders~1\.0, revision 3, commit position \d+: the digest/,
      ),
    ])
    const empty = await Emulator.start()
    open.push(() => empty.stop())
    const none = await ran(['log', 'verify', '--log', empty.connectionString])
    expect([none.code, none.err]).toEqual([3, expect.stringMatching(/no ledger lies there/)])
    expect(empty.store.all).toEqual([])
    expect((await ran(['log', 'verify', '--log', connectionString, '--data', '.'])).code).toBe(2)
    expect((await ran(['log', 'verify', '--log', 'http://x'])).code).toBe(2)
  })
})
