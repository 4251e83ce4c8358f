// A ledger of a few frames in memory, byte for byte as the embedded log writes it, for tests that damage it.
import type * as E from 'fp-ts/lib/Either.js'
import { type EventBatch, type LedgerEvent, NO_REVISION } from '../../../domain/batch.js'
import { encodeBatch } from '../../../domain/wire/batchRows.js'
import { ByteWriter } from '../../../domain/wire/byteWriter.js'
import { NO_MARKS } from '../../../src/adapters/embedded/directory.js'
import {
  FRAME_HEADER_BYTES,
  firstPlace,
  putHeader,
  putSection,
  sealFrame,
  viewOf,
} from '../../../src/adapters/embedded/frames.js'
import { firstHeadFile, type HeadMark, HeadMarkWriter } from '../../../src/adapters/embedded/headMark.js'
import { type Recovered, type RecoveryOptions, recover } from '../../../src/adapters/embedded/recovery.js'
import { SEGMENT_HEADER_BYTES, segmentHeader, segmentName } from '../../../src/adapters/embedded/segments.js'
import { batchDigest, GENESIS_DIGEST } from '../../../src/chain/batchDigest.js'
import type { LogCorrupt } from '../../../src/ports/eventLog.js'
import { copyOf, type MemoryFiles, memoryDisk } from './memoryDisk.js'

export const SMALL_SEGMENT_BYTES = 4096
export const LEDGER_ID = new Uint8Array(16).fill(7)
export const HEAD_PATH = 'ledger/head'
export const SEGMENTS = 'ledger/segments'
export const segmentPath = (segment: number): string => `${SEGMENTS}/${segmentName(segment)}`

export const RECOVERY: RecoveryOptions = {
  segmentsFolder: SEGMENTS,
  headFile: HEAD_PATH,
  ledgerId: LEDGER_ID,
  marks: NO_MARKS,
  segmentBytes: SMALL_SEGMENT_BYTES,
  verifyOnOpenBytes: 1024 * 1024,
}

export type PlacedFrame = Readonly<{ segment: number; start: number; end: number; mark: HeadMark }>

const acked = (ordinal: number): LedgerEvent => ({
  type: 'AttemptSucceeded',
  followUps: undefined,
  reconciled: undefined,
  ordinal,
  callerId: undefined,
  fence: ordinal + 1,
  result: undefined,
})

/** Writes frames as the log thread does, one section each, to files in memory. */
export class SmallLog {
  readonly files: MemoryFiles = new Map()
  readonly frames: PlacedFrame[] = []
  private place = firstPlace(LEDGER_ID)
  private segment = 1
  private end = SEGMENT_HEADER_BYTES
  private readonly streams = new Map<string, { head: number; digest: Uint8Array }>()

  constructor() {
    const hash = this.place.previousHash
    const none = { frame: 0, nextPosition: 0, segment: 1, end: SEGMENT_HEADER_BYTES, hash }
    this.files.set(HEAD_PATH, firstHeadFile(LEDGER_ID, none))
    this.addSegment(1)
  }

  addSegment(segment: number): void {
    const bytes = new Uint8Array(SMALL_SEGMENT_BYTES)
    bytes.set(segmentHeader(LEDGER_ID, segment))
    this.files.set(segmentPath(segment), bytes)
  }

  nextSegment(): void {
    this.segment += 1
    this.end = SEGMENT_HEADER_BYTES
    this.addSegment(this.segment)
  }

  /** A frame with one batch; the head mark follows, unless the frame is to be the one that was in flight. */
  append(stream: string, events: number, isMarked = true): void {
    const known = this.streams.get(stream) ?? { head: NO_REVISION, digest: GENESIS_DIGEST }
    const firstRevision = known.head + 1
    const batch: EventBatch = {
      batchId: `w1-${String(this.place.frame).padStart(4, '0')}`,
      at: 1_790_000_000_000,
      epoch: 1,
      events: Array.from({ length: events }, (_, n) => acked(firstRevision + n)),
      previous: Array.from({ length: events }, () => NO_REVISION),
    }
    const writer = new ByteWriter()
    encodeBatch(batch, writer)
    const encoded = writer.bytes().slice()
    const frame = new Uint8Array(SMALL_SEGMENT_BYTES)
    const view = viewOf(frame)
    const name = Buffer.from(stream)
    const section = { name, firstRevision, events, batch: encoded }
    const end = putSection(frame, view, FRAME_HEADER_BYTES, section)
    const { frame: number, position } = this.place
    const head = { ledgerId: LEDGER_ID, frame: number, position, events, sections: 1 }
    const bytes = putHeader(frame, view, end, head)
    const digest = batchDigest(known.digest, { stream, firstRevision }, encoded)
    frame.set(known.digest, FRAME_HEADER_BYTES + 24)
    frame.set(digest, FRAME_HEADER_BYTES + 56)
    const hash = sealFrame(frame.subarray(0, bytes), this.place.previousHash)
    this.files.get(segmentPath(this.segment))?.set(frame.subarray(0, bytes), this.end)
    const mark = {
      frame: number,
      nextPosition: position + events,
      segment: this.segment,
      end: this.end + bytes,
      hash,
    }
    this.frames.push({ segment: this.segment, start: this.end, end: mark.end, mark })
    this.end = mark.end
    this.place = { frame: number + 1, position: mark.nextPosition, previousHash: hash }
    this.streams.set(stream, { head: known.head + events, digest })
    if (isMarked) this.writeMark(mark)
  }

  private headMark: HeadMarkWriter | undefined

  private writeMark(mark: HeadMark): void {
    const disk = memoryDisk(this.files)
    this.headMark ??= new HeadMarkWriter(disk, disk.open(HEAD_PATH), LEDGER_ID)
    this.headMark.write(mark)
    this.headMark.sync()
  }

  /** The last frame's place, as an interrupted commit would have it. */
  lastFrame(): PlacedFrame {
    const last = this.frames.at(-1)
    if (last === undefined) throw new Error('nothing was appended')
    return last
  }
}

/** The head mark stands there, and nothing is left of any other. */
export const setMark = (files: MemoryFiles, mark: HeadMark): void => {
  files.set(HEAD_PATH, firstHeadFile(LEDGER_ID, mark))
}

export const recovered = (
  files: MemoryFiles,
  over: Partial<RecoveryOptions> = {},
): E.Either<LogCorrupt, Recovered> => {
  const disk = memoryDisk(files)
  return recover(disk, disk.open(HEAD_PATH), { ...RECOVERY, ...over })
}

/** Opens a damaged copy; the original stays as it is. */
export const recoveredAfter = (
  files: MemoryFiles,
  damage: (copy: MemoryFiles) => void,
): Readonly<{ answer: E.Either<LogCorrupt, Recovered>; files: MemoryFiles }> => {
  const copy = copyOf(files)
  damage(copy)
  return { answer: recovered(copy), files: copy }
}

export const headsOf = ({ index }: Recovered): Record<string, number> =>
  Object.fromEntries([...index.streams].map(([name, { head }]) => [name, head]))
