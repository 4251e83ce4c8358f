// The follow-ups of a message's end inside its row: their number, then for each of them which optional fields it has, as bits, its
// queue, its payload as it was accepted, and those fields: type, delayMs, headers. As JSON text, which rows of before hold, one
// follow-up took 1.7 us to write, most of it for asking whether its payload could be nested in JSON without a change.
import type { FollowUp } from '../message/index.js'
import type { ByteReader } from './byteReader.js'
import type { ByteWriter } from './byteWriter.js'
import { readHeaders, writeHeaders } from './headerFields.js'

const HAS_TYPE = 1
const HAS_DELAY_MS = 2
const HAS_HEADERS = 4

export const writeFollowUps = (followUps: ReadonlyArray<FollowUp>, out: ByteWriter): void => {
  out.varint(followUps.length)
  for (const { queue, payload, type, delayMs, headers } of followUps) {
    out.u8(
      (type === undefined ? 0 : HAS_TYPE) |
        (delayMs === undefined ? 0 : HAS_DELAY_MS) |
        (headers === undefined ? 0 : HAS_HEADERS),
    )
    out.string(queue)
    out.string(payload)
    if (type !== undefined) out.string(type)
    if (delayMs !== undefined) out.varint(delayMs)
    if (headers !== undefined) writeHeaders(headers, out)
  }
}

export const readFollowUps = (bytes: ByteReader): ReadonlyArray<FollowUp> => {
  const followUps: FollowUp[] = []
  for (let left = bytes.varint(); left > 0; left--) {
    const bits = bytes.u8()
    if (bits > (HAS_TYPE | HAS_DELAY_MS | HAS_HEADERS))
      throw bytes.malformed('an unknown field of a follow-up')
    const followUp: { -readonly [K in keyof FollowUp]: FollowUp[K] } = {
      queue: bytes.string(),
      payload: bytes.string(),
    }
    if ((bits & HAS_TYPE) !== 0) followUp.type = bytes.string()
    if ((bits & HAS_DELAY_MS) !== 0) followUp.delayMs = bytes.varint()
    if ((bits & HAS_HEADERS) !== 0) followUp.headers = readHeaders(bytes)
    followUps.push(followUp)
  }
  return followUps
}
