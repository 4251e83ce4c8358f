// What every event log must do, whatever it stands on. Run by test/adapters/*/eventLog*.test.ts.
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { describe, expect, it } from 'vitest'
import {
  type EventBatch,
  type LedgerEvent,
  NO_REVISION,
  positionAt,
  type RecordedBatch,
} from '../../domain/batch.js'
import type { Appended, EventLog } from '../../src/ports/eventLog.js'

export type OpenedLog = Readonly<{ log: EventLog; dispose: () => Promise<void> }>

/** `dense`: events are numbered one after the other from 0. `ascending`: they are places in a log that others write to as well. */
export type Positions = 'dense' | 'ascending'

const STREAM = 'partition-orders~1.0'
const OTHER = 'partition-mail~1.0'
const PAGE_BYTES = 64 * 1024

export const enqueued = (ordinal: number, payload = `{"n":${ordinal}}`): LedgerEvent => ({
  type: 'MessageEnqueued',
  ordinal,
  callerId: undefined,
  payload,
  priority: 0,
  notBefore: 0,
  expiresAt: 0,
  attributes: undefined,
})

let lastBatch = 0
export const batchOf = (events: ReadonlyArray<LedgerEvent>, over: Partial<EventBatch> = {}): EventBatch => ({
  batchId: `w1-${lastBatch++}`,
  at: 1_790_000_000_000,
  epoch: 1,
  events,
  previous: events.map(() => NO_REVISION),
  ...over,
})

export const run = async <F, A>(task: TaskEither<F, A>): Promise<A> => {
  const answer = await task()
  if (E.isLeft(answer)) throw new Error(`refused: ${JSON.stringify(answer.left)}`)
  return answer.right
}

/** Every payload of the stream in order, read page by page, with the revisions checked to have no gap. */
const payloadsOf = async (log: EventLog, stream: string, maxBytes = PAGE_BYTES): Promise<string[]> => {
  const payloads: string[] = []
  for (let from = 0; ; ) {
    const page = await run(log.read(stream, from, maxBytes))
    for (const batch of page.batches) {
      expect(batch.firstRevision).toBe(payloads.length)
      expect(batch.stream).toBe(stream)
      for (const event of batch.events) if (event.type === 'MessageEnqueued') payloads.push(event.payload)
    }
    from = page.next
    if (page.atEnd) return payloads
  }
}

/** The last page of the whole log that holds anything. */
const lastPage = async (log: EventLog): Promise<{ batches: ReadonlyArray<RecordedBatch> }> => {
  let last: ReadonlyArray<RecordedBatch> = []
  for (let from = 0; ; ) {
    const { batches, next, atEnd } = await run(log.readAll(from, PAGE_BYTES))
    if (batches.length > 0) last = batches
    if (atEnd) return { batches: last }
    from = next
  }
}

async function* chunksOf(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text)
}

const endOf = (batch: RecordedBatch): number => positionAt(batch, batch.events.length)
const nextOf = ({ position, next, firstRevision, lastRevision }: Appended): number =>
  next ?? position + lastRevision - firstRevision + 1

export const describeEventLog = (
  name: string,
  open: () => Promise<OpenedLog>,
  positions: Positions = 'dense',
): void => {
  const isDense = positions === 'dense'
  const withLog = (sentence: string, body: (log: EventLog) => Promise<void>): void =>
    it(sentence, async () => {
      const { log, dispose } = await open()
      try {
        await body(log)
      } finally {
        await log.close()
        await dispose()
      }
    })

  describe(`${name}: appending`, () => {
    withLog('answers with revisions and position, and reads back what was appended', async (log) => {
      const first = batchOf([enqueued(0), enqueued(1)], {
        at: 1_790_000_000_123,
        epoch: 7,
        previous: [-1, 0],
      })
      const one = await run(log.append(STREAM, NO_REVISION, first))
      expect(one).toMatchObject({ firstRevision: 0, lastRevision: 1 })
      const two = await run(log.append(STREAM, 1, batchOf([enqueued(2)])))
      expect(two).toMatchObject({ firstRevision: 2, lastRevision: 2 })
      const page = await run(log.read(STREAM, 0, PAGE_BYTES))
      const [recorded, second] = page.batches as [RecordedBatch, RecordedBatch]
      const { positions: _, ...asAppended } = recorded
      const { position } = recorded
      expect(asAppended).toEqual({ ...first, stream: STREAM, firstRevision: 0, position })
      expect([endOf(recorded), endOf(second)]).toEqual([nextOf(one), nextOf(two)])
      const ascending = [position, one.position, positionAt(recorded, 1), nextOf(one), second.position]
      expect([...ascending].sort((a, b) => a - b)).toEqual(
        isDense ? ascending : [position, positionAt(recorded, 1), one.position, nextOf(one), second.position],
      )
      if (isDense) expect([position, one.position, two.position]).toEqual([0, 0, 2])
      expect(page).toMatchObject({ next: 3, atEnd: true })
      expect(await run(log.head(STREAM))).toBe(2)
    })

    withLog('refuses a wrong expected revision and leaves nothing of the batch behind', async (log) => {
      await run(log.append(STREAM, NO_REVISION, batchOf([enqueued(0), enqueued(1)])))
      for (const expected of [NO_REVISION, 0, 2, 99]) {
        expect(await log.append(STREAM, expected, batchOf([enqueued(9)]))()).toEqual(
          E.left({ type: 'RevisionConflict', stream: STREAM, expected, actual: 1 }),
        )
      }
      expect(await log.append(OTHER, 0, batchOf([enqueued(9)]))()).toEqual(
        E.left({ type: 'RevisionConflict', stream: OTHER, expected: 0, actual: NO_REVISION }),
      )
      expect(await payloadsOf(log, STREAM)).toEqual(['{"n":0}', '{"n":1}'])
      expect(await run(log.head(OTHER))).toBe(NO_REVISION)
      expect((await run(log.readAll(0, PAGE_BYTES))).batches).toHaveLength(1)
    })

    withLog(
      'answers a repeated batch as the first time, also when the stream went on since (I2)',
      async (log) => {
        const repeated = batchOf([enqueued(1), enqueued(2)])
        await run(log.append(STREAM, NO_REVISION, batchOf([enqueued(0)])))
        const answer = await run(log.append(STREAM, 0, repeated))
        expect(await run(log.append(STREAM, 0, repeated))).toEqual(answer)
        await run(log.append(STREAM, 2, batchOf([enqueued(3)])))
        expect(await run(log.append(STREAM, 0, repeated))).toEqual(answer)
        expect(await log.append(STREAM, 1, repeated)()).toMatchObject({
          left: { type: 'RevisionConflict', actual: 3 },
        })
        expect(await log.append(STREAM, 0, { ...repeated, batchId: 'another' })()).toMatchObject({
          left: { type: 'RevisionConflict', actual: 3 },
        })
        expect(await payloadsOf(log, STREAM)).toHaveLength(4)
      },
    )

    withLog(
      'lets one of two appends at the same place win, also when they are in flight together',
      async (log) => {
        const [one, two] = await Promise.all([
          log.append(STREAM, NO_REVISION, batchOf([enqueued(1)]))(),
          log.append(STREAM, NO_REVISION, batchOf([enqueued(2)]))(),
        ])
        expect(one).toMatchObject({ right: { firstRevision: 0 } })
        expect(two).toMatchObject({ left: { type: 'RevisionConflict', actual: 0 } })
        expect(await payloadsOf(log, STREAM)).toEqual(['{"n":1}'])
      },
    )

    withLog('does nothing before the task is run', async (log) => {
      const lazy = log.append(STREAM, NO_REVISION, batchOf([enqueued(0)]))
      expect(await run(log.head(STREAM))).toBe(NO_REVISION)
      await run(lazy)
      expect(await run(log.head(STREAM))).toBe(0)
    })

    withLog('keeps many streams apart that append at the same time', async (log) => {
      const streams = Array.from({ length: 20 }, (_, n) => `partition-q~1.${n}`)
      const appendAll = async (stream: string, n: number): Promise<void> => {
        for (let i = 0; i < 25; i++) {
          const { firstRevision } = await run(
            log.append(stream, i - 1, batchOf([enqueued(i, `"${n}-${i}"`)])),
          )
          expect(firstRevision).toBe(i)
        }
      }
      await Promise.all(streams.map(appendAll))
      for (const [n, stream] of streams.entries())
        expect(await payloadsOf(log, stream, 200)).toEqual(
          Array.from({ length: 25 }, (_, i) => `"${n}-${i}"`),
        )
      const { batches } = await lastPage(log)
      expect(log.condition().nextPosition).toBe(endOf(batches.at(-1) as RecordedBatch))
      if (isDense) expect(log.condition().nextPosition).toBe(500)
    })

    withLog('gives payloads back as they came, byte for byte (I10)', async (log) => {
      const nasty = [
        '""',
        '"\\u0000"',
        '"żółć 漢字 🎉"',
        '"\\ud800"',
        '1e400',
        '-0',
        `"${'x'.repeat(200_000)}"`,
        '"\u2028"',
      ]
      await run(log.append(STREAM, NO_REVISION, batchOf(nasty.map((payload, i) => enqueued(i, payload)))))
      expect(await payloadsOf(log, STREAM)).toEqual(nasty)
    })

    withLog('refuses a batch that is too large, and takes the next one', async (log) => {
      const payload = `"${'x'.repeat(1_000_000)}"`
      const answer = await log.append(
        STREAM,
        NO_REVISION,
        batchOf(Array.from({ length: 9 }, (_, i) => enqueued(i, payload))),
      )()
      expect(answer).toMatchObject({ left: { type: 'BatchTooLarge' } })
      expect(await run(log.head(STREAM))).toBe(NO_REVISION)
      await run(log.append(STREAM, NO_REVISION, batchOf([enqueued(0)])))
    })

    withLog('calls back in order with the position after each append, until told to stop', async (log) => {
      const seen: number[] = []
      const stop = log.onAppended((nextPosition) => seen.push(nextPosition))
      await Promise.all([
        run(log.append(STREAM, NO_REVISION, batchOf([enqueued(0), enqueued(1)]))),
        run(log.append(OTHER, NO_REVISION, batchOf([enqueued(0)]))),
      ])
      const last = nextOf(await run(log.append(STREAM, 1, batchOf([enqueued(2)]))))
      expect(seen.at(-1)).toBe(last)
      if (isDense) expect(last).toBe(4)
      expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b))
      stop()
      await run(log.append(STREAM, 2, batchOf([enqueued(3)])))
      expect(seen.at(-1)).toBe(last)
    })
  })

  describe(`${name}: reading`, () => {
    withLog('answers an unknown stream with an empty page', async (log) => {
      expect(await run(log.read('nothing', 0, PAGE_BYTES))).toEqual({ batches: [], next: 0, atEnd: true })
      expect(await run(log.head('nothing'))).toBe(NO_REVISION)
      expect(await run(log.readAll(0, PAGE_BYTES))).toEqual({ batches: [], next: 0, atEnd: true })
    })

    withLog('cuts pages by bytes, never below one batch, and goes on at `next`', async (log) => {
      const payload = `"${'x'.repeat(1000)}"`
      for (let i = 0; i < 30; i++) await run(log.append(STREAM, i - 1, batchOf([enqueued(i, payload)])))
      const one = await run(log.read(STREAM, 0, 1))
      expect(one).toMatchObject({ next: 1, atEnd: false })
      expect(one.batches).toHaveLength(1)
      const some = await run(log.read(STREAM, 10, 5000))
      expect(some.batches.length).toBeGreaterThanOrEqual(2)
      expect(some.batches.length).toBeLessThanOrEqual(8)
      expect(some.batches[0]?.firstRevision).toBe(10)
      expect(some.next).toBe(10 + some.batches.length)
      expect(await payloadsOf(log, STREAM, 3000)).toHaveLength(30)
      expect(await run(log.read(STREAM, 30, PAGE_BYTES))).toEqual({ batches: [], next: 30, atEnd: true })
    })

    withLog('starts with the batch that holds the event asked for, also in its middle', async (log) => {
      await run(log.append(STREAM, NO_REVISION, batchOf([0, 1, 2].map((n) => enqueued(n)))))
      await run(log.append(OTHER, NO_REVISION, batchOf([enqueued(7)])))
      await run(log.append(STREAM, 2, batchOf([3, 4].map((n) => enqueued(n)))))
      const firstRevisions = async (from: number): Promise<number[]> =>
        (await run(log.read(STREAM, from, PAGE_BYTES))).batches.map((batch) => batch.firstRevision)
      expect(await firstRevisions(1)).toEqual([0, 3])
      expect(await firstRevisions(2)).toEqual([0, 3])
      expect(await firstRevisions(3)).toEqual([3])
      expect(await firstRevisions(4)).toEqual([3])
      const all = (await run(log.readAll(0, PAGE_BYTES))).batches
      const [one, two, three] = all as [RecordedBatch, RecordedBatch, RecordedBatch]
      const readPositions = async (from: number): Promise<number[]> =>
        (await run(log.readAll(from, PAGE_BYTES))).batches.map((batch) => batch.position)
      const rest = [two.position, three.position]
      if (isDense) expect(rest).toEqual([3, 4])
      for (const index of [0, 1, 2])
        expect(await readPositions(positionAt(one, index))).toEqual([one.position, ...rest])
      for (const from of [endOf(one), two.position]) expect(await readPositions(from)).toEqual(rest)
      for (const from of [endOf(two), positionAt(three, 1)])
        expect(await readPositions(from)).toEqual([three.position])
      expect(await readPositions(endOf(three))).toEqual([])
    })

    withLog('reads all streams in the order of the log, page by page', async (log) => {
      const expected: string[] = []
      for (let i = 0; i < 40; i++) {
        const stream = i % 3 === 0 ? OTHER : STREAM
        const head = await run(log.head(stream))
        await run(log.append(stream, head, batchOf([enqueued(i), enqueued(i)])))
        expected.push(`${stream}:${head + 1}`)
      }
      const seen: string[] = []
      for (let from = 0; ; ) {
        const page = await run(log.readAll(from, 300))
        for (const batch of page.batches) {
          if (isDense) expect(batch.position).toBe(seen.length * 2)
          expect(batch.position).toBeGreaterThanOrEqual(from)
          from = endOf(batch)
          seen.push(`${batch.stream}:${batch.firstRevision}`)
        }
        from = page.next
        if (page.atEnd) break
      }
      expect(seen).toEqual(expected)
    })
  })

  describe(`${name}: truncating`, () => {
    withLog(
      'refuses to read what was truncated and keeps the rest, head and revisions included',
      async (log) => {
        await run(log.append(STREAM, NO_REVISION, batchOf([0, 1].map((n) => enqueued(n)))))
        await run(log.append(OTHER, NO_REVISION, batchOf([enqueued(7)])))
        await run(log.append(STREAM, 1, batchOf([2, 3].map((n) => enqueued(n)))))
        await run(log.truncateBefore(STREAM, 3))
        for (const from of [0, 2])
          expect(await log.read(STREAM, from, PAGE_BYTES)()).toEqual(
            E.left({ type: 'RevisionTruncated', stream: STREAM, firstRevision: 3 }),
          )
        const page = await run(log.read(STREAM, 3, PAGE_BYTES))
        expect(page.batches.map((batch) => batch.firstRevision)).toEqual([2])
        const left = (await run(log.readAll(0, PAGE_BYTES))).batches
        expect(left.map((batch) => [batch.stream, batch.firstRevision])).toEqual([
          [OTHER, 0],
          [STREAM, 2],
        ])
        // Whether this very batch stood at revision 0 can no longer be told: neither yes nor no would be true (I1).
        expect(await log.append(STREAM, NO_REVISION, batchOf([enqueued(0)]))()).toMatchObject({
          left: { type: 'OutcomeUnknown' },
        })
        await run(log.truncateBefore(STREAM, 1))
        expect(await log.read(STREAM, 2, PAGE_BYTES)()).toMatchObject({ left: { type: 'RevisionTruncated' } })
        await run(log.truncateBefore(STREAM, 99))
        expect(await run(log.head(STREAM))).toBe(3)
        expect(await run(log.read(STREAM, 4, PAGE_BYTES))).toEqual({ batches: [], next: 4, atEnd: true })
        expect(await run(log.append(STREAM, 3, batchOf([enqueued(4)])))).toMatchObject({ firstRevision: 4 })
      },
    )
  })

  describe(`${name}: snapshots`, () => {
    const textOf = async (log: EventLog, at: number): Promise<string[] | undefined> => {
      const stored = (await run(log.snapshots(STREAM)))[at]
      if (stored === undefined) return undefined
      const texts: string[] = []
      for (let chunk = 0; ; chunk++) {
        const bytes = await run(stored.read(chunk))
        if (bytes === undefined) return texts
        texts.push(new TextDecoder().decode(bytes))
      }
    }

    withLog('keeps the newest two of each stream, chunk by chunk, newest first', async (log) => {
      expect(await run(log.snapshots(STREAM))).toEqual([])
      await run(log.saveSnapshot(STREAM, 10, chunksOf('a', 'b')))
      await run(log.saveSnapshot(OTHER, 1, chunksOf('other')))
      await run(log.saveSnapshot(STREAM, 20, chunksOf('c')))
      await run(log.saveSnapshot(STREAM, 30, chunksOf('d', 'e', 'f')))
      const kept = await run(log.snapshots(STREAM))
      expect(kept.map(({ revision }) => revision)).toEqual([30, 20])
      expect(kept[0]?.bytes).toBeGreaterThanOrEqual(3)
      expect(await textOf(log, 0)).toEqual(['d', 'e', 'f'])
      expect(await textOf(log, 1)).toEqual(['c'])
    })

    withLog('replaces a snapshot of the same revision', async (log) => {
      await run(log.saveSnapshot(STREAM, 10, chunksOf('old')))
      await run(log.saveSnapshot(STREAM, 10, chunksOf('new')))
      expect(await run(log.snapshots(STREAM))).toHaveLength(1)
      expect(await textOf(log, 0)).toEqual(['new'])
    })
  })

  describe(`${name}: closing`, () => {
    withLog(
      'answers appends in flight first, refuses everything afterwards, and may be repeated',
      async (log) => {
        const inFlight = log.append(STREAM, NO_REVISION, batchOf([enqueued(0)]))()
        await log.close()
        expect(await inFlight).toMatchObject({ right: { firstRevision: 0 } })
        await log.close()
        expect(log.condition().state).toBe('closed')
        const stopped = { left: { type: 'LogStopped' } }
        expect(await log.append(STREAM, 0, batchOf([enqueued(1)]))()).toMatchObject(stopped)
        expect(await log.read(STREAM, 0, PAGE_BYTES)()).toMatchObject(stopped)
        expect(await log.readAll(0, PAGE_BYTES)()).toMatchObject(stopped)
        expect(await log.head(STREAM)()).toMatchObject(stopped)
        expect(await log.truncateBefore(STREAM, 0)()).toMatchObject(stopped)
        expect(await log.snapshots(STREAM)()).toMatchObject(stopped)
        expect(await log.saveSnapshot(STREAM, 0, chunksOf('x'))()).toMatchObject(stopped)
      },
    )
  })
}
