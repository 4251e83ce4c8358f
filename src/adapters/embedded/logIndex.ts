// Where everything stands, in memory: sparse, and bounded by the size of the log alone. Plain values only, because the log
// thread builds it at the start and hands it over. Blocks are runs of whole frames of at least BLOCK_BYTES (a smaller one
// is still growing), and the unit of reading. Per GiB of log at most: 16,384 blocks of 16 B, and 16 stream entries of
// 16 B per block: 4.3 MiB; besides, at most about 500 B per stream and segment it stands in.
import { NO_REVISION } from '../../../domain/batch.js'
import { GENESIS_DIGEST } from '../../chain/batchDigest.js'
import type { Section } from './frames.js'
import { SEGMENT_HEADER_BYTES } from './segments.js'

export const BLOCK_BYTES = 64 * 1024
/** With more streams than this, each is entered less often, so that a block has this many entries on average. */
const ENTRIES_PER_BLOCK = 16
/** So many blocks of a stream are entered in any case: of ten thousand quiet streams each has a few events here and there. */
const ENTRIES_MIN = 16

/** What one segment holds of one stream: some of its blocks, each with the first revision found there, and the last one. */
export type StreamInSegment = {
  last: number
  blocks: number[]
  revisions: number[]
  enteredAt: number
  lastBlock: number
  lastBlockRevision: number
  /** Each block that holds some of it has an entry. */
  isComplete: boolean
}

export type SegmentIndex = {
  readonly number: number
  readonly firstPosition: number
  nextPosition: number
  /** Number of the frame after the last one here, and the last one's hash: bridges the gap when this segment is dropped. */
  nextFrame: number
  lastHash: Uint8Array
  end: number
  readonly blockOffsets: number[]
  readonly blockPositions: number[]
  readonly streams: Map<string, StreamInSegment>
}

export type StreamIndex = {
  head: number
  lowMark: number
  digest: Uint8Array
  /** Segments that hold some of it, oldest first, each with the first revision there. */
  readonly segments: number[]
  readonly firstRevisions: number[]
}

export type LogIndex = { readonly segments: SegmentIndex[]; readonly streams: Map<string, StreamIndex> }

export const emptyIndex = (): LogIndex => ({ segments: [], streams: new Map() })

export const newStream = (): StreamIndex => ({
  head: NO_REVISION,
  lowMark: 0,
  digest: GENESIS_DIGEST,
  segments: [],
  firstRevisions: [],
})

export const addSegment = (
  index: LogIndex,
  number: number,
  place: Readonly<{ frame: number; position: number; previousHash: Uint8Array }>,
): SegmentIndex => {
  const segment: SegmentIndex = {
    number,
    firstPosition: place.position,
    nextPosition: place.position,
    nextFrame: place.frame,
    lastHash: place.previousHash,
    end: SEGMENT_HEADER_BYTES,
    blockOffsets: [],
    blockPositions: [],
    streams: new Map(),
  }
  index.segments.push(segment)
  return segment
}

type PlacedSection = Pick<Section, 'stream' | 'firstRevision' | 'events' | 'digest'>

/** Enters a frame that stands at the end of the newest segment. */
export const addFrame = (
  index: LogIndex,
  segment: SegmentIndex,
  frame: Readonly<{ bytes: number; hash: Uint8Array; sections: ReadonlyArray<PlacedSection> }>,
): void => {
  const lastBlockAt = segment.blockOffsets.at(-1)
  if (lastBlockAt === undefined || segment.end - lastBlockAt >= BLOCK_BYTES) {
    segment.blockOffsets.push(segment.end)
    segment.blockPositions.push(segment.nextPosition)
  }
  for (const section of frame.sections) {
    addSection(index, segment, section)
    segment.nextPosition += section.events
  }
  segment.nextFrame += 1
  segment.lastHash = frame.hash
  segment.end += frame.bytes
}

const addSection = (index: LogIndex, segment: SegmentIndex, section: PlacedSection): void => {
  let stream = index.streams.get(section.stream)
  if (stream === undefined) {
    stream = newStream()
    index.streams.set(section.stream, stream)
  }
  stream.head = section.firstRevision + section.events - 1
  stream.digest = section.digest
  const block = segment.blockOffsets.length - 1
  const here = segment.streams.get(section.stream)
  if (here === undefined) {
    stream.segments.push(segment.number)
    stream.firstRevisions.push(section.firstRevision)
    segment.streams.set(section.stream, {
      last: stream.head,
      blocks: [block],
      revisions: [section.firstRevision],
      enteredAt: segment.end,
      lastBlock: block,
      lastBlockRevision: section.firstRevision,
      isComplete: true,
    })
    return
  }
  here.last = stream.head
  if (here.lastBlock === block) return
  here.lastBlock = block
  here.lastBlockRevision = section.firstRevision
  const spacing = BLOCK_BYTES * Math.max(1, segment.streams.size / ENTRIES_PER_BLOCK)
  if (here.blocks.length >= ENTRIES_MIN && segment.end - here.enteredAt < spacing) {
    here.isComplete = false
    return
  }
  here.blocks.push(block)
  here.revisions.push(section.firstRevision)
  here.enteredAt = segment.end
}

/** Index of the last value that is not above `wanted`; -1 if all are. */
const lastNotAbove = <A>(values: ReadonlyArray<A>, wanted: number, keyOf: (value: A) => number): number => {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keyOf(values[middle] as A) <= wanted) low = middle + 1
    else high = middle
  }
  return low - 1
}

const itself = (value: number): number => value
const numberOf = (segment: SegmentIndex): number => segment.number
const firstPositionOf = (segment: SegmentIndex): number => segment.firstPosition

export type BlockPlace = Readonly<{ segment: number; block: number }>

export const segmentOf = (index: LogIndex, number: number): SegmentIndex | undefined => {
  const found = index.segments[lastNotAbove(index.segments, number, numberOf)]
  return found?.number === number ? found : undefined
}

/** A block at or before the one that holds the revision; the first that is left if the revision is older. */
export const blockOfRevision = (
  index: LogIndex,
  stream: StreamIndex,
  name: string,
  revision: number,
): BlockPlace | undefined => {
  const at = Math.max(0, lastNotAbove(stream.firstRevisions, revision, itself))
  const number = stream.segments[at]
  if (number === undefined) return undefined
  const here = segmentOf(index, number)?.streams.get(name)
  if (here === undefined) return undefined
  if (revision >= here.lastBlockRevision) return { segment: number, block: here.lastBlock }
  const entry = Math.max(0, lastNotAbove(here.revisions, revision, itself))
  return { segment: number, block: here.blocks[entry] ?? 0 }
}

/** The block that holds the position, or the first one after it. */
export const blockOfPosition = (index: LogIndex, position: number): BlockPlace | undefined => {
  const segment = index.segments[Math.max(0, lastNotAbove(index.segments, position, firstPositionOf))]
  if (segment === undefined || segment.blockOffsets.length === 0) return undefined
  return {
    segment: segment.number,
    block: Math.max(0, lastNotAbove(segment.blockPositions, position, itself)),
  }
}

/** The next block, in the next segment that has one. */
export const blockAfter = (index: LogIndex, place: BlockPlace): BlockPlace | undefined => {
  const at = lastNotAbove(index.segments, place.segment, numberOf)
  const segment = index.segments[at]
  if (segment?.number === place.segment && place.block + 1 < segment.blockOffsets.length)
    return { segment: place.segment, block: place.block + 1 }
  const next = index.segments.slice(at + 1).find((later) => later.blockOffsets.length > 0)
  return next === undefined ? undefined : { segment: next.number, block: 0 }
}

/** The next block that may hold some of the stream; only such a one if all are entered. */
export const blockOfStreamAfter = (
  index: LogIndex,
  stream: StreamIndex,
  name: string,
  place: BlockPlace,
): BlockPlace | undefined => {
  const here = segmentOf(index, place.segment)?.streams.get(name)
  if (here !== undefined && place.block < here.lastBlock) {
    if (!here.isComplete) return { segment: place.segment, block: place.block + 1 }
    const entry = lastNotAbove(here.blocks, place.block, itself) + 1
    return { segment: place.segment, block: here.blocks[entry] ?? here.lastBlock }
  }
  const number = stream.segments[lastNotAbove(stream.segments, place.segment, itself) + 1]
  const there = number === undefined ? undefined : segmentOf(index, number)?.streams.get(name)
  return number === undefined || there === undefined
    ? undefined
    : { segment: number, block: there.blocks[0] ?? 0 }
}

export const dropSegment = (index: LogIndex, number: number): void => {
  const at = index.segments.findIndex((segment) => segment.number === number)
  if (at < 0) return
  for (const name of index.segments[at]?.streams.keys() ?? []) {
    const stream = index.streams.get(name)
    const there = stream?.segments.indexOf(number) ?? -1
    if (stream === undefined || there < 0) continue
    stream.segments.splice(there, 1)
    stream.firstRevisions.splice(there, 1)
  }
  index.segments.splice(at, 1)
}
