// The two messages that are sent and received once for each event, in protobuf by hand: what is appended and what is read. The
// generated code builds half a dozen objects for each and costs more than everything else together; it stays in use for all other
// messages, and test/adapters/eventstoredb/protobuf.test.ts holds both equal.
import type { FoundEvent, OutgoingEvent } from './storedEvents.js'

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5
const TWO_28 = 2 ** 28
const TWO_53 = 2 ** 53

/** Tag of a field: its number and how it is written. */
const tag = (field: number, kind: number): number => field * 8 + kind

const varintBytes = (value: number): number => {
  let bytes = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++
  return bytes
}

/** Writes a length, or any number below 2^31; returns where it ends. */
const putVarint = (into: Buffer, at: number, value: number): number => {
  let end = at
  let rest = value
  while (rest >= 128) {
    into[end++] = (rest & 127) | 128
    rest >>>= 7
  }
  into[end++] = rest
  return end
}

// AppendReq { proposed_message = 2 }, ProposedMessage { id = 1, metadata = 2, custom_metadata = 3, data = 4 }, UUID { string = 2 }
const PROPOSED = tag(2, BYTES)
const ID = tag(1, BYTES)
const ID_TEXT = tag(2, BYTES)
const PAIR = tag(2, BYTES)
const CUSTOM_METADATA = tag(3, BYTES)
const DATA = tag(4, BYTES)
const ID_CHARS = 36

const pair = (key: string, value: string): Buffer => {
  const keyBytes = Buffer.from(key)
  const valueBytes = Buffer.from(value)
  const entry = Buffer.concat([
    Buffer.from([tag(1, BYTES), keyBytes.length]),
    keyBytes,
    Buffer.from([tag(2, BYTES), valueBytes.length]),
    valueBytes,
  ])
  return Buffer.concat([Buffer.from([PAIR, entry.length]), entry])
}

/** Of each type of event and content: there are a few dozen. */
const pairs = new Map<string, Buffer>()
const pairsOf = (type: string, contentType: string): Buffer => {
  const key = `${type} ${contentType}`
  let found = pairs.get(key)
  if (found === undefined) {
    found = Buffer.concat([pair('type', type), pair('content-type', contentType)])
    pairs.set(key, found)
  }
  return found
}

export const encodeProposed = ({ id, type, contentType, data, metadata }: OutgoingEvent): Buffer => {
  const facts = pairsOf(type, contentType)
  const bodyBytes =
    4 +
    ID_CHARS +
    facts.length +
    (1 + varintBytes(metadata.length) + metadata.length) +
    (1 + varintBytes(data.length) + data.length)
  const message = Buffer.allocUnsafe(1 + varintBytes(bodyBytes) + bodyBytes)
  message[0] = PROPOSED
  let at = putVarint(message, 1, bodyBytes)
  message[at++] = ID
  message[at++] = ID_CHARS + 2
  message[at++] = ID_TEXT
  message[at++] = ID_CHARS
  at += message.write(id, at, 'latin1')
  message.set(facts, at)
  at += facts.length
  message[at++] = CUSTOM_METADATA
  at = putVarint(message, at, metadata.length)
  message.set(metadata, at)
  at += metadata.length
  message[at++] = DATA
  at = putVarint(message, at, data.length)
  message.set(data, at)
  return message
}

/** A message that is not what its field says; the caller falls back to the generated code, which says why. */
class NotProtobuf extends Error {}

class Fields {
  field = 0
  kind = 0
  /** Of a number. */
  value = 0
  /** Of bytes. */
  start = 0

  constructor(
    readonly bytes: Buffer,
    public at: number,
    public end: number,
  ) {}

  next(): boolean {
    if (this.at >= this.end) return false
    const found = this.varint()
    this.field = Math.floor(found / 8)
    this.kind = found % 8
    if (this.kind === VARINT) this.value = this.varint()
    else if (this.kind === BYTES) {
      const length = this.varint()
      this.start = this.at
      this.at += length
    } else if (this.kind === FIXED64) this.at += 8
    else if (this.kind === FIXED32) this.at += 4
    else throw new NotProtobuf()
    if (this.at > this.end) throw new NotProtobuf()
    return true
  }

  /** Above 2^53 it is 2^53: a position that says "none" is all ones. */
  private varint(): number {
    let value = 0
    let factor = 1
    for (;;) {
      const byte = this.bytes[this.at++]
      if (byte === undefined || this.at > this.end) throw new NotProtobuf()
      value += (byte & 127) * factor
      if (byte < 128) return value >= TWO_53 ? TWO_53 : value
      factor *= 128
      if (factor > TWO_28 * TWO_28 * TWO_28) throw new NotProtobuf()
    }
  }

  text(): string {
    return this.bytes.toString('utf8', this.start, this.at)
  }

  part(): Buffer {
    return this.bytes.subarray(this.start, this.at)
  }

  /** The fields inside of this one. */
  inside(): Fields {
    return new Fields(this.bytes, this.start, this.at)
  }
}

const textIn = (outer: Fields, field: number): string => {
  const inner = outer.inside()
  let text = ''
  while (inner.next()) if (inner.field === field && inner.kind === BYTES) text = inner.text()
  return text
}

/** The value of the pair, if it is the one of `type`. */
const typeIn = (outer: Fields): string | undefined => {
  const inner = outer.inside()
  let isType = false
  let value: string | undefined
  while (inner.next()) {
    if (inner.field === 1) isType = inner.at - inner.start === 4 && inner.text() === 'type'
    else if (inner.field === 2 && isType) value = inner.text()
  }
  return value
}

// ReadResp { event = 1 }, ReadEvent { event = 1 }, RecordedEvent { id = 1, stream_identifier = 2, stream_revision = 3,
// prepare_position = 4, commit_position = 5, metadata = 6, custom_metadata = 7, data = 8 }
const recorded = (fields: Fields): FoundEvent => {
  let id = ''
  let stream = ''
  let revision = 0
  let commit = 0
  let type = ''
  let metadata: Uint8Array = NOTHING
  let data: Uint8Array = NOTHING
  while (fields.next()) {
    switch (fields.field) {
      case 1:
        id = textIn(fields, 2)
        break
      case 2:
        stream = textIn(fields, 3)
        break
      case 3:
        revision = fields.value
        break
      case 5:
        commit = fields.value
        break
      case 6:
        type = typeIn(fields) ?? type
        break
      case 7:
        metadata = fields.part()
        break
      case 8:
        data = fields.part()
    }
  }
  return { id, stream, revision, commit: commit === TWO_53 ? undefined : commit, type, metadata, data }
}

const NOTHING = new Uint8Array(0)

/** undefined = it is another answer than an event. The bytes of the event are views on those of the answer. */
export const decodeRead = (bytes: Buffer): FoundEvent | undefined => {
  // Tag of `event`: every event begins so, and nothing else does.
  if (bytes[0] !== tag(1, BYTES)) return undefined
  try {
    const answer = new Fields(bytes, 0, bytes.length)
    let found: FoundEvent | undefined
    while (answer.next()) {
      if (answer.field !== 1 || answer.kind !== BYTES) return undefined
      const event = answer.inside()
      while (event.next()) if (event.field === 1 && event.kind === BYTES) found = recorded(event.inside())
    }
    return found
  } catch (error) {
    if (error instanceof NotProtobuf) return undefined
    throw error
  }
}
