// What the embedded log does with its files over time: segments come and go, snapshots are checked, `verify` proves it all.
import { open, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { type LedgerEvent, NO_REVISION } from '../../../domain/batch.js'
import { realDisk } from '../../../src/adapters/embedded/disk.js'
import {
  FRAME_HEADER_BYTES,
  frameHeadAt,
  previousHashOf,
  sealFrame,
  viewOf,
} from '../../../src/adapters/embedded/frames.js'
import { HeadMarkWriter, headMarkOf } from '../../../src/adapters/embedded/headMark.js'
import { SEGMENT_HEADER_BYTES } from '../../../src/adapters/embedded/segments.js'
import { type Verified, verify } from '../../../src/adapters/embedded/verify.js'
import type { EventLog } from '../../../src/ports/eventLog.js'
import { batchOf, enqueued, run } from '../../contract/eventLog.contract.js'
import { acked, openLog, withDirectory } from '../../support/embedded/ledgerDirectory.js'

const A = 'partition-a~1.0'
const B = 'partition-b~1.0'
const PAGE_BYTES = 64 * 1024
const PAYLOAD = `"${'x'.repeat(900)}"`

const appendMany = async (
  log: EventLog,
  stream: string,
  count: number,
  event: (n: number) => LedgerEvent,
): Promise<void> => {
  let head = await run(log.head(stream))
  for (let n = 0; n < count; n++)
    head = (await run(log.append(stream, head, batchOf([event(head + 1)])))).lastRevision
}
const large = (n: number): LedgerEvent => enqueued(n, PAYLOAD)

const revisionsOf = async (log: EventLog, stream: string, from: number): Promise<number[]> => {
  const revisions: number[] = []
  for (let next = from; ; ) {
    const page = await run(log.read(stream, next, PAGE_BYTES))
    for (const batch of page.batches)
      for (let i = 0; i < batch.events.length; i++) revisions.push(batch.firstRevision + i)
    next = page.next
    if (page.atEnd) return revisions
  }
}
const upTo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)

const proved = async (directory: string): Promise<Verified> => {
  const answer = await verify(directory)
  if (E.isLeft(answer)) throw new Error(JSON.stringify(answer.left))
  return answer.right
}
const segmentsIn = (directory: string): Promise<string[]> => readdir(join(directory, 'segments'))

describe('segments', () => {
  it('follow one another, and everything reads the same after a restart', () =>
    withDirectory(async (directory) => {
      const log = await openLog(directory)
      await Promise.all([appendMany(log, A, 80, large), appendMany(log, B, 40, acked)])
      const before = log.condition()
      await log.close()
      expect((await segmentsIn(directory)).length).toBeGreaterThan(4)
      const again = await openLog(directory)
      expect(again.condition()).toMatchObject({
        nextPosition: 120,
        bytes: before.bytes,
        discardedTailBytes: 0,
      })
      expect(await revisionsOf(again, A, 0)).toEqual(upTo(0, 79))
      expect(await revisionsOf(again, A, 61)).toEqual(upTo(61, 79))
      expect(await revisionsOf(again, B, 13)).toEqual(upTo(13, 39))
      await appendMany(again, A, 5, large)
      expect(await revisionsOf(again, A, 78)).toEqual(upTo(78, 84))
      await again.close()
      expect(await proved(directory)).toMatchObject({ events: 125, batches: 125, unfinishedBytes: 0 })
    }))

  it('of any size may follow those of another', () =>
    withDirectory(async (directory) => {
      for (const segmentBytes of [16 * 1024, 128 * 1024, 32 * 1024]) {
        const log = await openLog(directory, { segmentBytes })
        await appendMany(log, A, 60, large)
        await log.close()
      }
      expect(await proved(directory)).toMatchObject({ events: 180 })
    }))

  it('with `strict` have the head mark synced before each reply too', () =>
    withDirectory(async (directory) => {
      const syncsPerAppend: number[] = []
      for (const strict of [false, true]) {
        const log = await openLog(join(directory, String(strict)), { segmentBytes: 1024 * 1024, strict })
        const before = log.condition().syncs
        await appendMany(log, A, 20, acked)
        syncsPerAppend.push(Math.round((log.condition().syncs - before) / 20))
        await log.close()
      }
      expect(syncsPerAppend).toEqual([1, 2])
    }))

  it('are read at the head while others append, and only what is durable shows', () =>
    withDirectory(async (directory) => {
      const log = await openLog(directory)
      let durable = 0
      log.onAppended((nextPosition) => {
        durable = nextPosition
      })
      const writing = appendMany(log, A, 150, large)
      let position = 0
      while (position < 150) {
        const page = await run(log.readAll(position, PAGE_BYTES))
        for (const batch of page.batches) {
          expect(batch.position).toBe(position)
          position += batch.events.length
        }
        expect(position).toBeLessThanOrEqual(durable)
        await new Promise((resolve) => setImmediate(resolve))
      }
      await writing
      await log.close()
    }))
})

describe('truncation', () => {
  it('gives the space of whole segments back when no stream needs them, and survives a restart', () =>
    withDirectory(async (directory) => {
      const log = await openLog(directory)
      await appendMany(log, 'ledger', 2, acked)
      await appendMany(log, A, 60, large)
      await appendMany(log, B, 60, large)
      await run(log.truncateBefore(A, 50))
      const held = await segmentsIn(directory)
      expect(held).toContain('0000000001.seg')
      await run(log.truncateBefore(B, 30))
      const left = await segmentsIn(directory)
      // The first holds two events of a stream that was not truncated; those behind it are gone.
      expect(left).toContain('0000000001.seg')
      expect(left).not.toContain('0000000002.seg')
      const check = async (open: EventLog): Promise<void> => {
        expect(await open.read(A, 49, PAGE_BYTES)()).toMatchObject({
          left: { type: 'RevisionTruncated', firstRevision: 50 },
        })
        expect(await revisionsOf(open, A, 50)).toEqual(upTo(50, 59))
        expect(await revisionsOf(open, B, 30)).toEqual(upTo(30, 59))
        expect(await revisionsOf(open, 'ledger', 0)).toEqual([0, 1])
        const positions = (await run(open.readAll(0, 1024 * 1024))).batches.map((batch) => batch.position)
        expect(positions).toEqual([0, 1, ...upTo(52, 61), ...upTo(92, 121)])
      }
      await check(log)
      await log.close()
      const again = await openLog(directory)
      await check(again)
      await run(again.truncateBefore(A, 60))
      await run(again.truncateBefore('ledger', 2))
      await run(again.truncateBefore(B, 60))
      await again.close()
      const last = await openLog(directory)
      expect(await run(last.head(A))).toBe(59)
      await appendMany(last, A, 3, large)
      await appendMany(last, 'ledger', 1, acked)
      expect(await revisionsOf(last, A, 60)).toEqual([60, 61, 62])
      await last.close()
      const found = await proved(directory)
      expect(Object.fromEntries(found.streams.map(({ stream, head }) => [stream, head]))).toEqual({
        ledger: 2,
        [A]: 62,
        [B]: 59,
      })
      await (await openLog(directory)).close()
    }))
})

describe('verify', () => {
  it('counts everything of a sound ledger, also while it is in use, and tells how far it is', () =>
    withDirectory(async (directory) => {
      const log = await openLog(directory)
      await appendMany(log, A, 40, large)
      await appendMany(log, B, 10, acked)
      const progress: number[] = []
      const answer = await verify(directory, (done, total) => progress.push(done / total))
      expect(answer).toMatchObject({ right: { frames: 50, batches: 50, events: 50, unfinishedBytes: 0 } })
      expect(progress.at(-1)).toBe(1)
      expect(progress).toEqual([...progress].sort((a, b) => a - b))
      await log.close()
    }))

  it('G4: finds an event that was edited and the hash of its frame computed anew', () =>
    withDirectory(async (directory) => {
      const log = await openLog(directory)
      await appendMany(log, A, 3, (n) => enqueued(n, `"order ${n}"`))
      await log.close()
      const path = join(directory, 'segments', '0000000001.seg')
      const bytes = await readFile(path)
      const ledgerId = bytes.subarray(40, 56)
      // The last frame, so that no later link gives it away; and the head mark is made to agree.
      let at = SEGMENT_HEADER_BYTES
      let last = at
      for (let head = frameHeadAt(bytes, viewOf(bytes), at, ledgerId); head !== undefined; ) {
        last = at
        at += head.bytes
        head = frameHeadAt(bytes, viewOf(bytes), at, ledgerId)
      }
      const frame = bytes.subarray(last, at)
      const text = frame.indexOf('order 2', FRAME_HEADER_BYTES)
      frame.write('order 7', text)
      const hash = sealFrame(frame, Uint8Array.from(previousHashOf(frame)))
      await writeFile(path, bytes)
      const head = await open(join(directory, 'head'), 'r+')
      const mark = headMarkOf(await head.readFile(), ledgerId)
      if (mark === undefined) throw new Error('no mark')
      new HeadMarkWriter(realDisk, head.fd, ledgerId).writeBoth({ ...mark, hash }, mark)
      await head.close()
      expect(await verify(directory)).toEqual(
        E.left({
          type: 'LogCorrupt',
          file: path,
          offset: last,
          stream: A,
          revision: 2,
          reason: 'its digest is not that of its events',
        }),
      )
    }))

  it('I9: finds a time that goes back', () =>
    withDirectory(async (directory) => {
      const log = await openLog(directory)
      await run(log.append(A, NO_REVISION, batchOf([acked(0)], { at: 2_000 })))
      await run(log.append(A, 0, batchOf([acked(1)], { at: 1_999 })))
      await log.close()
      expect(await verify(directory)).toMatchObject({ left: { type: 'LogCorrupt', stream: A, revision: 1 } })
    }))

  it('finds a flipped bit at any of many places below the mark, and names file and offset', () =>
    withDirectory(async (directory) => {
      const log = await openLog(directory)
      await appendMany(log, A, 30, large)
      await log.close()
      const path = join(directory, 'segments', '0000000001.seg')
      const bytes = await readFile(path)
      for (let at = 0; at < bytes.length; at += 97) {
        const damaged = Buffer.from(bytes)
        damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8))
        await writeFile(path, damaged)
        expect(await verify(directory)).toMatchObject({ left: { type: 'LogCorrupt', file: path } })
      }
    }))

  it('says of a directory without a ledger that there is none', () =>
    withDirectory(async (directory) => {
      expect(await verify(directory)).toMatchObject({ left: { type: 'ForeignDirectory' } })
    }))
})

describe('reading damage that came after the start', () => {
  it('R11: answers with file and offset, and skips nothing', () =>
    withDirectory(async (directory) => {
      const log = await openLog(directory)
      await appendMany(log, A, 5, large)
      const path = join(directory, 'segments', '0000000001.seg')
      const file = await open(path, 'r+')
      await file.write(Buffer.from([0xff]), 0, 1, SEGMENT_HEADER_BYTES + 400)
      await file.close()
      expect(await log.read(A, 0, PAGE_BYTES)()).toMatchObject({
        left: { type: 'LogCorrupt', file: path, offset: SEGMENT_HEADER_BYTES },
      })
      await log.close()
    }))
})

describe('snapshots on disk', () => {
  async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
    for (const text of texts) yield Buffer.from(text)
  }

  it('I6: a chunk with a flipped bit is refused when it is read, a damaged manifest is as if it were not there', () =>
    withDirectory(async (directory) => {
      const log = await openLog(directory)
      await run(log.saveSnapshot(A, 10, chunks('older')))
      await run(log.saveSnapshot(A, 20, chunks('first', 'second')))
      const folder = join(directory, 'snapshots', 'partition-a~1%2E0')
      const [, newest = ''] = (await readdir(folder)).sort()
      const path = join(folder, newest)
      const bytes = await readFile(path)
      for (let at = 0; at < bytes.length; at++) {
        const damaged = Buffer.from(bytes)
        damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8))
        await writeFile(path, damaged)
        const listed = await run(log.snapshots(A))
        if (listed.length === 1) {
          expect(listed[0]?.revision).toBe(10)
          continue
        }
        const answers = await Promise.all([listed[0]?.read(0)(), listed[0]?.read(1)()])
        expect(answers.filter((answer) => answer !== undefined && E.isLeft(answer))).toHaveLength(1)
      }
      await log.close()
    }))

  it('an interrupted one leaves the others as they are', () =>
    withDirectory(async (directory) => {
      const log = await openLog(directory)
      await run(log.saveSnapshot(A, 10, chunks('whole')))
      async function* breaking(): AsyncGenerator<Uint8Array> {
        yield Buffer.from('half')
        throw new Error('the writer was stopped')
      }
      expect(await log.saveSnapshot(A, 20, breaking())()).toMatchObject({ left: { type: 'LogUnavailable' } })
      expect((await run(log.snapshots(A))).map(({ revision }) => revision)).toEqual([10])
      expect(await readdir(join(directory, 'snapshots', 'partition-a~1%2E0'))).toHaveLength(1)
      await log.close()
    }))
})
