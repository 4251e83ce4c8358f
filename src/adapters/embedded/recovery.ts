// Opening a ledger's segments: follows the chain from the oldest frame to the newest, and decides what a break in it means.
// Below the head mark or a head that a truncation has named, or with a sound frame behind it, or where a sound frame stands
// in the wrong place: corruption, and nothing is touched. Otherwise it is the one commit that was in flight: it was never
// acknowledged, and is cut off with a count. What stands above the mark is written and synced again before anybody reads
// it, because after a kill or an I/O error the page cache can show what the disk does not have (§5).
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { NO_REVISION } from '../../../domain/batch.js'
import type { LogCorrupt } from '../../ports/eventLog.js'
import { lostHead, type Marks } from './directory.js'
import type { Disk } from './disk.js'
import { corrupt } from './errors.js'
import { type ChainPlace, FRAME_BYTES_MAX, firstPlace, hashOf, type LedgerId, sameBytes } from './frames.js'
import { type FoundMark, HeadMarkWriter, readHeadMark } from './headMark.js'
import { addFrame, addSegment, emptyIndex, type LogIndex, newStream, type SegmentIndex } from './logIndex.js'
import {
  hasFrameBehind,
  likelyContent,
  type Misfit,
  type ScanEnd,
  type ScannedFrame,
  scanSegment,
  sectionMisfit,
} from './scan.js'
import {
  fillSteps,
  headerHolds,
  isUnfinishedName,
  isZero,
  SEGMENT_HEADER_BYTES,
  segmentHeader,
  segmentName,
  segmentNumberOf,
} from './segments.js'

export type RecoveryOptions = Readonly<{
  segmentsFolder: string
  headFile: string
  ledgerId: LedgerId
  marks: Marks
  segmentBytes: number
  /** Hashes of this many newest bytes are checked; older frames are followed by their links, and checked when read. */
  verifyOnOpenBytes: number
}>

export type Recovered = Readonly<{
  index: LogIndex
  place: ChainPlace
  tail: Readonly<{ segment: number; end: number; bytes: number }>
  /** The segment after the tail's is prepared already. */
  isNextPrepared: boolean
  discardedTailBytes: number
}>

type Broken = Readonly<{ segment: number; bytes: Uint8Array; end: ScanEnd }>

/** Thrown inside this file only: corruption ends the walk from any depth. */
class Refused extends Error {
  constructor(readonly fault: LogCorrupt) {
    super(fault.reason)
  }
}

export const recover = (
  disk: Disk,
  headFd: number,
  options: RecoveryOptions,
): E.Either<LogCorrupt, Recovered> => {
  try {
    return E.right(new Recovery(disk, headFd, options).run())
  } catch (thrown) {
    if (thrown instanceof Refused) return E.left(thrown.fault)
    throw thrown
  }
}

class Recovery {
  private readonly index = emptyIndex()
  private readonly mark: FoundMark
  private place: ChainPlace
  private lastNumber = 0
  private buffer = new Uint8Array(0)
  private broken: Broken | undefined
  private current: SegmentIndex | undefined
  /** Segments behind the last frame; they hold nothing. */
  private readonly spares: number[] = []

  constructor(
    private readonly disk: Disk,
    private readonly headFd: number,
    private readonly options: RecoveryOptions,
  ) {
    const mark = readHeadMark(disk, headFd, options.ledgerId)
    if (mark === undefined) throw new Refused(corrupt(options.headFile, 0, 'neither head mark holds'))
    this.mark = mark
    this.place = firstPlace(options.ledgerId)
    for (const [name, { lowMark, head, digest }] of Object.entries(options.marks.streams))
      this.index.streams.set(name, { ...newStream(), lowMark, head, digest: Buffer.from(digest, 'hex') })
  }

  run(): Recovered {
    // As with what stands above the mark: a name that can be seen after a kill may not be on the disk.
    this.disk.syncDirectory(this.options.segmentsFolder)
    const numbers = this.segmentNumbers()
    const hashesFrom = this.firstChecked(numbers)
    for (const number of numbers) this.follow(number, number >= hashesFrom)
    this.checkMarkReached()
    this.checkHeadsReached()
    this.headsFromMarks()
    const found = this.current
    const tail = found ?? this.newSegment()
    // A segment of this very start was written full of zeros, and synced, before it got its name: no commit has reached it.
    const discardedTailBytes = found === undefined ? 0 : this.clearBehind(tail)
    this.rewriteAboveMark()
    return {
      index: this.index,
      place: this.place,
      tail: { segment: tail.number, end: tail.end, bytes: this.fillTail(tail) },
      isNextPrepared: this.keepOneSpare(tail.number),
      discardedTailBytes,
    }
  }

  private path(segment: number): string {
    return join(this.options.segmentsFolder, segmentName(segment))
  }

  private segmentNumbers(): ReadonlyArray<number> {
    const numbers: number[] = []
    for (const name of this.disk.list(this.options.segmentsFolder)) {
      const number = segmentNumberOf(name)
      const isDropped = this.options.marks.dropped.some(
        ({ from, through }) => number !== undefined && from <= number && number <= through,
      )
      // What an interrupted preparation or truncation has left behind.
      if (isUnfinishedName(name) || isDropped) this.disk.remove(join(this.options.segmentsFolder, name))
      else if (number !== undefined) numbers.push(number)
    }
    return numbers.sort((a, b) => a - b)
  }

  private firstChecked(numbers: ReadonlyArray<number>): number {
    const segments = Math.max(2, Math.ceil(this.options.verifyOnOpenBytes / this.options.segmentBytes) + 1)
    return numbers[Math.max(0, numbers.length - segments)] ?? 0
  }

  /** Valid until the next call: one buffer serves all segments. */
  private readSegment(segment: number): Uint8Array {
    return this.withSegment(segment, (fd) => {
      const size = this.disk.sizeOf(fd)
      if (this.buffer.length < size) this.buffer = new Uint8Array(size)
      return this.buffer.subarray(0, this.disk.read(fd, this.buffer.subarray(0, size), 0))
    })
  }

  private withSegment<A>(segment: number, body: (fd: number) => A): A {
    const fd = this.disk.open(this.path(segment))
    try {
      return body(fd)
    } finally {
      this.disk.close(fd)
    }
  }

  private follow(number: number, hashesChecked: boolean): void {
    const { ledgerId } = this.options
    const bytes = this.readSegment(number)
    if (this.broken !== undefined) {
      if (hasFrameBehind(bytes, SEGMENT_HEADER_BYTES, ledgerId)) this.refuseBroken(this.broken)
      this.spares.push(number)
      return
    }
    if (!headerHolds(bytes, ledgerId, number)) {
      // A segment is renamed into place whole, so its header was damaged later; of an empty one nothing is lost.
      if (number <= this.mark.segment || hasFrameBehind(bytes, 0, ledgerId))
        throw new Refused(corrupt(this.path(number), 0, 'the segment header does not hold'))
      this.lastNumber = number
      this.spares.push(number)
      return
    }
    this.bridgeTo(number)
    const segment = addSegment(this.index, number, this.place)
    const end = scanSegment(bytes, this.place, {
      ledgerId,
      hashesChecked,
      onFrame: (frame) => this.enter(segment, frame),
    })
    this.place = end.place
    if (end.rest.kind === 'misplaced') this.refuseAt(number, bytes, end.offset, end.rest.misfit)
    if (end.rest.kind === 'broken') {
      const broken = { segment: number, bytes: bytes.slice(), end }
      if (end.rest.frameBehind || this.mark.frame >= this.place.frame) this.refuseBroken(broken)
      // No commit begins behind a segment that is empty: there it is damage to a spare, and goes with it.
      if (this.spares.length === 0) this.broken = broken
    }
    const isBehindTail =
      segment.end === SEGMENT_HEADER_BYTES && this.current !== undefined && number > this.mark.segment
    // What is broken at the start of a new segment is cut there, and that segment is the tail; an untouched one waits.
    if (isBehindTail && this.broken === undefined) {
      this.index.segments.pop()
      this.spares.push(number)
    } else {
      this.current = segment
    }
  }

  /** Segments are numbered without gaps, but for those that were dropped after a truncation. */
  private bridgeTo(number: number): void {
    const isNext = number === this.lastNumber + 1
    this.lastNumber = number
    if (isNext) return
    const gap = this.options.marks.dropped.find(({ through }) => through === number - 1)
    if (gap === undefined)
      throw new Refused(corrupt(this.path(number - 1), 0, 'the segment is missing and was not dropped'))
    this.place = {
      frame: gap.nextFrame,
      position: gap.nextPosition,
      previousHash: Buffer.from(gap.lastHash, 'hex'),
    }
  }

  private enter(segment: SegmentIndex, frame: ScannedFrame): Misfit | undefined {
    const hash = hashOf(frame.bytes)
    if (frame.head.frame === this.mark.frame && !sameBytes(hash, this.mark.hash))
      return { reason: 'the head mark names another frame here' }
    for (const section of frame.sections) {
      const stream = this.index.streams.get(section.stream)
      const known = stream && { ...stream, isSeen: stream.segments.length > 0 }
      const misfit = sectionMisfit(known, section)
      if (misfit !== undefined) return misfit
    }
    const sections = frame.sections.map(({ stream, firstRevision, events, digest }) => ({
      stream,
      firstRevision,
      events,
      digest: digest.slice(),
    }))
    addFrame(this.index, segment, { bytes: frame.head.bytes, hash: hash.slice(), sections })
    return undefined
  }

  private refuseAt(segment: number, bytes: Uint8Array, offset: number, misfit: Misfit): never {
    const likely = likelyContent(bytes, offset, (stream) => this.index.streams.has(stream))
    const where = { stream: misfit.stream ?? likely.stream, revision: misfit.revision ?? likely.revision }
    throw new Refused(corrupt(this.path(segment), offset, misfit.reason, where))
  }

  private refuseBroken({ segment, bytes, end }: Broken): never {
    const reason = end.rest.kind === 'broken' ? end.rest.reason : 'no frame'
    this.refuseAt(segment, bytes, end.offset, { reason: `${reason}, and it was durable once` })
  }

  private checkMarkReached(): void {
    if (this.mark.frame < this.place.frame) return
    const reason = `the log ends before frame ${this.mark.frame}, which was durable once`
    throw new Refused(corrupt(this.path(this.mark.segment), this.current?.end ?? 0, reason))
  }

  /** The head mark may be a second older than the marks of a truncation, and then only those know what was durable. */
  private checkHeadsReached(): void {
    const lost = lostHead(this.options.marks, (name) => {
      const stream = this.index.streams.get(name)
      return stream === undefined || stream.segments.length === 0 ? NO_REVISION : stream.head
    })
    if (lost === undefined) return
    if (this.broken !== undefined) this.refuseBroken(this.broken)
    const { number, end } = this.current ?? { number: this.mark.segment, end: 0 }
    throw new Refused(corrupt(this.path(number), end, lost.reason, lost))
  }

  /** A stream's newest events may be dropped while older ones stand in a segment that others need: its head stays. */
  private headsFromMarks(): void {
    for (const [name, { head, digest }] of Object.entries(this.options.marks.streams)) {
      const stream = this.index.streams.get(name)
      if (stream === undefined || stream.head >= head) continue
      stream.head = head
      stream.digest = Buffer.from(digest, 'hex')
    }
  }

  /**
   * Cuts what a commit in flight has left, and writes zeros over all that it may have reached even where zeros are seen: after a
   * failed sync of an earlier cut the page cache shows what the disk does not have, and once it forgets, the cut frame would be
   * back, behind frames that were acknowledged since. Returns the bytes that were cut.
   */
  private clearBehind(tail: SegmentIndex): number {
    const rest = this.broken?.end.rest
    const cutBytes = rest?.kind === 'broken' ? rest.bytes : 0
    this.writeZeros(tail.number, tail.end, Math.max(cutBytes, FRAME_BYTES_MAX))
    return cutBytes
  }

  private writeZeros(segment: number, from: number, bytes: number): void {
    this.withSegment(segment, (fd) => {
      const to = Math.min(from + bytes, this.disk.sizeOf(fd))
      for (const [zeros, offset] of fillSteps(from, to)) this.disk.write(fd, zeros, offset)
      this.disk.datasync(fd)
    })
  }

  private newSegment(): SegmentIndex {
    const number = (this.index.segments.at(-1)?.number ?? this.lastNumber) + 1
    const path = this.path(number)
    if (this.spares.includes(number)) {
      this.disk.remove(path)
      this.spares.splice(this.spares.indexOf(number), 1)
    }
    const unfinished = `${path}.tmp`
    const fd = this.disk.open(unfinished, true)
    this.disk.write(fd, segmentHeader(this.options.ledgerId, number), 0)
    for (const [zeros, offset] of fillSteps(SEGMENT_HEADER_BYTES, this.options.segmentBytes))
      this.disk.write(fd, zeros, offset)
    this.disk.datasync(fd)
    this.disk.close(fd)
    this.disk.rename(unfinished, path)
    this.disk.syncDirectory(this.options.segmentsFolder)
    return addSegment(this.index, number, this.place)
  }

  /** A file that lost its end, or was made under a smaller setting, gets its room back. Returns its size. */
  private fillTail(tail: SegmentIndex): number {
    return this.withSegment(tail.number, (fd) => {
      const size = this.disk.sizeOf(fd)
      if (size >= this.options.segmentBytes) return size
      for (const [zeros, offset] of fillSteps(size, this.options.segmentBytes))
        this.disk.write(fd, zeros, offset)
      this.disk.datasync(fd)
      return this.options.segmentBytes
    })
  }

  private rewriteAboveMark(): void {
    for (const segment of this.index.segments) {
      if (segment.number < this.mark.segment) continue
      const from = segment.number === this.mark.segment ? this.mark.end : SEGMENT_HEADER_BYTES
      if (from >= segment.end) continue
      this.withSegment(segment.number, (fd) => {
        const bytes = new Uint8Array(segment.end - from)
        this.disk.read(fd, bytes, from)
        this.disk.write(fd, bytes, from)
        this.disk.datasync(fd)
      })
    }
    const tail = this.index.segments.at(-1)
    if (tail === undefined) return
    const mark = {
      frame: this.place.frame - 1,
      nextPosition: this.place.position,
      segment: tail.number,
      end: tail.end,
      hash: this.place.previousHash,
    }
    new HeadMarkWriter(this.disk, this.headFd, this.options.ledgerId).writeBoth(mark, this.mark)
  }

  private keepOneSpare(tail: number): boolean {
    let isNextPrepared = false
    let isOneRemoved = false
    for (const number of this.spares) {
      const bytes = this.readSegment(number)
      const isSound =
        number === tail + 1 &&
        bytes.length === this.options.segmentBytes &&
        headerHolds(bytes, this.options.ledgerId, number) &&
        isZero(bytes.subarray(SEGMENT_HEADER_BYTES))
      if (isSound) {
        this.writeZeros(number, SEGMENT_HEADER_BYTES, FRAME_BYTES_MAX)
        isNextPrepared = true
      } else {
        this.disk.remove(this.path(number))
        isOneRemoved = true
      }
    }
    // A power cut must not bring back damage that is over: `verify` would find it in a ledger that is well.
    if (isOneRemoved) this.disk.syncDirectory(this.options.segmentsFolder)
    return isNextPrepared
  }
}
