// One line of the archive: an event as the topic told it, its place there, and the hash that ties the line to all before it. The
// hash covers the text of the line as it stands, so it is checked without knowing what the fields mean; `data` is the record's own
// text, byte for byte. The same topic always gives the same lines.
import { createHash } from 'node:crypto'
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { LedgerEvent, OlderForm } from '../../../domain/batch.js'
import { isLatestVersion } from '../../../domain/codecs.js'
import { IntegerCodec, JsonCodec, NaturalCodec, storedRecord } from '../../../domain/storedFields.js'

/** An event in today's form, and how the log has it where that is an older version. */
export type LoggedEvent = Readonly<{ event: LedgerEvent; older?: OlderForm }>

/** What the log holds of an event that reads so: an older version's own words are those of its data. */
export const loggedAs = (event: LedgerEvent, version: number, data: () => unknown): LoggedEvent => {
  const { type } = event
  return isLatestVersion(type, version) ? { event } : { event, older: { type, version, data: data() } }
}

/** What is about to be archived. */
export type ArchivableEvent = Readonly<{
  offset: number
  stream: string
  revision: number
  position: number
  at: number
  queue: string | undefined
  id: string | undefined
  type: string
  version: number
  epoch: number
  batchId: string
  index: number
  count: number
  previous: number
  isRedacted: boolean
  /** JSON text. */
  data: string
  /** What the log holds; undefined where that is not known. */
  logged: LoggedEvent | undefined
}>

const HASH = /^[0-9a-f]{64}$/
const HashCodec = new t.Type<string, string, unknown>(
  '64 hexadecimal digits',
  (value): value is string => typeof value === 'string' && HASH.test(value),
  (value, context) =>
    typeof value === 'string' && HASH.test(value) ? t.success(value) : t.failure(value, context),
  t.identity,
)

const LineCodec = storedRecord(
  'a line of the archive',
  {
    offset: NaturalCodec,
    stream: t.string,
    revision: NaturalCodec,
    position: NaturalCodec,
    at: t.string,
    type: t.string,
    version: NaturalCodec,
    epoch: NaturalCodec,
    batch: t.string,
    index: NaturalCodec,
    count: NaturalCodec,
    previous: IntegerCodec,
    data: JsonCodec,
    hash: HashCodec,
  },
  { queue: t.string, id: t.string, redacted: t.literal(true), digest: HashCodec },
)
export type ArchivedLine = t.TypeOf<typeof LineCodec>

export const sha256 = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex')

/** What stands before the first line: lines of another ledger or partition do not follow it. */
export const genesisHash = (ledger: string, partition: number): string =>
  sha256(`ledgerq audit 1\n${ledger}\n${partition}`)

const hashOf = (previous: string, body: string): string => sha256(`${previous}\n${body}`)

const optional = (name: string, value: string | undefined): string =>
  value === undefined ? '' : `,"${name}":${JSON.stringify(value)}`

/** `digest`: the ledger's own, on the last event of a batch. */
export const lineOf = (
  previous: string,
  event: ArchivableEvent,
  digest: string | undefined,
): Readonly<{ line: string; hash: string }> => {
  const { offset, stream, revision, position, type, version, epoch, batchId, index, count } = event
  const body =
    `{"offset":${offset},"stream":${JSON.stringify(stream)},"revision":${revision},"position":${position}` +
    `,"at":"${new Date(event.at).toISOString()}"${optional('queue', event.queue)}${optional('id', event.id)}` +
    `,"type":"${type}","version":${version},"epoch":${epoch},"batch":${JSON.stringify(batchId)},"index":${index}` +
    `,"count":${count},"previous":${event.previous}${event.isRedacted ? ',"redacted":true' : ''}` +
    `,"data":${event.data}${optional('digest', digest)}`
  const hash = hashOf(previous, body)
  return { line: `${body},"hash":"${hash}"}`, hash }
}

const HASH_TAIL = /,"hash":"([0-9a-f]{64})"\}$/
const TAIL_CHARS = ',"hash":"'.length + 64 + '"}'.length

/** The line and what it says, or why it is not the one that was written there. */
export const readLine = (previous: string, text: string): Either<string, ArchivedLine> => {
  const found = HASH_TAIL.exec(text.slice(-TAIL_CHARS))?.[1]
  if (found === undefined) return left('the line does not end with a hash')
  if (hashOf(previous, text.slice(0, -TAIL_CHARS)) !== found)
    return left('the line is not what was written here, or a line before it is missing')
  const decoded = LineCodec.decode(parsed(text))
  return isLeft(decoded) ? left('the line is not an event') : right(decoded.right)
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
