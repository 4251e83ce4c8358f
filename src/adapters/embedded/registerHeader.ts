// First block of a register file (§4.9): whose it is, and how far it covers its stream. It is written after the pages that
// it speaks of were synced, so it never promises too much; whatever is odd about it makes the whole file worthless, and
// a register that is worth nothing is built anew from the log. Layout, integers and doubles little endian:
//
//    0  32 B  SHA-256 over the rest of the block     32  u32  magic "LQFR"   36  u16  format version   38  u16  flags
//   40  f64   a probe in the byte order of the machine, because the pages are in it
//   48  f64   covered revision   56  f64  pages   64  u16  bytes of the name   66  name of the stream, UTF-8
import { invariant } from '../../../domain/invariant.js'
import { sameBytes, sha256, viewOf } from './frames.js'

export type RegisterHeader = Readonly<{
  stream: string
  coveredTo: number
  /** Pages that stand in the file: a shorter file was cut. */
  pages: number
  /** The stream has callers' ids, so the register covers only what their database covers too. */
  hasCallerIds: boolean
}>

export const HEADER_BYTES = 4_096
const FORMAT_VERSION = 1
const MAGIC = Buffer.from('LQFR', 'latin1')
const HASH_BYTES = 32
const NAME_AT = 66
const HAS_CALLER_IDS = 1
const BYTE_ORDER_PROBE = new Uint8Array(new Float64Array([Math.PI]).buffer)

export const headerBytes = ({ stream, coveredTo, pages, hasCallerIds }: RegisterHeader): Uint8Array => {
  const bytes = new Uint8Array(HEADER_BYTES)
  const name = Buffer.from(stream)
  invariant(name.length <= HEADER_BYTES - NAME_AT, 'the name of a stream fits into one block')
  const view = viewOf(bytes)
  bytes.set(MAGIC, HASH_BYTES)
  view.setUint16(36, FORMAT_VERSION, true)
  view.setUint16(38, hasCallerIds ? HAS_CALLER_IDS : 0, true)
  bytes.set(BYTE_ORDER_PROBE, 40)
  view.setFloat64(48, coveredTo, true)
  view.setFloat64(56, pages, true)
  view.setUint16(64, name.length, true)
  bytes.set(name, NAME_AT)
  bytes.set(sha256(bytes.subarray(HASH_BYTES)), 0)
  return bytes
}

export const headerOf = (bytes: Uint8Array): RegisterHeader | undefined => {
  const isWhole =
    bytes.length === HEADER_BYTES &&
    sameBytes(bytes.subarray(0, HASH_BYTES), sha256(bytes.subarray(HASH_BYTES))) &&
    sameBytes(bytes.subarray(HASH_BYTES, 36), MAGIC) &&
    sameBytes(bytes.subarray(40, 48), BYTE_ORDER_PROBE)
  if (!isWhole) return undefined
  const view = viewOf(bytes)
  if (view.getUint16(36, true) !== FORMAT_VERSION) return undefined
  return {
    stream: Buffer.from(bytes.subarray(NAME_AT, NAME_AT + view.getUint16(64, true))).toString(),
    coveredTo: view.getFloat64(48, true),
    pages: view.getFloat64(56, true),
    hasCallerIds: (view.getUint16(38, true) & HAS_CALLER_IDS) !== 0,
  }
}

const READABLE_NAME = /^[a-z0-9_~-][a-z0-9._~-]{0,150}$/

/**
 * The file of a stream. Capital letters are not kept, because some file systems cannot tell them from small ones; such
 * names, and long ones, are told apart by a hash.
 */
export const registerFileName = (stream: string): string => {
  if (READABLE_NAME.test(stream)) return `${stream}.reg`
  const readable = stream.toLowerCase().replaceAll(/[^a-z0-9._~-]/g, '-')
  const told = Buffer.from(sha256(Buffer.from(stream))).toString('hex')
  return `_${readable.slice(0, 100)}=${told.slice(0, 32)}.reg`
}
