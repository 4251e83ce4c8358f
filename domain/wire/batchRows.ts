// The canonical bytes of a batch: what the embedded log stores, what the hash chain is computed over, and the same for
// every log it is exported to (§4.6, §4.7). The same batch always gives the same bytes. Layout, integers little endian:
//
//   format version   u8
//   header           u32 bytes, then: batchId, at, epoch, count of events, count of texts, each text once
//   blocks           u32 bytes each, then at most LEAF_ROWS rows (rowKinds.ts); all but the last are full
//
// Header and blocks are the leaves of the batch's Merkle tree: a block is read with the header alone. The epoch, the time,
// workers, claim ids and failure types stand once per batch, and rows hold differences: a claim and an ack of neighbours
// take about a dozen and about five bytes.
import { type Either, left, right } from 'fp-ts/lib/Either.js'
import type { EventBatch, LedgerEvent, OlderForm } from '../batch.js'
import type { EventDecodeFault } from '../eventCodec.js'
import { invariant } from '../invariant.js'
import { ByteReader, Malformed } from './byteReader.js'
import type { ByteWriter } from './byteWriter.js'
import { RowReader, RowRefused } from './rowReader.js'
import { collectTexts, RowWriter, StringTable } from './rowWriter.js'

export const BATCH_FORMAT_VERSION = 1
/** Rows per block: how much has to be shown to prove one event, against four bytes of length per block. */
export const LEAF_ROWS = 16

/** Each stops the reader of the stream; none may be skipped (I8). `index` counts the batch's events from 0. */
export type BatchDecodeFault =
  | Readonly<{ type: 'UnknownFormatVersion'; version: number }>
  | Readonly<{ type: 'UnknownRowKind'; kind: number; index: number }>
  | Readonly<{ type: 'EventUndecodable'; index: number; fault: EventDecodeFault }>
  | Readonly<{ type: 'BatchMalformed'; offset: number; reason: string }>

/** Appends the batch to `out`. A batch that could not be read back is a defect of the caller and throws. */
export const encodeBatch = (batch: EventBatch, out: ByteWriter): void => {
  const { events, previous, at, older } = batch
  invariant(events.length === previous.length, 'every event of a batch has its previous revision')
  const table = new StringTable()
  // Events that were recorded in an older version stand as JSON, and name none.
  for (let i = 0; i < events.length; i++)
    if (older?.has(i) !== true) collectTexts(events[i] as LedgerEvent, table)

  out.u8(BATCH_FORMAT_VERSION)
  const header = out.reserveU32()
  out.string(batch.batchId)
  out.varint(at)
  out.varint(batch.epoch)
  out.varint(events.length)
  out.varint(table.size)
  for (const text of table.texts()) out.string(text)
  out.setU32(header, out.length - header - 4)

  const rows = new RowWriter(out, at, table)
  for (let first = 0; first < events.length; first += LEAF_ROWS) {
    const block = out.reserveU32()
    const end = Math.min(first + LEAF_ROWS, events.length)
    rows.startBlock()
    for (let i = first; i < end; i++) {
      const form = older?.get(i)
      if (form === undefined) rows.row(events[i] as LedgerEvent, previous[i] as number)
      else rows.olderRow(form, previous[i] as number)
    }
    out.setU32(block, out.length - block - 4)
  }
}

/** `bytes` is one batch, all of it. Never throws, whatever the bytes. */
export const decodeBatch = (bytes: Uint8Array): Either<BatchDecodeFault, EventBatch> => {
  const events: LedgerEvent[] = []
  return refusedRows(events, () => {
    const version = bytes[0]
    if (version !== undefined && version !== BATCH_FORMAT_VERSION) {
      return left({ type: 'UnknownFormatVersion', version })
    }
    return right(readBatch(new ByteReader(bytes, 1), bytes.length, events))
  })
}

/** What the readers throw, as the fault it is; `events` = those read before it. */
const refusedRows = <A>(
  events: ReadonlyArray<LedgerEvent>,
  read: () => Either<BatchDecodeFault, A>,
): Either<BatchDecodeFault, A> => {
  try {
    return read()
  } catch (thrown) {
    if (thrown instanceof Malformed) {
      return left({ type: 'BatchMalformed', offset: thrown.offset, reason: thrown.reason })
    }
    if (!(thrown instanceof RowRefused)) throw thrown
    const { why } = thrown
    if (why.type === 'UnknownRowKind') return left({ ...why, index: events.length })
    return left({ type: 'EventUndecodable', index: events.length, fault: why })
  }
}

type Header = Readonly<{
  batchId: string
  at: number
  epoch: number
  count: number
  texts: ReadonlyArray<string>
}>

const readHeader = (reader: ByteReader): Header => {
  const headerBytes = reader.u32()
  reader.limitTo(reader.offset + headerBytes)
  const batchId = reader.string()
  const at = reader.varint()
  const epoch = reader.varint()
  const count = reader.varint()
  const texts = readTexts(reader)
  expectEnd(reader)
  return { batchId, at, epoch, count, texts }
}

const readBatch = (reader: ByteReader, end: number, events: LedgerEvent[]): EventBatch => {
  const { batchId, at, epoch, count, texts } = readHeader(reader)
  const previous: number[] = []
  let older: Map<number, OlderForm> | undefined
  const rows = new RowReader(reader, at, texts)
  // `count` is not believed before its rows were read: a damaged one must not reserve memory.
  while (events.length < count) {
    reader.limitTo(end)
    const blockBytes = reader.u32()
    reader.limitTo(reader.offset + blockBytes)
    rows.startBlock()
    const rowsOfBlock = Math.min(LEAF_ROWS, count - events.length)
    for (let i = 0; i < rowsOfBlock; i++) {
      const event = rows.row()
      if (rows.older !== undefined) {
        older ??= new Map()
        older.set(events.length, rows.older)
      }
      events.push(event)
      previous.push(rows.previous)
    }
    expectEnd(reader)
  }
  reader.limitTo(end)
  expectEnd(reader)
  if (!rows.allTextsSeen) throw reader.malformed('a text that no event names')
  return { batchId, at, epoch, events, previous, ...(older === undefined ? {} : { older }) }
}

/** Of a batch only some of its events: those of one block. `count` = events of the whole batch. */
export type BlockOfBatch = Omit<EventBatch, 'cuts' | 'older' | 'recordedBytes'> & Readonly<{ count: number }>

/** One block read with the header alone, both as leaves (`leavesOf`); `block` counts from 0. Never throws. */
export const decodeBlock = (
  headerLeaf: Uint8Array,
  blockLeaf: Uint8Array,
  block: number,
): Either<BatchDecodeFault, BlockOfBatch> => {
  const events: LedgerEvent[] = []
  return refusedRows(events, () => {
    const [version] = headerLeaf
    if (version !== undefined && version !== BATCH_FORMAT_VERSION)
      return left({ type: 'UnknownFormatVersion', version })
    const header = new ByteReader(headerLeaf, 1)
    const { batchId, at, epoch, count, texts } = readHeader(header)
    header.limitTo(headerLeaf.length)
    expectEnd(header)
    const reader = new ByteReader(blockLeaf, 0)
    const blockBytes = reader.u32()
    reader.limitTo(reader.offset + blockBytes)
    // The blocks before it may have named any of the texts.
    const rows = new RowReader(reader, at, texts, texts.length)
    rows.startBlock()
    const rowsOfBlock = Math.min(LEAF_ROWS, count - block * LEAF_ROWS)
    if (rowsOfBlock <= 0) throw reader.malformed('a block behind the last one')
    const previous: number[] = []
    for (let i = 0; i < rowsOfBlock; i++) {
      events.push(rows.row())
      previous.push(rows.previous)
    }
    expectEnd(reader)
    reader.limitTo(blockLeaf.length)
    expectEnd(reader)
    return right({ batchId, at, epoch, count, events, previous })
  })
}

const readTexts = (reader: ByteReader): ReadonlyArray<string> => {
  const count = reader.varint()
  const texts: string[] = []
  while (texts.length < count) texts.push(reader.string())
  if (count > 1 && new Set(texts).size !== count) throw reader.malformed('a text that stands twice')
  return texts
}

const expectEnd = (reader: ByteReader): void => {
  if (reader.remaining !== 0) throw reader.malformed('bytes where the end was expected')
}

/**
 * Start and end of each Merkle leaf: the header with the format version, then each block with its length. Together they
 * are all of `bytes`, so that nothing escapes the hash. Rows are not looked at; bytes that are not cut like a batch throw
 * a Defect, so pass what `encodeBatch` wrote or `decodeBatch` accepted.
 */
export const leavesOf = (bytes: Uint8Array): Array<[start: number, end: number]> => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const leaves: Array<[number, number]> = []
  let lengthAt = 1
  let start = 0
  do {
    invariant(lengthAt + 4 <= bytes.length, 'a leaf of a batch has its length')
    const end = lengthAt + 4 + view.getUint32(lengthAt, true)
    invariant(end <= bytes.length, 'a leaf of a batch ends within the batch')
    leaves.push([start, end])
    start = end
    lengthAt = end
  } while (start < bytes.length)
  return leaves
}
