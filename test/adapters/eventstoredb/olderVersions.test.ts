// Events that an older version has recorded in EventStoreDB: read in today's form, and proved over the words that stand there (R63).
import { isLeft } from 'fp-ts/lib/Either.js'
import { expect, it } from 'vitest'
import { type EventBatch, NO_REVISION } from '../../../domain/batch.js'
import { decodeEvent } from '../../../domain/codecs.js'
import { encodeBatch } from '../../../domain/wire/batchRows.js'
import { ByteWriter } from '../../../domain/wire/byteWriter.js'
import {
  decodeStored,
  encodeRecorded,
  encodeStored,
  factsOf,
} from '../../../src/adapters/eventstoredb/storedEvents.js'
import { batchDigest, GENESIS_DIGEST } from '../../../src/chain/batchDigest.js'

const STREAM = 'partition-orders~1.0'
const FORM = { type: 'MessagePurged', version: 1, data: { ordinal: 7, by: { who: 'ada' } } }

const asOf = (form: typeof FORM): EventBatch => {
  const read = decodeEvent(form.type, form.version, form.data)
  if (isLeft(read)) throw new Error(read.left.type)
  const events = [read.right]
  return { batchId: 'b', at: 1_790_000_000_000, epoch: 1, events, previous: [NO_REVISION] }
}
const bytesOf = (batch: EventBatch): Uint8Array => {
  const out = new ByteWriter()
  encodeBatch(batch, out)
  return out.bytes().slice()
}
const read = (outgoing: Readonly<{ type: string; data: Uint8Array; metadata: Uint8Array }>) => {
  const event = { ...outgoing, id: 'e', stream: STREAM, revision: 0, commit: 10 }
  const facts = factsOf(event)
  if (facts === undefined) throw new Error('no facts')
  const decoded = decodeStored(STREAM, [[event, facts]])
  if (isLeft(decoded)) throw new Error(decoded.left.reason)
  return { batch: decoded.right, digest: facts.digest }
}

/** The digest as the version that wrote it has computed it. */
const digestThen = (): string => {
  const bytes = bytesOf({ ...asOf(FORM), older: new Map([[0, FORM]]) })
  return Buffer.from(batchDigest(GENESIS_DIGEST, { stream: STREAM, firstRevision: 0 }, bytes)).toString('hex')
}
const digestOf = (batch: EventBatch): string =>
  Buffer.from(
    batchDigest(GENESIS_DIGEST, { stream: STREAM, firstRevision: 0 }, batch.recordedBytes ?? bytesOf(batch)),
  ).toString('hex')

it('R63: one that stands there as it was written is proved over that', () => {
  const [part] = encodeStored(STREAM, 0, asOf(FORM), GENESIS_DIGEST, 1_000_000)
  const today = part?.events[0]
  if (today === undefined) throw new Error('no event')
  const metadata = JSON.parse(Buffer.from(today.metadata).toString('utf8'))
  const { batch } = read({
    type: FORM.type,
    data: Buffer.from(JSON.stringify(FORM.data)),
    metadata: Buffer.from(JSON.stringify({ ...metadata, version: 1, digest: digestThen() })),
  })
  expect(batch.events).toEqual(asOf(FORM).events)
  expect(batch.older).toEqual(new Map([[0, FORM]]))
  expect(digestOf(batch)).toBe(digestThen())
})

it('R63: one that came from another store, with its words beside it, is told as it once stood, too', () => {
  const before: EventBatch = { ...asOf(FORM), older: new Map([[0, FORM]]) }
  const digest = Buffer.from(digestThen(), 'hex')
  const today = encodeRecorded(STREAM, before, bytesOf(before), digest).events[0]
  if (today === undefined) throw new Error('no event')
  const { batch } = read(today)
  expect(batch.events).toEqual(before.events)
  expect(batch.older).toEqual(before.older)
  expect(digestOf(batch)).toBe(digestThen())
})
