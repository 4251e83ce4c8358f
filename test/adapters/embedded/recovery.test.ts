// What the embedded log makes of damage, tried at every byte of a small ledger.
import * as E from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { NO_MARKS } from '../../../src/adapters/embedded/directory.js'
import type { Disk } from '../../../src/adapters/embedded/disk.js'
import { type Recovered, recover } from '../../../src/adapters/embedded/recovery.js'
import { SEGMENT_HEADER_BYTES } from '../../../src/adapters/embedded/segments.js'
import { copyOf, type MemoryFiles, memoryDisk } from '../../support/embedded/memoryDisk.js'
import {
  HEAD_PATH,
  headsOf,
  LEDGER_ID,
  RECOVERY,
  recovered,
  recoveredAfter,
  SMALL_SEGMENT_BYTES,
  SmallLog,
  segmentPath,
  setMark,
} from '../../support/embedded/smallLog.js'

/** Five frames over two segments and a prepared third; the last one marked as durable, or still in flight. */
const fiveFrames = (isLastMarked = true): SmallLog => {
  const log = new SmallLog()
  log.append('a', 3)
  log.append('b', 2)
  log.append('a', 1)
  log.nextSegment()
  log.append('b', 4)
  log.append('a', 20, isLastMarked)
  log.addSegment(3)
  return log
}
const ALL = { a: 23, b: 5 }
const WITHOUT_LAST = { a: 3, b: 5 }

const sound = (answer: E.Either<unknown, Recovered>): Recovered => {
  if (E.isLeft(answer)) throw new Error(JSON.stringify(answer.left))
  return answer.right
}

const bytesOf = (files: MemoryFiles, path: string): Uint8Array => files.get(path) ?? new Uint8Array(0)

const flip = (files: MemoryFiles, path: string, at: number): void => {
  const bytes = bytesOf(files, path)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
}

describe('opening a ledger', () => {
  it('finds every frame, stream and position of a sound one, and keeps the prepared segment', () => {
    const found = sound(recovered(fiveFrames().files))
    expect(headsOf(found)).toEqual(ALL)
    expect(found.place).toMatchObject({ frame: 6, position: 30 })
    expect(found).toMatchObject({ isNextPrepared: true, discardedTailBytes: 0 })
    expect(found.index.segments.map(({ number, firstPosition }) => [number, firstPosition])).toEqual([
      [1, 0],
      [2, 6],
    ])
  })

  it('takes a whole commit above the mark as durable, and moves the mark over it', () => {
    const log = fiveFrames(false)
    expect(headsOf(sound(recovered(log.files)))).toEqual(ALL)
    const files = copyOf(log.files)
    sound(recovered(files))
    const { segment, start } = log.lastFrame()
    files.set(segmentPath(segment), bytesOf(files, segmentPath(segment)).slice(0, start))
    expect(recovered(files)).toMatchObject({ left: { type: 'LogCorrupt' } })
  })

  it('makes the first segment of an empty ledger', () => {
    const log = new SmallLog()
    log.files.delete(segmentPath(1))
    const found = sound(recovered(log.files))
    expect(found.tail).toEqual({ segment: 1, end: SEGMENT_HEADER_BYTES, bytes: SMALL_SEGMENT_BYTES })
    expect(bytesOf(log.files, segmentPath(1))).toHaveLength(SMALL_SEGMENT_BYTES)
  })

  it('follows the links also where the hashes are left to `verify`', () => {
    expect(headsOf(sound(recovered(fiveFrames().files, { verifyOnOpenBytes: 0 })))).toEqual(ALL)
  })
})

describe('R04: the last commit was interrupted at any byte', () => {
  const interruptions: ReadonlyArray<
    readonly [string, (bytes: Uint8Array, cut: number, end: number) => Uint8Array]
  > = [
    ['the file ends there', (bytes, cut) => bytes.slice(0, cut)],
    ['zeros follow', (bytes, cut, end) => bytes.slice().fill(0, cut, end)],
  ]
  it.each(interruptions)('it is wholly there or wholly gone, and the log goes on, where %s', (_, damage) => {
    const log = fiveFrames(false)
    const { segment, start, end } = log.lastFrame()
    const path = segmentPath(segment)
    for (let cut = start; cut <= end; cut++) {
      const { answer, files } = recoveredAfter(log.files, (copy) =>
        copy.set(path, damage(bytesOf(copy, path), cut, end)),
      )
      const found = sound(answer)
      // Zeros of the padding that were never written are the zeros that stand there.
      const isWhole = headsOf(found).a === ALL.a
      expect(headsOf(found)).toEqual(isWhole ? ALL : WITHOUT_LAST)
      if (cut === end) expect(isWhole).toBe(true)
      if (!isWhole) expect(found.tail.end).toBe(start)
      const lost = bytesOf(log.files, path).subarray(start, cut)
      const written = lost.length - [...lost].reverse().findIndex((byte) => byte !== 0)
      if (!isWhole) expect(found.discardedTailBytes).toBe(lost.some((byte) => byte !== 0) ? written : 0)
      expect(bytesOf(files, path)).toHaveLength(SMALL_SEGMENT_BYTES)
      const again = sound(recovered(files))
      expect(headsOf(again)).toEqual(headsOf(found))
      expect(again.discardedTailBytes).toBe(0)
      expect(again.tail).toEqual(found.tail)
    }
  })

  it('the next commit at the place of the one that was cut continues the chain', () => {
    const log = fiveFrames(false)
    const { segment, start, end } = log.lastFrame()
    const path = segmentPath(segment)
    for (let cut = start; cut < end - 8; cut++) {
      const { files } = recoveredAfter(log.files, (copy) => bytesOf(copy, path).fill(0, cut, end))
      bytesOf(files, path).set(bytesOf(log.files, path).subarray(start, end), start)
      expect(headsOf(sound(recovered(files)))).toEqual(ALL)
    }
  })

  it('parts of it that reached the disk without its beginning are cut as well', () => {
    const log = fiveFrames(false)
    const { segment, start, end } = log.lastFrame()
    for (let missing = start + 1; missing < end; missing++) {
      const { answer } = recoveredAfter(log.files, (copy) =>
        bytesOf(copy, segmentPath(segment)).fill(0, start, missing),
      )
      const found = sound(answer)
      expect(headsOf(found)).toEqual(WITHOUT_LAST)
    }
  })
})

describe('R03: power cut', () => {
  it('any part of the last commit may be missing, and the head mark may be as old as it likes: no durable one is lost', () => {
    const SECTOR_BYTES = 512
    const log = new SmallLog()
    for (let n = 0; n < 4; n++) log.append('a', 1)
    log.append('b', 600, false)
    const { start, end } = log.lastFrame()
    const sectors: Array<readonly [number, number]> = []
    for (let at = start; at < end; at = Math.min(end, at - (at % SECTOR_BYTES) + SECTOR_BYTES))
      sectors.push([at, Math.min(end, at - (at % SECTOR_BYTES) + SECTOR_BYTES)])
    expect(sectors.length).toBeGreaterThan(4)
    for (const { mark } of log.frames.slice(0, 4)) {
      for (let kept = 0; kept < 2 ** sectors.length; kept++) {
        const { answer } = recoveredAfter(log.files, (copy) => {
          setMark(copy, mark)
          for (const [n, [from, to]] of sectors.entries())
            if ((kept & (1 << n)) === 0) bytesOf(copy, segmentPath(1)).fill(0, from, to)
        })
        const found = sound(answer)
        expect(headsOf(found).a).toBe(3)
        expect(headsOf(found).b).toBe(kept === 2 ** sectors.length - 1 ? 599 : undefined)
      }
    }
  })
})

describe('R05: one bit flipped at any byte', () => {
  const inFrames = (log: SmallLog, segment: number, at: number): boolean =>
    log.frames.some((frame) => frame.segment === segment && frame.start <= at && at < frame.end)

  it.each([1, 2])('below the mark the start is refused with file and offset (segment %i)', (segment) => {
    const log = fiveFrames()
    const path = segmentPath(segment)
    for (let at = 0; at < SMALL_SEGMENT_BYTES; at++) {
      const { answer, files } = recoveredAfter(log.files, (copy) => flip(copy, path, at))
      const isAfterAll = segment === 2 && at >= log.lastFrame().end
      if (isAfterAll) {
        const found = sound(answer)
        expect(headsOf(found)).toEqual(ALL)
        expect(found.discardedTailBytes).toBe(at - log.lastFrame().end + 1)
        continue
      }
      expect(answer).toMatchObject({ left: { type: 'LogCorrupt', file: path } })
      const offset = E.isLeft(answer) ? answer.left.offset : -1
      expect(offset).toBeLessThanOrEqual(at)
      if (inFrames(log, segment, at))
        expect(log.frames.some((frame) => frame.segment === segment && frame.start === offset)).toBe(true)
      // What was refused was not touched.
      flip(files, path, at)
      expect(headsOf(sound(recovered(files)))).toEqual(ALL)
    }
  })

  it('in the last commit, with the mark behind it, it is cut and counted, and never taken for sound', () => {
    const log = fiveFrames(false)
    const { segment, start, end } = log.lastFrame()
    for (let at = start; at < end; at++) {
      const { answer } = recoveredAfter(log.files, (copy) => flip(copy, segmentPath(segment), at))
      const found = sound(answer)
      expect(headsOf(found)).toEqual(WITHOUT_LAST)
      expect(found.discardedTailBytes).toBeGreaterThan(0)
    }
  })

  it('in the last commit, whose head a truncation has named, it is refused though the mark is behind it', () => {
    const log = fiveFrames(false)
    const { segment, start, end } = log.lastFrame()
    const path = segmentPath(segment)
    const marksOf = (lowMark: number) => ({
      streams: { a: { lowMark, head: ALL.a, digest: '0'.repeat(64) } },
      dropped: [],
    })
    const damages: ReadonlyArray<(copy: MemoryFiles) => void> = [
      (copy) => flip(copy, path, start + 40),
      (copy) => bytesOf(copy, path).fill(0, start, end),
    ]
    for (const damage of damages) {
      const files = copyOf(log.files)
      damage(files)
      const before = copyOf(files)
      expect(recovered(files, { marks: marksOf(ALL.a) })).toMatchObject({
        left: { type: 'LogCorrupt', file: path, offset: start },
      })
      expect(files).toEqual(before)
      // Below its low mark it could have been dropped as well: nothing that is promised is missing.
      const found = sound(recovered(files, { marks: marksOf(ALL.a + 1) }))
      expect(found.index.streams.get('a')).toMatchObject({ head: ALL.a, lowMark: ALL.a + 1 })
    }
  })

  it('in the head mark nothing is lost: the other slot stands', () => {
    const log = fiveFrames()
    for (let at = 0; at < bytesOf(log.files, HEAD_PATH).length; at++) {
      const { answer } = recoveredAfter(log.files, (copy) => flip(copy, HEAD_PATH, at))
      expect(headsOf(sound(answer))).toEqual(ALL)
    }
  })

  it.each([0, 512])(
    'in the slot at %i, the start that mends it may be torn as well, and the other slot stands',
    (slot) => {
      for (const frames of [4, 5]) {
        const log = new SmallLog()
        for (let n = 0; n < frames; n++) log.append('a', 1)
        flip(log.files, HEAD_PATH, slot + 50)
        for (const dying of [1, 2]) {
          const files = copyOf(log.files)
          const disk = memoryDisk(files)
          const headFd = disk.open(HEAD_PATH)
          let writes = 0
          const tearing: Disk = {
            ...disk,
            write: (fd, bytes, offset) => {
              if (fd === headFd) writes += 1
              if (fd !== headFd || writes !== dying) return disk.write(fd, bytes, offset)
              disk.write(fd, bytes.subarray(0, bytes.length >> 1), offset)
              throw new Error('power cut')
            },
          }
          expect(() => recover(tearing, headFd, RECOVERY)).toThrow('power cut')
          expect(headsOf(sound(recovered(files)))).toEqual({ a: frames - 1 })
        }
      }
    },
  )

  it('in a prepared segment that is still empty nothing is lost: it is made anew, or what stands there cut', () => {
    const log = fiveFrames()
    for (let at = 0; at < SMALL_SEGMENT_BYTES; at++) {
      const { answer, files } = recoveredAfter(log.files, (copy) => flip(copy, segmentPath(3), at))
      const found = sound(answer)
      expect(headsOf(found)).toEqual(ALL)
      // Behind a sound header it could be the first commit of that segment, interrupted.
      const isCut = found.tail.segment === 3 && found.discardedTailBytes > 0
      expect(isCut || !files.has(segmentPath(3))).toBe(true)
      const again = sound(recovered(files))
      expect(headsOf(again)).toEqual(ALL)
      expect(again.discardedTailBytes).toBe(0)
    }
  })

  it('behind a segment that is empty as well, it never leaves a gap between segments', () => {
    const log = new SmallLog()
    log.append('a', 2)
    log.addSegment(2)
    log.addSegment(3)
    for (let at = 0; at < SMALL_SEGMENT_BYTES; at += 13) {
      const { files } = recoveredAfter(log.files, (copy) => flip(copy, segmentPath(3), at))
      expect(headsOf(sound(recovered(files)))).toEqual({ a: 1 })
    }
  })

  it('names stream and revision of the frame that is broken', () => {
    const log = fiveFrames()
    const third = log.frames[2]
    const { answer } = recoveredAfter(log.files, (copy) => flip(copy, segmentPath(1), (third?.end ?? 0) - 20))
    expect(answer).toMatchObject({ left: { stream: 'a', revision: 3, offset: third?.start } })
  })
})

describe('R06: an old block over a newer place', () => {
  it('a sound frame in a wrong place is found by the chain, wherever the mark stands', () => {
    const log = new SmallLog()
    for (let n = 0; n < 6; n++) log.append('a', 1)
    const path = segmentPath(1)
    for (const from of log.frames) {
      for (const to of log.frames.filter((frame) => frame !== from)) {
        for (const { mark } of log.frames) {
          const { answer } = recoveredAfter(log.files, (copy) => {
            bytesOf(copy, path).copyWithin(to.start, from.start, from.end)
            setMark(copy, mark)
          })
          expect(answer).toMatchObject({ left: { type: 'LogCorrupt', file: path, offset: to.start } })
        }
      }
    }
  })

  it('a whole segment in the place of another one is refused', () => {
    const { answer } = recoveredAfter(fiveFrames().files, (copy) =>
      copy.set(segmentPath(2), bytesOf(copy, segmentPath(1)).slice()),
    )
    expect(answer).toMatchObject({ left: { type: 'LogCorrupt', file: segmentPath(2), offset: 0 } })
  })

  it('frames of another ledger are no frames of this one', () => {
    const log = fiveFrames()
    const answer = recovered(log.files, { ledgerId: LEDGER_ID.map((byte) => byte + 1) })
    expect(answer).toMatchObject({ left: { type: 'LogCorrupt', file: HEAD_PATH } })
  })
})

describe('files that are missing or too short', () => {
  it.each([1, 2])('a missing segment %i is refused', (segment) => {
    const { answer } = recoveredAfter(fiveFrames().files, (copy) => copy.delete(segmentPath(segment)))
    expect(answer).toMatchObject({ left: { type: 'LogCorrupt', file: segmentPath(segment) } })
  })

  it.each([1, 2])('a segment %i that is empty or ends before the mark is refused', (segment) => {
    const log = fiveFrames()
    const ends = log.frames.filter((frame) => frame.segment === segment).map((frame) => frame.end)
    for (let length = 0; length < Math.max(...ends); length += 7) {
      const { answer } = recoveredAfter(log.files, (copy) =>
        copy.set(segmentPath(segment), bytesOf(copy, segmentPath(segment)).slice(0, length)),
      )
      expect(answer).toMatchObject({ left: { type: 'LogCorrupt' } })
    }
  })

  it('an empty head file is refused', () => {
    const { answer } = recoveredAfter(fiveFrames().files, (copy) => copy.set(HEAD_PATH, new Uint8Array(0)))
    expect(answer).toMatchObject({ left: { type: 'LogCorrupt', file: HEAD_PATH } })
  })

  it('what an interrupted preparation or truncation left behind is removed', () => {
    const log = fiveFrames()
    log.files.set(`${segmentPath(4)}.tmp`, new Uint8Array(10))
    log.addSegment(4)
    const { files } = recoveredAfter(log.files, () => {})
    expect([...files.keys()].filter((path) => path.includes('0004'))).toEqual([])
  })

  it('a segment that was dropped after a truncation is bridged, with the revisions before it truncated', () => {
    const log = fiveFrames()
    const third = log.frames[2]?.mark
    log.files.delete(segmentPath(1))
    const run = { from: 1, through: 1, nextFrame: 4, nextPosition: 6 }
    const lastHash = Buffer.from(third?.hash ?? []).toString('hex')
    const none = '0'.repeat(64)
    const marks = {
      streams: { a: { lowMark: 4, head: 3, digest: none }, b: { lowMark: 2, head: 1, digest: none } },
      dropped: [{ ...run, lastHash }],
    }
    expect(recovered(copyOf(log.files), { marks: NO_MARKS })).toMatchObject({ left: { type: 'LogCorrupt' } })
    // The digests that the marks carry are part of the chain too.
    expect(recovered(copyOf(log.files), { marks })).toMatchObject({ left: { stream: 'b', revision: 2 } })
  })

  it('a stream keeps its head when its newest events are dropped, and older ones stand where others need them', () => {
    const log = new SmallLog()
    log.append('a', 2)
    log.append('b', 1)
    log.nextSegment()
    log.append('a', 3)
    const dropped = log.lastFrame().mark
    log.nextSegment()
    log.append('b', 1)
    log.files.delete(segmentPath(2))
    const lastHash = Buffer.from(dropped.hash).toString('hex')
    const digest = 'ab'.repeat(32)
    const marks = {
      streams: { a: { lowMark: 5, head: 4, digest } },
      dropped: [{ from: 2, through: 2, nextFrame: 4, nextPosition: 6, lastHash }],
    }
    const found = sound(recovered(log.files, { marks }))
    expect(headsOf(found)).toEqual({ a: 4, b: 1 })
    expect(Buffer.from(found.index.streams.get('a')?.digest ?? []).toString('hex')).toBe(digest)
  })
})
