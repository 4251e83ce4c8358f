// What a segment holds, told from its bytes alone: the frames that continue the chain, and what comes after them. It
// decides nothing; recovery.ts and verify.ts do, by what else they know.
import {
  type ChainPlace,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  type FrameHead,
  frameHeadAt,
  getU64,
  hashHolds,
  hashOf,
  type LedgerId,
  previousHashOf,
  SECTION_HEADER_BYTES,
  type Section,
  sameBytes,
  sectionsOf,
  viewOf,
} from './frames.js'
import { isZero, SEGMENT_HEADER_BYTES } from './segments.js'

export type ScannedFrame = Readonly<{
  head: FrameHead
  bytes: Uint8Array
  offset: number
  sections: ReadonlyArray<Section>
}>

/** Where a scan ended. `zeros`: nothing was ever written behind. `broken`: no frame, or a hash that does not hold. */
export type ScanEnd = Readonly<{
  place: ChainPlace
  offset: number
  rest:
    | Readonly<{ kind: 'zeros' }>
    | Readonly<{ kind: 'broken'; reason: string; bytes: number; frameBehind: boolean }>
    /** A sound frame of this ledger that does not belong here: no interrupted write can leave that behind. */
    | Readonly<{ kind: 'misplaced'; misfit: Misfit }>
    /** `bytesMax` was reached, and all was well so far. */
    | Readonly<{ kind: 'more' }>
}>

/** Why a frame cannot stand where it stands, and where in it. */
export type Misfit = Readonly<{ reason: string; stream?: string; revision?: number }>

export type ScanOptions = Readonly<{
  ledgerId: LedgerId
  /** Without, frames are followed by their links only. */
  hashesChecked: boolean
  /** Where to start; after the segment's header if not given. */
  offset?: number
  /** Pauses at the first frame after so many. */
  bytesMax?: number
  /** Says why the frame cannot stand here, or undefined. */
  onFrame: (frame: ScannedFrame) => Misfit | undefined
}>

export const scanSegment = (bytes: Uint8Array, start: ChainPlace, options: ScanOptions): ScanEnd => {
  const view = viewOf(bytes)
  let place = start
  let offset = options.offset ?? SEGMENT_HEADER_BYTES
  const pauseAt = offset + (options.bytesMax ?? bytes.length)
  for (;;) {
    if (offset >= pauseAt) return { place, offset, rest: { kind: 'more' } }
    const head = frameHeadAt(bytes, view, offset, options.ledgerId)
    if (head === undefined)
      return { place, offset, rest: restAt(bytes, offset, 'no frame', options.ledgerId) }
    const frame = bytes.subarray(offset, offset + head.bytes)
    if (options.hashesChecked && !hashHolds(frame))
      return { place, offset, rest: restAt(bytes, offset, 'the hash does not hold', options.ledgerId) }
    const sections = sectionsOf(frame)
    const misfit =
      sections === undefined
        ? { reason: 'the sections do not fill the frame' }
        : (linkMisfit(place, head, frame) ?? options.onFrame({ head, bytes: frame, offset, sections }))
    if (misfit !== undefined) return { place, offset, rest: { kind: 'misplaced', misfit } }
    offset += head.bytes
    const previousHash = hashOf(frame).slice() // The caller may use the segment's buffer again.
    place = { frame: head.frame + 1, position: head.position + head.events, previousHash }
  }
}

const linkMisfit = (place: ChainPlace, head: FrameHead, frame: Uint8Array): Misfit | undefined => {
  if (head.frame !== place.frame)
    return { reason: `frame ${head.frame} stands where frame ${place.frame} belongs` }
  if (head.position !== place.position)
    return { reason: `position ${head.position} stands where ${place.position} belongs` }
  return sameBytes(previousHashOf(frame), place.previousHash)
    ? undefined
    : { reason: 'the hash of the frame before does not match' }
}

/** How far a stream was followed. `isSeen`: a batch of it was met, so that only a truncation explains a gap. */
export type StreamPlace = Readonly<{ head: number; lowMark: number; digest: Uint8Array; isSeen: boolean }>

/** Why the section cannot be the next one of its stream; `stream` undefined: nothing is known of it. */
export const sectionMisfit = (stream: StreamPlace | undefined, section: Section): Misfit | undefined => {
  const { firstRevision } = section
  const misfit = (reason: string): Misfit => ({ reason, stream: section.stream, revision: firstRevision })
  if (stream === undefined)
    return firstRevision === 0 ? undefined : misfit('the stream starts later than at 0')
  if (firstRevision === stream.head + 1)
    return sameBytes(section.previousDigest, stream.digest)
      ? undefined
      : misfit('the digest of the batch before does not match')
  // Before and between what is left, events below the low mark may be gone with their segments, and nothing else may.
  if (stream.isSeen && firstRevision <= stream.head)
    return misfit(`the revision stands after revision ${stream.head}`)
  return firstRevision <= stream.lowMark ? undefined : misfit('revisions before it are missing')
}

const restAt = (bytes: Uint8Array, offset: number, reason: string, ledgerId: LedgerId): ScanEnd['rest'] => {
  const rest = bytes.subarray(offset)
  if (isZero(rest)) return { kind: 'zeros' }
  let end = rest.length
  while (end > 0 && rest[end - 1] === 0) end--
  return { kind: 'broken', reason, bytes: end, frameBehind: hasFrameBehind(bytes, offset + 1, ledgerId) }
}

/**
 * Is there a sound frame of this ledger at or after `from`? Frames are written one at a time, so an interrupted write has
 * nothing behind it: then what is broken was acknowledged once.
 */
export const hasFrameBehind = (bytes: Uint8Array, from: number, ledgerId: LedgerId): boolean => {
  const view = viewOf(bytes)
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const magicAt = 32
  for (
    let at = buffer.indexOf(FRAME_MAGIC, from + magicAt);
    at >= 0;
    at = buffer.indexOf(FRAME_MAGIC, at + 1)
  ) {
    const head = frameHeadAt(bytes, view, at - magicAt, ledgerId)
    if (head !== undefined && hashHolds(bytes.subarray(at - magicAt, at - magicAt + head.bytes))) return true
  }
  return false
}

/** Which stream and revision a broken frame most likely held, for the operator only. */
export const likelyContent = (
  bytes: Uint8Array,
  offset: number,
  isKnown: (stream: string) => boolean,
): Readonly<{ stream: string | undefined; revision: number | undefined }> => {
  const nothing = { stream: undefined, revision: undefined }
  const sectionAt = offset + FRAME_HEADER_BYTES
  const nameAt = sectionAt + SECTION_HEADER_BYTES
  if (nameAt > bytes.length) return nothing
  const view = viewOf(bytes)
  const name = bytes.subarray(nameAt, nameAt + view.getUint16(sectionAt + 16, true))
  const stream = Buffer.from(name).toString('utf8')
  const revision = getU64(view, sectionAt + 8)
  return isKnown(stream) && Number.isSafeInteger(revision) ? { stream, revision } : nothing
}
