// A ledger's directory whose frames are put together here, byte by byte as docs/format.md says: for events that today's
// product does not write, because they are of an older version, or of one that is still to come.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type LedgerEvent, NO_REVISION } from '../../../domain/batch.js'
import { encodeEvent, type StoredEvent } from '../../../domain/codecs.js'
import { ByteWriter } from '../../../domain/wire/byteWriter.js'
import {
  FRAME_HEADER_BYTES,
  firstPlace,
  putHeader,
  putSection,
  sealFrame,
  sha256,
  viewOf,
} from '../../../src/adapters/embedded/frames.js'
import { firstHeadFile } from '../../../src/adapters/embedded/headMark.js'
import { SEGMENT_HEADER_BYTES, segmentHeader, segmentName } from '../../../src/adapters/embedded/segments.js'
import { batchDigest, GENESIS_DIGEST } from '../../../src/chain/batchDigest.js'
import { GOLDEN_SEGMENT_BYTES, GOLDEN_START_MS } from './goldenHouse.js'

/** Names the ledger in each header; any other would do. */
const LEDGER_ID = Buffer.from('golden old logs!', 'latin1')
/** The one layout of batches there has ever been: rows of JSON text, which no version has dropped. */
const BATCH_FORMAT = 1
const JSON_ROW = 0
const ROW_HAS_PREVIOUS = 1
const ROWS_PER_BLOCK = 16

/** An event as it was stored, or one of today, which is stored in its latest version. */
export type Written = Readonly<{ stored: StoredEvent; previous?: number }>
export const today = (event: LedgerEvent, previous?: number): Written => ({
  stored: encodeEvent(event),
  ...(previous === undefined ? {} : { previous }),
})

const rowsOf = (out: ByteWriter, written: ReadonlyArray<Written>): void => {
  let last = 0
  for (const { stored, previous = NO_REVISION } of written) {
    out.u8(JSON_ROW)
    out.u8(previous === NO_REVISION ? 0 : ROW_HAS_PREVIOUS)
    if (previous !== NO_REVISION) {
      out.signed(previous - last)
      last = previous
    }
    out.string(JSON.stringify(stored))
  }
}

const batchOf = (batchId: string, at: number, written: ReadonlyArray<Written>): Uint8Array => {
  const out = new ByteWriter()
  out.u8(BATCH_FORMAT)
  const header = out.reserveU32()
  out.string(batchId)
  out.varint(at)
  out.varint(1)
  out.varint(written.length)
  out.varint(0)
  out.setU32(header, out.length - header - 4)
  for (let first = 0; first < written.length; first += ROWS_PER_BLOCK) {
    const block = out.reserveU32()
    rowsOf(out, written.slice(first, first + ROWS_PER_BLOCK))
    out.setU32(block, out.length - block - 4)
  }
  return out.bytes().slice()
}

export class HandWrittenLog {
  private readonly bytes = new Uint8Array(GOLDEN_SEGMENT_BYTES)
  private readonly streams = new Map<string, { head: number; digest: Uint8Array }>()
  private place = firstPlace(LEDGER_ID)
  private end = SEGMENT_HEADER_BYTES
  private at = GOLDEN_START_MS

  constructor() {
    this.bytes.set(segmentHeader(LEDGER_ID, 1))
  }

  /** One frame with one batch; a second passes with each. */
  append(stream: string, ...written: ReadonlyArray<Written>): void {
    const known = this.streams.get(stream) ?? { head: NO_REVISION, digest: GENESIS_DIGEST }
    const firstRevision = known.head + 1
    const { frame: number, position, previousHash } = this.place
    this.at += 1_000
    const batch = batchOf(`hand-${number}`, this.at, written)
    const frame = new Uint8Array(GOLDEN_SEGMENT_BYTES)
    const view = viewOf(frame)
    const events = written.length
    const end = putSection(frame, view, FRAME_HEADER_BYTES, {
      name: Buffer.from(stream),
      firstRevision,
      events,
      batch,
    })
    const bytes = putHeader(frame, view, end, {
      ledgerId: LEDGER_ID,
      frame: number,
      position,
      events,
      sections: 1,
    })
    const digest = batchDigest(known.digest, { stream, firstRevision }, batch)
    frame.set(known.digest, FRAME_HEADER_BYTES + 24)
    frame.set(digest, FRAME_HEADER_BYTES + 56)
    const hash = sealFrame(frame.subarray(0, bytes), previousHash).slice()
    this.bytes.set(frame.subarray(0, bytes), this.end)
    this.end += bytes
    this.place = { frame: number + 1, position: position + events, previousHash: hash }
    this.streams.set(stream, { head: known.head + events, digest })
  }

  async write(directory: string): Promise<void> {
    const { frame, position, previousHash } = this.place
    const mark = { frame: frame - 1, nextPosition: position, segment: 1, end: this.end, hash: previousHash }
    const content = { format: 'ledgerq-log', version: 1, ledgerId: LEDGER_ID.toString('hex') }
    const checksum = Buffer.from(sha256(Buffer.from(JSON.stringify(content)))).toString('hex')
    await mkdir(join(directory, 'segments'), { recursive: true, mode: 0o700 })
    await mkdir(join(directory, 'snapshots'), { recursive: true, mode: 0o700 })
    await writeFile(join(directory, 'segments', segmentName(1)), this.bytes)
    await writeFile(join(directory, 'head'), firstHeadFile(LEDGER_ID, mark))
    await writeFile(join(directory, 'meta.json'), `${JSON.stringify({ content, sha256: checksum })}\n`)
  }
}
