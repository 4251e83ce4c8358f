// The form of a record in the topic, and back: a CloudEvent in binary mode. Key = id of the message; value = the event's data as
// readable JSON, as EventStoreDB keeps it; headers say which event it is and where it stands in the log. Batch, place in it and
// previous revision are among them, so that a log, with its chain of digests, can be put together again from the topic alone.
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { type LedgerEvent, positionAt, type RecordedBatch } from '../../../domain/batch.js'
import { decodeEvent, encodeEvent, isLatestVersion } from '../../../domain/codecs.js'
import { CATALOG_STREAM, generatedId, parsePartitionStream } from '../../../domain/ids.js'
import { storedRecord } from '../../../domain/storedFields.js'
import type { FanOutRecord } from '../../ports/fanOut.js'

const SPEC_VERSION = '1.0'
const JSON_CONTENT = 'application/json'
const SOURCE_PREFIX = '/ledgerq/'
const TYPE_PREFIX = 'io.ledgerq.'
const CONTROL_STREAM = /^control-(.+)~\d+$/

/** `MessageDeadLettered`, version 1: `io.ledgerq.message.dead_lettered.v1`. */
const cloudTypeOf = (type: string, version: number): string => {
  const [noun = '', ...verb] = type.split(/(?<=[a-z])(?=[A-Z])/).map((word) => word.toLowerCase())
  return `${TYPE_PREFIX}${noun}.${verb.join('_')}.v${version}`
}
/** Of the latest version, which nearly all events are of. */
const cloudTypes = new Map<string, string>()
const knownCloudType = (type: string, version: number): string => {
  if (!isLatestVersion(type, version)) return cloudTypeOf(type, version)
  const known = cloudTypes.get(type)
  if (known !== undefined) return known
  const named = cloudTypeOf(type, version)
  cloudTypes.set(type, named)
  return named
}

const CLOUD_TYPE = /^io\.ledgerq\.([a-z]+)\.([a-z_]+)\.v([1-9]\d{0,5})$/
const eventTypeOf = (cloudType: string): Readonly<{ type: string; version: number }> | undefined => {
  const found = CLOUD_TYPE.exec(cloudType)
  if (found === null) return undefined
  const words = [found[1] ?? '', ...(found[2] ?? '').split('_')]
  const type = words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join('')
  return { type, version: Number(found[3]) }
}

type Subject = Readonly<{ queue: string | undefined; partition: number | undefined; id: string | undefined }>

const subjectOf = (stream: string, event: LedgerEvent): Subject => {
  const ref = parsePartitionStream(stream)
  if (ref !== undefined) {
    const id = 'ordinal' in event ? (event.callerId ?? generatedId(ref, event.ordinal)) : undefined
    return { queue: ref.queue, partition: ref.partition, id }
  }
  const queue = stream === CATALOG_STREAM && 'queue' in event ? event.queue : CONTROL_STREAM.exec(stream)?.[1]
  return { queue, partition: undefined, id: undefined }
}

/** Takes out what must not leave; gives the data itself where there is nothing to take. */
export type Redact = (data: unknown) => unknown
export const keepAll: Redact = (data) => data

// What stands around key, value and headers of a record on the wire, and around each header.
const RECORD_BYTES = 24
const HEADER_BYTES = 4

/** Of one ledger: `ledger` names it to readers of the topic. `partition` is that of the topic. */
export const recordEncoder = (ledger: string, redact: Redact) => {
  const source = SOURCE_PREFIX + encodeURIComponent(ledger)
  return (batch: RecordedBatch, index: number, partition: number): FanOutRecord => {
    const event = batch.events[index] as LedgerEvent
    // As it stands in the log: its digest covers that, and readers know older versions.
    const { type, version, data } = batch.older?.get(index) ?? encodeEvent(event)
    const { stream } = batch
    const { queue, partition: logPartition, id } = subjectOf(stream, event)
    const revision = batch.firstRevision + index
    const kept = redact(data)
    const value = JSON.stringify(kept)
    const key = id ?? queue ?? stream
    const headers: Record<string, string> = {
      ce_specversion: SPEC_VERSION,
      ce_id: `${stream}/${revision}`,
      ce_source: source,
      ce_type: knownCloudType(type, version),
      ce_time: new Date(batch.at).toISOString(),
      ...(key === stream ? {} : { ce_subject: key }),
      'content-type': JSON_CONTENT,
      ledgerq_ledger: ledger,
      ledgerq_stream: stream,
      ledgerq_revision: String(revision),
      ledgerq_position: String(positionAt(batch, index)),
      ...(logPartition === undefined ? {} : { ledgerq_partition: String(logPartition) }),
      ledgerq_batch: batch.batchId,
      ledgerq_place: `${index}/${batch.events.length}`,
      ledgerq_epoch: String(batch.epoch),
      ledgerq_previous: String(batch.previous[index]),
      ...(kept === data ? {} : { ledgerq_redacted: '1' }),
    }
    let bytes = RECORD_BYTES + key.length + Buffer.byteLength(value)
    for (const name in headers) bytes += HEADER_BYTES + name.length + (headers[name] as string).length
    return { partition, key, value, headers, bytes }
  }
}

/** As clients of Kafka hand a record over; several values of one header are not ours. */
export type FoundRecord = Readonly<{
  key: Uint8Array | string | null
  value: Uint8Array | string | null
  headers?: Readonly<Record<string, unknown>> | undefined
}>

/** An event as the topic tells it. */
export type LedgerRecord = Readonly<{
  ledger: string
  stream: string
  revision: number
  /** In the order of the whole log. */
  position: number
  /** Undefined for streams that belong to no queue. */
  queue: string | undefined
  /** Of the queue; undefined for events that are about no partition. */
  partition: number | undefined
  /** The message's id. */
  id: string | undefined
  at: number
  epoch: number
  batchId: string
  /** Place in its batch, of `count` events. */
  index: number
  count: number
  previous: number
  /** Something was taken out of the event before it left. */
  isRedacted: boolean
  /** Of the event's stored form, which is that of `value`. */
  version: number
  /** Upcast to the latest version. What was redacted reads `[redacted]`. */
  event: LedgerEvent
  /** The text of the value, as it stands in the topic. */
  value: string
}>

export type RecordFault =
  /** Somebody else's record, or a damaged one. */
  | Readonly<{ type: 'NotOurs'; reason: string }>
  /** Of a type or version that a later program has written: never skipped (I8). */
  | Readonly<{ type: 'FromTheFuture'; reason: string }>

const numberText = (least: number) =>
  new t.Type<number, string, unknown>(
    `a whole number from ${least}`,
    (value): value is number => typeof value === 'number',
    (value, context) => {
      const number = typeof value === 'string' && /^-?\d{1,16}$/.test(value) ? Number(value) : Number.NaN
      return Number.isSafeInteger(number) && number >= least ? t.success(number) : t.failure(value, context)
    },
    String,
  )

const HeadersCodec = storedRecord(
  'headers',
  {
    ce_specversion: t.literal(SPEC_VERSION),
    ce_type: t.string,
    ce_time: t.string,
    ledgerq_ledger: t.string,
    ledgerq_stream: t.string,
    ledgerq_revision: numberText(0),
    ledgerq_position: numberText(0),
    ledgerq_batch: t.string,
    ledgerq_place: t.string,
    ledgerq_epoch: numberText(0),
    ledgerq_previous: numberText(-1),
  },
  { ce_subject: t.string, ledgerq_redacted: t.literal('1') },
)

const textOf = (bytes: unknown): unknown =>
  bytes instanceof Uint8Array
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
    : bytes

const notOurs = (reason: string): Either<RecordFault, never> => left({ type: 'NotOurs', reason })

export const decodeRecord = (found: FoundRecord): Either<RecordFault, LedgerRecord> => {
  const texts: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(found.headers ?? {})) texts[name] = textOf(value)
  const headers = HeadersCodec.decode(texts)
  if (isLeft(headers)) {
    const wrong = headers.left.map(({ context }) => context[context.length - 1]?.key).join(', ')
    return notOurs(`not an event of a ledger: header ${wrong}`)
  }
  const { ledgerq_stream: stream, ledgerq_revision: revision, ce_type: cloudType } = headers.right
  const where = `${stream}, revision ${revision}`
  const named = eventTypeOf(cloudType)
  const value = textOf(found.value)
  const [index, count] = headers.right.ledgerq_place.split('/').map(Number)
  const at = Date.parse(headers.right.ce_time)
  if (named === undefined || typeof value !== 'string' || !Number.isSafeInteger(at))
    return notOurs(`${where}: no value, or ${cloudType} at ${headers.right.ce_time}`)
  if (index === undefined || count === undefined || !(index >= 0 && index < count))
    return notOurs(`${where}: place ${headers.right.ledgerq_place}`)
  let data: unknown
  try {
    data = JSON.parse(value)
  } catch {
    return notOurs(`${where}: the value is not JSON`)
  }
  const decoded = decodeEvent(named.type, named.version, data)
  if (isLeft(decoded)) {
    if (decoded.left.type === 'InvalidEventData')
      return notOurs(`${where}: ${cloudType}: ${decoded.left.errors.join('; ')}`)
    return left({ type: 'FromTheFuture', reason: `${where}: ${cloudType} is not known to this version` })
  }
  const event = decoded.right
  return right({
    ledger: headers.right.ledgerq_ledger,
    stream,
    revision,
    position: headers.right.ledgerq_position,
    ...subjectOf(stream, event),
    at,
    epoch: headers.right.ledgerq_epoch,
    batchId: headers.right.ledgerq_batch,
    index,
    count,
    previous: headers.right.ledgerq_previous,
    isRedacted: headers.right.ledgerq_redacted !== undefined,
    version: named.version,
    event,
    value,
  })
}
