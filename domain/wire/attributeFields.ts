// The attributes of a message inside its row: which of them there are, as bits of one number, then the value of each in the
// order of its bit. Texts stand as they are: a table of texts for the batch makes rows shorter by some bytes, and costs two
// look-ups for each text, more than writing it. A bit is never used for anything else again; bits from the future, and the
// rare attributes with a form of their own, are JSON text behind the last one, spelt as in MessageEnqueued version 1.
//
//   0 ... 10    type, tenant, group, dedupKey, zone, topic, idempotencyKey, correlationId, causationId, gate, rerunOf: text
//   11 headers  count, then name and value of each             12 fallbackZones   count, then each
//   13 timeoutMs, 14 leaseMs: number                           15 ... 18  retryable, batchable, cancelable: false; guarantee
//   19 JSON text of retry, blob, onSuccess, onFailure
import { encodeAttributes } from '../message/codecs.js'
import type { MessageAttributes } from '../message/index.js'
import type { ByteReader } from './byteReader.js'
import type { ByteWriter } from './byteWriter.js'
import { readHeaders, writeHeaders } from './headerFields.js'

/** Text attributes in the order of their bits: append only. */
const TEXTS = [
  'type',
  'tenant',
  'group',
  'dedupKey',
  'zone',
  'topic',
  'idempotencyKey',
  'correlationId',
  'causationId',
  'gate',
  'rerunOf',
] as const satisfies ReadonlyArray<keyof MessageAttributes>
const ALL_TEXTS = 2 ** TEXTS.length - 1
const HEADERS = 1 << 11
const FALLBACK_ZONES = 1 << 12
const TIMEOUT_MS = 1 << 13
const LEASE_MS = 1 << 14
const NOT_RETRYABLE = 1 << 15
const NOT_BATCHABLE = 1 << 16
const NOT_CANCELABLE = 1 << 17
const FIRE_AND_FORGET = 1 << 18
const RARE = 1 << 19
const KNOWN = 2 * RARE - 1

type Writable = { -readonly [K in keyof MessageAttributes]: MessageAttributes[K] }
const RARE_NAMES = ['retry', 'blob', 'onSuccess', 'onFailure'] as const

/** Written out, not a loop over names: fields of objects of few shapes are found by place, not by name. */
const textBits = (of: MessageAttributes): number =>
  (of.type === undefined ? 0 : 1) |
  (of.tenant === undefined ? 0 : 2) |
  (of.group === undefined ? 0 : 4) |
  (of.dedupKey === undefined ? 0 : 8) |
  (of.zone === undefined ? 0 : 16) |
  (of.topic === undefined ? 0 : 32) |
  (of.idempotencyKey === undefined ? 0 : 64) |
  (of.correlationId === undefined ? 0 : 128) |
  (of.causationId === undefined ? 0 : 256) |
  (of.gate === undefined ? 0 : 512) |
  (of.rerunOf === undefined ? 0 : 1_024)

const isRare = (of: MessageAttributes): boolean =>
  of.retry !== undefined || of.blob !== undefined || of.onSuccess !== undefined || of.onFailure !== undefined

const otherBits = (of: MessageAttributes): number =>
  (of.headers === undefined ? 0 : HEADERS) |
  (of.fallbackZones === undefined ? 0 : FALLBACK_ZONES) |
  (of.timeoutMs === undefined ? 0 : TIMEOUT_MS) |
  (of.leaseMs === undefined ? 0 : LEASE_MS) |
  (of.retryable === undefined ? 0 : NOT_RETRYABLE) |
  (of.batchable === undefined ? 0 : NOT_BATCHABLE) |
  (of.cancelable === undefined ? 0 : NOT_CANCELABLE) |
  (of.guarantee === undefined ? 0 : FIRE_AND_FORGET) |
  (isRare(of) ? RARE : 0)

/** Hot path: once for each message that comes with attributes (bench/micro/batchRows.ts). */
export const writeAttributes = (attributes: MessageAttributes, out: ByteWriter): void => {
  const texts = textBits(attributes)
  const others = otherBits(attributes)
  out.varint(texts | others)
  for (let rest = texts; rest !== 0; rest &= rest - 1) {
    out.string(attributes[TEXTS[31 - Math.clz32(rest & -rest)]!]!)
  }
  if (others !== 0) writeOthers(attributes, others, out)
}

const writeOthers = (attributes: MessageAttributes, bits: number, out: ByteWriter): void => {
  const { headers, fallbackZones, timeoutMs, leaseMs } = attributes
  if (headers !== undefined) writeHeaders(headers, out)
  if (fallbackZones !== undefined) {
    out.varint(fallbackZones.length)
    for (const zone of fallbackZones) out.string(zone)
  }
  if (timeoutMs !== undefined) out.varint(timeoutMs)
  if (leaseMs !== undefined) out.varint(leaseMs)
  if ((bits & RARE) === 0) return
  const rare: Record<string, unknown> = {}
  for (const name of RARE_NAMES) if (attributes[name] !== undefined) rare[name] = attributes[name]
  out.string(JSON.stringify(encodeAttributes(rare as MessageAttributes)))
}

/** `readRare` reads what stands in JSON text, or refuses it. */
export const readAttributes = (bytes: ByteReader, readRare: () => MessageAttributes): MessageAttributes => {
  const bits = bytes.varint()
  if (bits > KNOWN) throw bytes.malformed('an unknown attribute')
  const found: Writable = {}
  for (let rest = bits & ALL_TEXTS; rest !== 0; rest &= rest - 1) {
    found[TEXTS[31 - Math.clz32(rest & -rest)]!] = bytes.string()
  }
  if ((bits & ~ALL_TEXTS) !== 0) readOthers(bytes, bits, found, readRare)
  return found
}

const readOthers = (
  bytes: ByteReader,
  bits: number,
  found: Writable,
  readRare: () => MessageAttributes,
): void => {
  if ((bits & HEADERS) !== 0) found.headers = readHeaders(bytes)
  if ((bits & FALLBACK_ZONES) !== 0) found.fallbackZones = readTexts(bytes)
  if ((bits & TIMEOUT_MS) !== 0) found.timeoutMs = bytes.varint()
  if ((bits & LEASE_MS) !== 0) found.leaseMs = bytes.varint()
  if ((bits & NOT_RETRYABLE) !== 0) found.retryable = false
  if ((bits & NOT_BATCHABLE) !== 0) found.batchable = false
  if ((bits & NOT_CANCELABLE) !== 0) found.cancelable = false
  if ((bits & FIRE_AND_FORGET) !== 0) found.guarantee = 'fireAndForget'
  if ((bits & RARE) === 0) return
  const rare = readRare()
  if (!isRare(rare) || (textBits(rare) | otherBits(rare)) !== RARE)
    throw bytes.malformed('an attribute in JSON that has a place of its own')
  Object.assign(found, rare)
}

const readTexts = (bytes: ByteReader): ReadonlyArray<string> => {
  const texts: string[] = []
  for (let left = bytes.varint(); left > 0; left--) texts.push(bytes.string())
  return texts
}
