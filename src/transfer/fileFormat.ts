// The bytes of an export file (docs/moving.md). All integers are little endian. Preamble, 16 bytes: "LQEXPORT", u32 format
// version, u32 0. Then records, each of which stands on all before it:
//
//    0  u32  kind: 1 begin, 2 batches, 3 a piece of a blob, 4 end    4  u32  1 = the body is deflated
//    8  u32  bytes of the body as it stands here                     12  u32  bytes of the body inflated
//   16  32 B SHA-256 over: hash of the record before (of the preamble, for the first), the 16 bytes above, the body
//   48       body
//
// Batches, one after the other: u16 bytes of the name, u16 0, u32 events, u64 first revision, u32 bytes of the batch, u32 0,
// 32 B digest of the batch before, 32 B digest, name (UTF-8), batch (domain/wire). Begin and end are JSON, a piece of a blob is
// u16 bytes of the location, u16 1 if it is the last piece, location, bytes.
import { hash } from 'node:crypto'
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import type { ChainedBatch } from '../chain/chainedBatch.js'

export const PREAMBLE_BYTES = 16
export const RECORD_HEADER_BYTES = 48
const MAGIC = Buffer.from('LQEXPORT', 'latin1')
const EXPORT_VERSION = 1
/** A batch has 4 MiB at most, and a record one of them at least; whoever says more did not write it. */
const RECORD_BYTES_MAX = 32 * 1_048_576
const BATCH_HEADER_BYTES = 88
const HASH_BYTES = 32
const DEFLATED = 1
const TWO_32 = 2 ** 32

export const KIND = { begin: 1, batches: 2, blob: 3, end: 4 } as const
export type Kind = (typeof KIND)[keyof typeof KIND]

const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer')

export const preamble = (): Buffer => {
  const bytes = Buffer.alloc(PREAMBLE_BYTES)
  MAGIC.copy(bytes)
  bytes.writeUInt32LE(EXPORT_VERSION, 8)
  return bytes
}
export const FIRST_HASH: Buffer = sha256(preamble())

/** What it is instead; undefined = an export that this version reads. */
export const preambleProblem = (bytes: Uint8Array): string | undefined => {
  const found = Buffer.from(bytes)
  const strange = 'it is not an export of a ledger'
  if (found.length < PREAMBLE_BYTES || !found.subarray(0, MAGIC.length).equals(MAGIC)) return strange
  const version = found.readUInt32LE(MAGIC.length)
  if (version !== EXPORT_VERSION)
    return `it has format version ${version}; this version reads version ${EXPORT_VERSION}`
  return found.equals(preamble()) ? undefined : strange
}

const hashOfRecord = (previousHash: Uint8Array, head: Uint8Array, body: Uint8Array): Buffer =>
  sha256(Buffer.concat([previousHash, head, body]))

export const encodeRecord = (
  kind: Kind,
  body: Uint8Array,
  previousHash: Uint8Array,
  compress: boolean,
): Readonly<{ bytes: Buffer; hash: Buffer }> => {
  const deflated = compress ? deflateRawSync(body, { level: constants.Z_BEST_SPEED }) : undefined
  const isSmaller = deflated !== undefined && deflated.length < body.length
  const stored = isSmaller ? deflated : body
  const head = Buffer.alloc(16)
  head.writeUInt32LE(kind, 0)
  head.writeUInt32LE(isSmaller ? DEFLATED : 0, 4)
  head.writeUInt32LE(stored.length, 8)
  head.writeUInt32LE(body.length, 12)
  const own = hashOfRecord(previousHash, head, stored)
  return { bytes: Buffer.concat([head, own, stored]), hash: own }
}

export type RecordHead = Readonly<{ kind: Kind; isDeflated: boolean; bytes: number; inflatedBytes: number }>

const isKind = (kind: number): kind is Kind => kind >= KIND.begin && kind <= KIND.end

export const recordHead = (bytes: Buffer): RecordHead | undefined => {
  const kind = bytes.readUInt32LE(0)
  const flags = bytes.readUInt32LE(4)
  const stored = bytes.readUInt32LE(8)
  const inflatedBytes = bytes.readUInt32LE(12)
  if (!isKind(kind) || flags > DEFLATED || stored > RECORD_BYTES_MAX || inflatedBytes > RECORD_BYTES_MAX)
    return undefined
  return { kind, isDeflated: flags === DEFLATED, bytes: stored, inflatedBytes }
}

/** The body as it was given, or nothing where the hash does not hold. `header` and `stored` as they stand in the file. */
export const openRecord = (
  head: RecordHead,
  header: Buffer,
  stored: Buffer,
  previousHash: Uint8Array,
): Readonly<{ body: Buffer; hash: Buffer }> | undefined => {
  const own = hashOfRecord(previousHash, header.subarray(0, 16), stored)
  if (!own.equals(header.subarray(16, RECORD_HEADER_BYTES))) return undefined
  const body = inflated(head, stored)
  return body.length === head.inflatedBytes ? { body, hash: own } : undefined
}

export const inflated = ({ isDeflated }: RecordHead, stored: Buffer): Buffer =>
  isDeflated ? inflateRawSync(stored, { maxOutputLength: RECORD_BYTES_MAX }) : stored

export const encodeBatches = (batches: ReadonlyArray<ChainedBatch>): Buffer => {
  const parts: Uint8Array[] = []
  for (const { stream, firstRevision, events, previousDigest, digest, bytes } of batches) {
    const name = Buffer.from(stream, 'utf8')
    const head = Buffer.alloc(BATCH_HEADER_BYTES)
    head.writeUInt16LE(name.length, 0)
    head.writeUInt32LE(events, 4)
    head.writeUInt32LE(firstRevision % TWO_32, 8)
    head.writeUInt32LE(Math.floor(firstRevision / TWO_32), 12)
    head.writeUInt32LE(bytes.length, 16)
    head.set(previousDigest, 24)
    head.set(digest, 24 + HASH_BYTES)
    parts.push(head, name, bytes)
  }
  return Buffer.concat(parts)
}

/** undefined = not what `encodeBatches` gives. */
export const decodeBatches = (body: Buffer): ReadonlyArray<ChainedBatch> | undefined => {
  const batches: ChainedBatch[] = []
  for (let at = 0; at < body.length; ) {
    if (at + BATCH_HEADER_BYTES > body.length) return undefined
    const nameAt = at + BATCH_HEADER_BYTES
    const bytesAt = nameAt + body.readUInt16LE(at)
    const end = bytesAt + body.readUInt32LE(at + 16)
    if (end > body.length) return undefined
    batches.push({
      stream: body.toString('utf8', nameAt, bytesAt),
      firstRevision: body.readUInt32LE(at + 12) * TWO_32 + body.readUInt32LE(at + 8),
      events: body.readUInt32LE(at + 4),
      // A file has none of its own.
      position: 0,
      nextPosition: 0,
      previousDigest: body.subarray(at + 24, at + 24 + HASH_BYTES),
      digest: body.subarray(at + 24 + HASH_BYTES, nameAt),
      bytes: body.subarray(bytesAt, end),
    })
    at = end
  }
  return batches
}

export const encodeBlobPiece = (location: string, isLast: boolean, bytes: Uint8Array): Buffer => {
  const name = Buffer.from(location, 'utf8')
  const head = Buffer.alloc(4)
  head.writeUInt16LE(name.length, 0)
  head.writeUInt16LE(isLast ? 1 : 0, 2)
  return Buffer.concat([head, name, bytes])
}

export type BlobPiece = Readonly<{ location: string; isLast: boolean; bytes: Buffer }>

export const decodeBlobPiece = (body: Buffer): BlobPiece | undefined => {
  if (body.length < 4) return undefined
  const end = 4 + body.readUInt16LE(0)
  if (end > body.length) return undefined
  return {
    location: body.toString('utf8', 4, end),
    isLast: body.readUInt16LE(2) === 1,
    bytes: body.subarray(end),
  }
}
