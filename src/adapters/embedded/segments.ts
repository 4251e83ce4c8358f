// Segments: the files the frames stand in. Each is written full of zeros and synced before its first frame, because a
// sync on blocks that exist costs about half of one that also has to record new ones. It is then renamed into place, so
// that a segment with its proper name is always whole. Header, 64 bytes:
//
//    0  32 B  SHA-256 over the other 32
//   32  u32   magic "LQSG"    36  u16  format version    38  u16  0
//   40  16 B  ledger's id     56  u64  segment number, from 1
import { join } from 'node:path'
import { type Files, writeWhole } from './files.js'
import { FORMAT_VERSION, HASH_BYTES, type LedgerId, putU64, sameBytes, sha256, viewOf } from './frames.js'

export const SEGMENT_HEADER_BYTES = 64
export const SEGMENT_BYTES_DEFAULT = 64 * 1024 * 1024
/** A segment is read in one piece when the log is opened. */
export const SEGMENT_BYTES_MAX = 256 * 1024 * 1024
export const SEGMENT_BYTES_MIN = 16 * 1024

const MAGIC = Buffer.from('LQSG', 'latin1')
const NAME = /^(\d{10})\.seg$/
const UNFINISHED_ENDING = '.tmp'

/** Small steps with a sync each: a sync of 64 MiB at once would hold up every commit behind it. */
const FILL_STEP_BYTES = 256 * 1024

export const segmentName = (segment: number): string => `${String(segment).padStart(10, '0')}.seg`
export const segmentNumberOf = (name: string): number | undefined => {
  const found = NAME.exec(name)
  return found === null ? undefined : Number(found[1])
}
export const isUnfinishedName = (name: string): boolean => name.endsWith(UNFINISHED_ENDING)

export const segmentHeader = (ledgerId: LedgerId, segment: number): Uint8Array => {
  const header = new Uint8Array(SEGMENT_HEADER_BYTES)
  const view = viewOf(header)
  header.set(MAGIC, 32)
  view.setUint32(36, FORMAT_VERSION, true)
  header.set(ledgerId, 40)
  putU64(view, 56, segment)
  header.set(sha256(header.subarray(HASH_BYTES)), 0)
  return header
}

export const headerHolds = (bytes: Uint8Array, ledgerId: LedgerId, segment: number): boolean =>
  bytes.length >= SEGMENT_HEADER_BYTES &&
  sameBytes(bytes.subarray(0, SEGMENT_HEADER_BYTES), segmentHeader(ledgerId, segment))

const zeros = Buffer.alloc(FILL_STEP_BYTES)

/** What has to be written where so that the file holds zeros from `from` to `bytes`. */
export function* fillSteps(from: number, bytes: number): Generator<[chunk: Uint8Array, offset: number]> {
  for (let at = from; at < bytes; at += FILL_STEP_BYTES)
    yield [zeros.subarray(0, Math.min(FILL_STEP_BYTES, bytes - at)), at]
}

export const isZero = (bytes: Uint8Array): boolean => {
  for (let at = 0; at < bytes.length; at += FILL_STEP_BYTES) {
    const part = bytes.subarray(at, at + FILL_STEP_BYTES)
    if (!sameBytes(part, zeros.subarray(0, part.length))) return false
  }
  return true
}

/** Resolves when so much of the next segment, from 0 to 1, may go on to be filled. */
export type Pace = (done: number) => Promise<void>

/**
 * Makes segment `segment` ready ahead of time, without the log thread. Throws what the file system says (ENOSPC above
 * all), after taking back the unfinished file: its blocks may be just what acks need elsewhere.
 */
export const prepareSegment = async (
  files: Files,
  directory: string,
  segment: number,
  bytes: number,
  ledgerId: LedgerId,
  pace: Pace,
): Promise<void> => {
  const path = join(directory, segmentName(segment))
  const unfinished = path + UNFINISHED_ENDING
  try {
    const file = await files.open(unfinished, 'new')
    try {
      for (const [chunk, offset] of fillSteps(0, bytes)) {
        await pace(offset / bytes)
        await writeWhole(file, chunk, offset)
        await file.datasync()
      }
      await writeWhole(file, segmentHeader(ledgerId, segment), 0)
      await file.sync()
    } finally {
      await file.close()
    }
    await files.rename(unfinished, path)
    await files.syncFolder(directory)
  } catch (cause) {
    await files.remove(unfinished).catch(() => {})
    throw cause
  }
}
