// Proves a whole ledger from its files alone (`ledgerq log verify`): every frame's hash and its link to the one before,
// every batch decoded and its digest computed again, revisions and positions without gaps, times that do not go back (I9).
// It changes nothing and takes no lock. In a ledger that is in use, or was not closed, one unfinished commit may stand
// behind the head mark; it is counted, not judged.
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import * as E from 'fp-ts/lib/Either.js'
import { NO_REVISION } from '../../../domain/batch.js'
import { decodeBatch } from '../../../domain/wire/batchRows.js'
import { batchDigest } from '../../chain/batchDigest.js'
import type { LogCorrupt, LogUnavailable } from '../../ports/eventLog.js'
import { identify, lostHead, type Marks, readMarks, SEGMENTS_FOLDER } from './directory.js'
import { corrupt, type ForeignDirectory, unavailable } from './errors.js'
import { type Files, readFile, realFiles } from './files.js'
import { type ChainPlace, firstPlace, hashOf, type LedgerId, type Section, sameBytes } from './frames.js'
import { HEAD_FILE, type HeadMark, headMarkOf } from './headMark.js'
import {
  likelyContent,
  type Misfit,
  type ScannedFrame,
  type StreamPlace,
  scanSegment,
  sectionMisfit,
} from './scan.js'
import { headerHolds, SEGMENT_HEADER_BYTES, segmentName, segmentNumberOf } from './segments.js'

export type VerifiedStream = Readonly<{ stream: string; head: number; digest: string }>
export type Verified = Readonly<{
  segments: number
  frames: number
  batches: number
  events: number
  bytes: number
  streams: ReadonlyArray<VerifiedStream>
  /** Of a commit that was never acknowledged, behind the head mark. */
  unfinishedBytes: number
}>

export type VerifyProgress = (bytesDone: number, bytesTotal: number) => void

/** Frames between two turns of the event loop. */
const STEP_BYTES = 1024 * 1024

/** The first damage, or what was found sound. */
export const verify = async (
  directory: string,
  onProgress: VerifyProgress = () => {},
  files: Files = realFiles,
): Promise<E.Either<LogCorrupt | ForeignDirectory | LogUnavailable, Verified>> => {
  try {
    const identity = await identify(directory, files)
    if (E.isLeft(identity)) return identity
    if (identity.right === 'new') {
      const reason = 'there is no ledger in it'
      return E.left({ type: 'ForeignDirectory', directory, reason })
    }
    const marks = await readMarks(files, directory)
    if (E.isLeft(marks)) return marks
    // Before the segments: a mark that was read later could be ahead of what we saw of them.
    const headFile = join(directory, HEAD_FILE)
    const mark = headMarkOf(await readFile(files, headFile), identity.right)
    if (mark === undefined) return E.left(corrupt(headFile, 0, 'neither head mark holds'))
    return await new Verification(files, directory, identity.right, marks.right, mark, onProgress).run()
  } catch (cause) {
    return E.left(unavailable(cause))
  }
}

type StreamState = StreamPlace & Readonly<{ at: number }>

class Verification {
  private readonly streams = new Map<string, StreamState>()
  private place: ChainPlace
  private frames = 0
  private batches = 0
  private events = 0
  private bytes = 0
  private unfinishedBytes = 0
  /** Where the last segment that holds any frame ends, or the unfinished commit begins. */
  private end: Readonly<{ segment: number; offset: number }>
  private readonly folder: string

  constructor(
    private readonly files: Files,
    directory: string,
    private readonly ledgerId: LedgerId,
    private readonly marks: Marks,
    private readonly mark: HeadMark,
    private readonly onProgress: VerifyProgress,
  ) {
    this.folder = join(directory, SEGMENTS_FOLDER)
    this.place = firstPlace(ledgerId)
    this.end = { segment: mark.segment, offset: 0 }
    for (const [name, { lowMark, head, digest }] of Object.entries(marks.streams))
      this.streams.set(name, { lowMark, head, digest: Buffer.from(digest, 'hex'), isSeen: false, at: 0 })
  }

  async run(): Promise<E.Either<LogCorrupt, Verified>> {
    const numbers = (await this.files.list(this.folder))
      .map((name) => segmentNumberOf(name) ?? Number.NaN)
      .filter((n) => n >= 1 && !this.marks.dropped.some(({ from, through }) => from <= n && n <= through))
      .sort((a, b) => a - b)
    let before = 0
    for (const [index, number] of numbers.entries()) {
      const isBridged = number === before + 1 || this.bridge(number)
      if (!isBridged)
        return E.left(corrupt(this.path(number - 1), 0, 'the segment is missing and was not dropped'))
      before = number
      const damage = await this.segment(number, index, numbers.length)
      if (damage !== undefined) return E.left(damage)
    }
    if (this.place.frame <= this.mark.frame) {
      const reason = `the log ends before frame ${this.mark.frame}, which was durable once`
      return E.left(corrupt(this.path(this.mark.segment), 0, reason))
    }
    const lost = lostHead(this.marks, (name) => {
      const stream = this.streams.get(name)
      return stream?.isSeen === true ? stream.head : NO_REVISION
    })
    if (lost !== undefined)
      return E.left(corrupt(this.path(this.end.segment), this.end.offset, lost.reason, lost))
    return E.right(this.verified(numbers.length))
  }

  private verified(segments: number): Verified {
    const { frames, batches, events, bytes, unfinishedBytes } = this
    const streams = [...this.streams].map(([stream, { head, digest }]) => {
      // The newest events may be dropped while older ones stand in a segment that others need.
      const mark = this.marks.streams[stream]
      if (mark !== undefined && mark.head > head) return { stream, head: mark.head, digest: mark.digest }
      return { stream, head, digest: Buffer.from(digest).toString('hex') }
    })
    return { segments, frames, batches, events, bytes, streams, unfinishedBytes }
  }

  private path(segment: number): string {
    return join(this.folder, segmentName(segment))
  }

  private bridge(number: number): boolean {
    const gap = this.marks.dropped.find(({ through }) => through === number - 1)
    if (gap === undefined) return false
    const { nextFrame, nextPosition, lastHash } = gap
    this.place = { frame: nextFrame, position: nextPosition, previousHash: Buffer.from(lastHash, 'hex') }
    return true
  }

  private async segment(number: number, index: number, count: number): Promise<LogCorrupt | undefined> {
    const bytes = await readFile(this.files, this.path(number))
    if (!headerHolds(bytes, this.ledgerId, number))
      return corrupt(this.path(number), 0, 'the segment header does not hold')
    if (this.unfinishedBytes > 0) {
      // Only an empty segment can follow an unfinished commit.
      const end = scanSegment(bytes, this.place, this.scanOptions(undefined))
      if (end.rest.kind !== 'zeros') return corrupt(this.path(number), end.offset, 'it follows damage')
      return undefined
    }
    for (let offset: number | undefined; ; ) {
      const end = scanSegment(bytes, this.place, this.scanOptions(offset))
      this.place = end.place
      offset = end.offset
      if (offset > SEGMENT_HEADER_BYTES || end.rest.kind === 'broken') this.end = { segment: number, offset }
      if (end.rest.kind === 'misplaced') return this.damage(number, bytes, offset, end.rest.misfit)
      if (end.rest.kind === 'broken') {
        const isDurable = end.rest.frameBehind || this.place.frame <= this.mark.frame
        if (isDurable) return this.damage(number, bytes, offset, { reason: end.rest.reason })
        this.unfinishedBytes += end.rest.bytes
      }
      this.onProgress(index * bytes.length + offset, count * bytes.length)
      if (end.rest.kind !== 'more') break
      await nextTurn()
    }
    this.onProgress((index + 1) * bytes.length, count * bytes.length)
    return undefined
  }

  private scanOptions(offset: number | undefined): Parameters<typeof scanSegment>[2] {
    const from = offset === undefined ? {} : { offset }
    const { ledgerId } = this
    return {
      ...from,
      ledgerId,
      hashesChecked: true,
      bytesMax: STEP_BYTES,
      onFrame: (frame) => this.frame(frame),
    }
  }

  private damage(segment: number, bytes: Uint8Array, offset: number, misfit: Misfit): LogCorrupt {
    const likely = likelyContent(bytes, offset, (stream) => this.streams.has(stream))
    const where = { stream: misfit.stream ?? likely.stream, revision: misfit.revision ?? likely.revision }
    return corrupt(this.path(segment), offset, misfit.reason, where)
  }

  private frame(frame: ScannedFrame): Misfit | undefined {
    if (frame.head.frame === this.mark.frame && !sameBytes(hashOf(frame.bytes), this.mark.hash))
      return { reason: 'the head mark names another frame here' }
    for (const section of frame.sections) {
      const misfit = this.section(section)
      if (misfit !== undefined) return misfit
    }
    this.frames += 1
    this.bytes += frame.head.bytes
    return undefined
  }

  private section(section: Section): Misfit | undefined {
    const known = this.streams.get(section.stream)
    const misplaced = sectionMisfit(known, section)
    if (misplaced !== undefined) return misplaced
    const misfit = (reason: string): Misfit => ({
      reason,
      stream: section.stream,
      revision: section.firstRevision,
    })
    const batch = decodeBatch(section.batch)
    if (E.isLeft(batch)) return misfit(`not a batch: ${JSON.stringify(batch.left)}`)
    const { at, events } = batch.right
    if (events.length !== section.events)
      return misfit(`${events.length} events instead of ${section.events}`)
    if (known !== undefined && at < known.at) return misfit('its time is before that of the batch before it')
    if (!sameBytes(batchDigest(section.previousDigest, section, section.batch), section.digest))
      return misfit('its digest is not that of its events')
    this.streams.set(section.stream, {
      head: section.firstRevision + section.events - 1,
      lowMark: known?.lowMark ?? 0,
      digest: section.digest.slice(),
      isSeen: true,
      at,
    })
    this.batches += 1
    this.events += section.events
    return undefined
  }
}
