// The bytes of the log (docs/format.md). All integers are little endian. A frame is one commit: everything that one sync
// made durable, for any number of streams. Frame = header (112 bytes) + sections + zeros up to a multiple of 8:
//
//    0  32 B  SHA-256 over all that follows, to the end of the frame, padding included
//   32  u32   magic "LQFR"      36  u16  format version   38  u16  0
//   40  u64   first 8 bytes of the ledger's id: bytes of another ledger, or quoted in a payload, are no frame of this one
//   48  u64   frame number, from 1      56  u64  position of the first event
//   64  u32   bytes after the header    68  u32  events      72  u32  sections      76  u32  0
//   80  32 B  hash of the frame before; of the first frame: SHA-256 of the ledger's id
//
// Section = one recorded batch of one stream: header (88 bytes), stream name (UTF-8), the batch (domain/wire):
//    0  u32   bytes of the batch    4  u32  events    8  u64  first revision    16  u16  bytes of the name    18  6 B  0
//   24  32 B  digest of the stream's batch before      56  32 B  digest of this one (src/chain)
import { hash } from 'node:crypto'

export const FORMAT_VERSION = 1
export const HASH_BYTES = 32
export const FRAME_HEADER_BYTES = 112
export const SECTION_HEADER_BYTES = 88
const FRAME_ALIGN = 8
/** Upper bound of one frame, so of one write and sync. */
export const FRAME_BYTES_MAX = 8 * 1024 * 1024

const MAGIC_AT = 32
const PREVIOUS_HASH_AT = 80
/** "LQFR" as it stands in the file. */
export const FRAME_MAGIC = Buffer.from('LQFR', 'latin1')
const MAGIC_NUMBER = FRAME_MAGIC.readUInt32LE(0)

export type LedgerId = Uint8Array
export const LEDGER_ID_BYTES = 16
const TAG_BYTES = 8

/** What the next frame must say of itself. */
export type ChainPlace = Readonly<{ frame: number; position: number; previousHash: Uint8Array }>

export type Section = Readonly<{
  stream: string
  firstRevision: number
  events: number
  position: number
  previousDigest: Uint8Array
  digest: Uint8Array
  batch: Uint8Array
}>

export type FrameHead = Readonly<{
  frame: number
  position: number
  events: number
  sections: number
  /** Of the whole frame. */
  bytes: number
}>

const TWO_32 = 2 ** 32

export const putU64 = (view: DataView, at: number, value: number): void => {
  view.setUint32(at, value % TWO_32, true)
  view.setUint32(at + 4, Math.floor(value / TWO_32), true)
}
export const getU64 = (view: DataView, at: number): number =>
  view.getUint32(at + 4, true) * TWO_32 + view.getUint32(at, true)

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
export const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')
export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
export const alignedBytes = (bytes: number): number => Math.ceil(bytes / FRAME_ALIGN) * FRAME_ALIGN

export const firstPlace = (ledgerId: LedgerId): ChainPlace => ({
  frame: 1,
  position: 0,
  previousHash: sha256(ledgerId),
})

export const sectionBytes = (nameBytes: number, batchBytes: number): number =>
  SECTION_HEADER_BYTES + nameBytes + batchBytes

/** Writes a section but for its digests, which are the log thread's work; returns where it ends. */
export const putSection = (
  frame: Uint8Array,
  view: DataView,
  at: number,
  section: Readonly<{ name: Uint8Array; firstRevision: number; events: number; batch: Uint8Array }>,
): number => {
  view.setUint32(at, section.batch.length, true)
  view.setUint32(at + 4, section.events, true)
  putU64(view, at + 8, section.firstRevision)
  putU64(view, at + 16, section.name.length)
  const nameAt = at + SECTION_HEADER_BYTES
  frame.set(section.name, nameAt)
  const batchAt = nameAt + section.name.length
  frame.set(section.batch, batchAt)
  return batchAt + section.batch.length
}

/** Writes padding and header of a frame whose sections end at `end`, all but the hashes; returns the frame's bytes. */
export const putHeader = (
  frame: Uint8Array,
  view: DataView,
  end: number,
  head: Readonly<{ ledgerId: LedgerId; frame: number; position: number; events: number; sections: number }>,
): number => {
  const bytes = alignedBytes(end)
  frame.fill(0, end, bytes)
  view.setUint32(MAGIC_AT, MAGIC_NUMBER, true)
  view.setUint32(36, FORMAT_VERSION, true)
  frame.set(head.ledgerId.subarray(0, TAG_BYTES), 40)
  putU64(view, 48, head.frame)
  putU64(view, 56, head.position)
  view.setUint32(64, bytes - FRAME_HEADER_BYTES, true)
  view.setUint32(68, head.events, true)
  view.setUint32(72, head.sections, true)
  view.setUint32(76, 0, true)
  return bytes
}

/** Completes a frame: what is hashed is final from here on. Returns the frame's hash. */
export const sealFrame = (frame: Uint8Array, previousHash: Uint8Array): Uint8Array => {
  frame.set(previousHash, PREVIOUS_HASH_AT)
  const own = sha256(frame.subarray(HASH_BYTES))
  frame.set(own, 0)
  return own
}

export const hashOf = (frame: Uint8Array): Uint8Array => frame.subarray(0, HASH_BYTES)
export const previousHashOf = (frame: Uint8Array): Uint8Array =>
  frame.subarray(PREVIOUS_HASH_AT, PREVIOUS_HASH_AT + HASH_BYTES)
export const hashHolds = (frame: Uint8Array): boolean =>
  sameBytes(sha256(frame.subarray(HASH_BYTES)), hashOf(frame))

/** The header at `at`, if there is one of this ledger there whose frame ends within `bytes`. Hashes are not looked at. */
export const frameHeadAt = (
  bytes: Uint8Array,
  view: DataView,
  at: number,
  ledgerId: LedgerId,
): FrameHead | undefined => {
  if (at + FRAME_HEADER_BYTES > bytes.length || view.getUint32(at + MAGIC_AT, true) !== MAGIC_NUMBER)
    return undefined
  if (view.getUint32(at + 36, true) !== FORMAT_VERSION) return undefined
  if (!sameBytes(bytes.subarray(at + 40, at + 48), ledgerId.subarray(0, TAG_BYTES))) return undefined
  const length = FRAME_HEADER_BYTES + view.getUint32(at + 64, true)
  if (at + length > bytes.length || length !== alignedBytes(length)) return undefined
  return {
    frame: getU64(view, at + 48),
    position: getU64(view, at + 56),
    events: view.getUint32(at + 68, true),
    sections: view.getUint32(at + 72, true),
    bytes: length,
  }
}

/** The sections of a frame, or undefined where they do not fill it exactly: then it was never written by this program. */
export const sectionsOf = (frame: Uint8Array): ReadonlyArray<Section> | undefined => {
  const view = viewOf(frame)
  const count = view.getUint32(72, true)
  const sections: Section[] = []
  let position = getU64(view, 56)
  let at = FRAME_HEADER_BYTES
  let events = 0
  while (sections.length < count) {
    if (at + SECTION_HEADER_BYTES > frame.length) return undefined
    const batchAt = at + SECTION_HEADER_BYTES + view.getUint16(at + 16, true)
    const end = batchAt + view.getUint32(at, true)
    if (end > frame.length) return undefined
    const section: Section = {
      stream: nameOf(frame, at + SECTION_HEADER_BYTES, batchAt),
      firstRevision: getU64(view, at + 8),
      events: view.getUint32(at + 4, true),
      position,
      previousDigest: frame.subarray(at + 24, at + 56),
      digest: frame.subarray(at + 56, at + 88),
      batch: frame.subarray(batchAt, end),
    }
    sections.push(section)
    events += section.events
    position += section.events
    at = end
  }
  return events === view.getUint32(68, true) && frame.length === alignedBytes(at) ? sections : undefined
}

const nameOf = (frame: Uint8Array, start: number, end: number): string =>
  Buffer.from(frame.buffer, frame.byteOffset + start, end - start).toString('utf8')
