// A batch as EventStoreDB keeps it, and back: each event stands for itself, as readable JSON, and says in its metadata what the
// batch was (id, place in it, time, epoch), so that batches are put together again whoever reads. The ids of the events come from
// the batch's id, which is unique for each writer's term: a repeat is known by them, and two writers never share one (I2).
import { createHash } from 'node:crypto'
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import {
  type EventBatch,
  type LedgerEvent,
  type OlderForm,
  positionAt,
  type RecordedBatch,
} from '../../../domain/batch.js'
import { decodeEvent, encodeEvent, isLatestVersion } from '../../../domain/codecs.js'
import type { EventDecodeFault } from '../../../domain/eventCodec.js'
import { generatedId, type PartitionRef, parsePartitionStream } from '../../../domain/ids.js'
import { isFields } from '../../../domain/storedFields.js'
import { decodeBatch, encodeBatch } from '../../../domain/wire/batchRows.js'
import { ByteWriter } from '../../../domain/wire/byteWriter.js'
import { batchDigest } from '../../chain/batchDigest.js'

export const JSON_CONTENT = 'application/json'

/** As it goes to the server. */
export type OutgoingEvent = Readonly<{
  id: string
  type: string
  contentType: string
  data: Uint8Array
  metadata: Uint8Array
}>

/** As it comes from the server. */
export type FoundEvent = Readonly<{
  stream: string
  revision: number
  /** Place in the server's own log; undefined where the server does not tell. */
  commit: number | undefined
  id: string
  type: string
  data: Uint8Array
  metadata: Uint8Array
}>

/** What the metadata of a ledger's event says. */
type BatchFacts = Readonly<{
  version: number
  batchId: string
  index: number
  count: number
  at: number
  epoch: number
  previous: number
  /** On the last event of a batch: the digest of the batch (src/chain). */
  digest: string | undefined
  /** Its share of the batch's recorded bytes, where they are not what this version would write. */
  recorded: string | undefined
}>

/** What goes to the server in one append: a batch, or a part of one that was too large for it. */
export type EncodedPart = Readonly<{
  events: ReadonlyArray<OutgoingEvent>
  /** As the server counts them. */
  bytes: number
  digest: Uint8Array
}>

const encoder = new TextEncoder()
const rows = new ByteWriter()
/** A type is stored as UTF-16. */
const TYPE_CHAR_BYTES = 2

/** 96 bits of a hash of the batch's id, and the event's place in the batch. */
const eventIdsOf = (batchId: string): ((index: number) => string) => {
  const digest = createHash('sha256').update(batchId).digest('hex')
  // The version and variant digits of a random UUID: some tools look at them.
  const head = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-4${digest.slice(12, 15)}-8${digest.slice(15, 18)}`
  const middle = digest.slice(18, 24)
  return (index) => `${head}-${middle}${index.toString(16).padStart(6, '0')}`
}

export const partitionOf = (stream: string): PartitionRef | undefined =>
  // A ledger with a `streamPrefix` names its partitions behind it.
  parsePartitionStream(stream) ?? parsePartitionStream(stream.slice(stream.indexOf('.') + 1))

type Prepared = Readonly<{ type: string; version: number; data: Uint8Array }>
/** Metadata of an event are about 300 bytes; names of queues and batches make them longer. */
const METADATA_BYTES = 512

const prepared = (event: LedgerEvent): Prepared => {
  const { type, version, data } = encodeEvent(event)
  return { type, version, data: encoder.encode(JSON.stringify(data)) }
}

/** Where to cut, so that each part is below the limit if it can be; what has to stay together does. */
const partEnds = (events: ReadonlyArray<Prepared>, batch: EventBatch, bytesMax: number): number[] => {
  const ends: number[] = []
  const { cuts = [] } = batch
  let partBytes = 0
  let unitBytes = 0
  let unitStart = 0
  let cut = 0
  for (let index = 0; index <= events.length; index++) {
    while ((cuts[cut] ?? Number.POSITIVE_INFINITY) < index) cut++
    if (index === events.length || cuts[cut] === index) {
      if (partBytes > 0 && partBytes + unitBytes > bytesMax) {
        ends.push(unitStart)
        partBytes = 0
      }
      partBytes += unitBytes
      unitBytes = 0
      unitStart = index
    }
    const event = events[index]
    if (event !== undefined)
      unitBytes += event.data.length + METADATA_BYTES + event.type.length * TYPE_CHAR_BYTES
  }
  ends.push(events.length)
  return ends
}

/** A batch as appends that follow one another; nearly always one. */
export const encodeStored = (
  stream: string,
  firstRevision: number,
  batch: EventBatch,
  previousDigest: Uint8Array,
  bytesMax: number,
): ReadonlyArray<EncodedPart> => {
  const events = batch.events.map(prepared)
  const parts: EncodedPart[] = []
  let from = 0
  let digest = previousDigest
  for (const end of partEnds(events, batch, bytesMax)) {
    const isWhole = from === 0 && end === events.length
    const part: EventBatch = isWhole
      ? batch
      : {
          batchId: from === 0 ? batch.batchId : `${batch.batchId}/${parts.length}`,
          at: batch.at,
          epoch: batch.epoch,
          events: batch.events.slice(from, end),
          previous: batch.previous.slice(from, end),
        }
    const encoded = encodePart(stream, firstRevision + from, part, events.slice(from, end), digest)
    parts.push(encoded)
    digest = encoded.digest
    from = end
  }
  return parts
}

/**
 * A batch that came from another log, with the digest it has there. Where this version would write other bytes than those that the
 * digest covers, they stand in shares beside its events: the chain can be proved here, too, and go on to the next store.
 */
export const encodeRecorded = (
  stream: string,
  batch: EventBatch,
  recordedBytes: Uint8Array,
  digest: Uint8Array,
): EncodedPart => {
  const isOfToday = Buffer.compare(bytesOfToday(batch), recordedBytes) === 0
  return outgoing(stream, batch, batch.events.map(prepared), digest, isOfToday ? undefined : recordedBytes)
}

/** As this version would write the events, whichever version they were recorded in. */
const bytesOfToday = ({ older: _, ...batch }: EventBatch): Uint8Array => {
  rows.reset()
  encodeBatch(batch, rows)
  return rows.bytes()
}

const encodePart = (
  stream: string,
  firstRevision: number,
  batch: EventBatch,
  events: ReadonlyArray<Prepared>,
  previousDigest: Uint8Array,
): EncodedPart =>
  outgoing(
    stream,
    batch,
    events,
    batchDigest(previousDigest, { stream, firstRevision }, bytesOfToday(batch)),
    undefined,
  )

const shareOf = (recorded: Uint8Array, index: number, count: number): string => {
  const start = Math.floor((recorded.length * index) / count)
  const end = Math.floor((recorded.length * (index + 1)) / count)
  return Buffer.from(recorded.subarray(start, end)).toString('base64')
}

const outgoing = (
  stream: string,
  batch: EventBatch,
  events: ReadonlyArray<Prepared>,
  digest: Uint8Array,
  recorded: Uint8Array | undefined,
): EncodedPart => {
  const idOf = eventIdsOf(batch.batchId)
  const ref = partitionOf(stream)
  const cause = JSON.stringify(batch.batchId)
  const head = `,"count":${events.length},"at":${batch.at},"epoch":${batch.epoch},"batch":${cause},"$causationId":${cause}`
  const last = events.length - 1
  const sent: OutgoingEvent[] = []
  let bytes = 0
  for (let index = 0; index <= last; index++) {
    const { type, version, data } = events[index] as Prepared
    const event = batch.events[index] as LedgerEvent
    const message =
      ref !== undefined && 'ordinal' in event ? `,"$correlationId":"${generatedId(ref, event.ordinal)}"` : ''
    const chain = index === last ? `,"digest":"${Buffer.from(digest).toString('hex')}"` : ''
    const share = recorded === undefined ? '' : `,"recorded":"${shareOf(recorded, index, events.length)}"`
    const metadata = encoder.encode(
      `{"version":${version},"index":${index}${head},"previous":${batch.previous[index]}${message}${chain}${share}}`,
    )
    bytes += data.length + metadata.length + type.length * TYPE_CHAR_BYTES
    sent.push({ id: idOf(index), type, contentType: JSON_CONTENT, data, metadata })
  }
  return { events: sent, bytes, digest }
}

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')

const parsed = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(textOf(bytes))
  } catch {
    return undefined
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** undefined = not an event of a ledger. */
export const factsOf = (found: FoundEvent): BatchFacts | undefined => {
  const stored = parsed(found.metadata)
  if (!isFields(stored)) return undefined
  const { version, batch, index, count, at, epoch, previous, digest, recorded } = stored
  const isPlaced = isCount(index) && isCount(count) && index < count
  if (typeof batch !== 'string' || !isPlaced || !isCount(at) || !isCount(epoch)) return undefined
  if (typeof version !== 'number' || typeof previous !== 'number') return undefined
  return {
    version,
    batchId: batch,
    index,
    count,
    at,
    epoch,
    previous,
    digest: typeof digest === 'string' ? digest : undefined,
    recorded: typeof recorded === 'string' ? recorded : undefined,
  }
}

/** A place in the server's log as a position of ours: even = at this event, odd = after it. Both name a record of the server. */
export const positionOfCommit = (commit: number): number => commit * 2
export const positionAfterCommit = (commit: number): number => commit * 2 + 1
export const commitOfPosition = (position: number): Readonly<{ commit: number; isAfter: boolean }> => ({
  commit: Math.floor(position / 2),
  isAfter: position % 2 === 1,
})

const describe = (fault: EventDecodeFault): string => {
  switch (fault.type) {
    case 'UnknownEventType':
      return `an event of type ${fault.eventType}, which this version does not know`
    case 'UnknownEventVersion':
      return `${fault.eventType} has version ${fault.version}; this version knows up to ${fault.versionKnown}`
    case 'InvalidEventData':
      return `${fault.eventType} version ${fault.version} cannot be read: ${fault.errors.join('; ')}`
  }
}

export type Refusal = Readonly<{ revision: number; commit: number | undefined; reason: string }>

/** Puts one batch together from its events, which are all there and in order. `stream` as the ledger names it. */
export const decodeStored = (
  stream: string,
  found: ReadonlyArray<readonly [FoundEvent, BatchFacts]>,
): Either<Refusal, RecordedBatch> => {
  const first = found[0]
  if (first === undefined) return left({ revision: 0, commit: undefined, reason: 'an empty batch' })
  const [{ revision: firstRevision, commit: firstCommit }, { batchId, at, epoch }] = first
  const events: LedgerEvent[] = []
  const previous: number[] = []
  const positions: number[] = []
  const older = new Map<number, OlderForm>()
  for (const [{ revision, commit, type, data }, facts] of found) {
    const refuse = (reason: string): Either<Refusal, never> => left({ revision, commit, reason })
    const stored = parsed(data)
    if (facts.at !== at || facts.epoch !== epoch)
      return refuse('its time or its epoch are not those of its batch')
    if (stored === undefined) return refuse(`${type} is not JSON`)
    const decoded = decodeEvent(type, facts.version, stored)
    if (isLeft(decoded)) return refuse(describe(decoded.left))
    if (!isLatestVersion(type, facts.version))
      older.set(events.length, { type, version: facts.version, data: stored })
    events.push(decoded.right)
    previous.push(facts.previous)
    positions.push(positionOfCommit(commit ?? 0))
  }
  const lastCommit = found[found.length - 1]?.[0].commit ?? 0
  positions.push(positionAfterCommit(lastCommit))
  const position = positionOfCommit(firstCommit ?? 0)
  const batch = { batchId, at, epoch, events, previous, stream, firstRevision, position, positions }
  if (first[1].recorded === undefined) return right(older.size === 0 ? batch : { ...batch, older })
  const recordedBytes = Buffer.concat(found.map(([, { recorded = '' }]) => Buffer.from(recorded, 'base64')))
  const recorded = decodeBatch(recordedBytes)
  if (!isLeft(recorded) && saysTheSame(recorded.right, batch)) {
    const { older: before } = recorded.right
    return right({ ...batch, recordedBytes, ...(before === undefined ? {} : { older: before }) })
  }
  const reason = 'the recorded bytes beside the events of its batch are not those of the events'
  return left({ revision: firstRevision, commit: firstCommit, reason })
}

/** Other words for the same events are what they are kept for; other events would be two truths. */
const saysTheSame = (recorded: EventBatch, batch: EventBatch): boolean => {
  const words = Uint8Array.from(bytesOfToday(recorded))
  return Buffer.compare(words, bytesOfToday(batch)) === 0
}

export const endOfBatch = (batch: RecordedBatch): number => positionAt(batch, batch.events.length)
