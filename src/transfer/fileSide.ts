// An export file as one end of a move. Writing goes on behind the last record that is whole, so an export that was killed, or one
// that is repeated when the ledger has grown, adds what is missing.
import { hash } from 'node:crypto'
import { type FileHandle, open, readFile, stat } from 'node:fs/promises'
import * as t from 'io-ts'
import { STATE_HASH_VERSION } from '../../projections/partition/index.js'
import { type ChainedBatch, ChainFault, lastRevisionOf } from '../chain/chainedBatch.js'
import { bodyAt, type ExportRecord, readRecords, TornExport } from './exportReader.js'
import {
  decodeBatches,
  decodeBlobPiece,
  encodeBatches,
  encodeBlobPiece,
  encodeRecord,
  FIRST_HASH,
  KIND,
  type Kind,
  PREAMBLE_BYTES,
  preamble,
} from './fileFormat.js'
import type { ChainSource, ChainTarget, Ending, Head, Uncovered } from './sides.js'

/** Bytes of batches in one record. */
const RECORD_BYTES = 512 * 1_024
const BLOB_PIECE_BYTES = 1_048_576

const EndCodec = t.strict({
  streams: t.array(t.strict({ stream: t.string, head: t.number, digest: t.string })),
  stateHashVersion: t.number,
  states: t.record(t.string, t.string),
  events: t.number,
  /** Of each process of the ledger, of each stream: the first revision that it has not dealt with. */
  uncovered: t.record(t.string, t.record(t.string, t.number)),
})
type End = t.TypeOf<typeof EndCodec>

const parsed = (body: Buffer): unknown => {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

type PieceAt = Omit<ExportRecord, 'body' | 'kind'>

/** What a file holds, but for its batches. */
type Contents = {
  end: End | undefined
  /** Where the last whole record ends, and its hash; the end record is not counted. */
  goesOnAt: number
  hash: Buffer
  readonly heads: Map<string, Head>
  readonly blobs: Map<string, PieceAt[]>
  first: ChainedBatch | undefined
}

const batchesOf = (path: string, { body, offset }: ExportRecord): ReadonlyArray<ChainedBatch> => {
  const batches = decodeBatches(body)
  if (batches !== undefined) return batches
  throw new ChainFault('damaged', `${path} at byte ${offset}: the record holds no batches`)
}

/** `torn`: what becomes of a record that is not whole: it is refused, or overwritten by whoever goes on. */
const look = async (path: string, torn: 'refused' | 'overwritten'): Promise<Contents> => {
  const contents: Contents = { ...nothing(), goesOnAt: PREAMBLE_BYTES }
  const unfinishedBlobs = new Map<string, PieceAt[]>()
  try {
    for await (const record of readRecords(path)) {
      if (contents.end !== undefined)
        throw new ChainFault('damaged', `${path} at byte ${record.offset}: it goes on behind its end`)
      enter(path, record, contents, unfinishedBlobs)
    }
  } catch (error) {
    if (!(error instanceof TornExport) || torn === 'refused') throw error
  }
  return contents
}

const enter = (
  path: string,
  record: ExportRecord,
  contents: Contents,
  unfinishedBlobs: Map<string, PieceAt[]>,
): void => {
  const { kind, body, offset, end } = record
  switch (kind) {
    case KIND.begin:
      break
    case KIND.batches:
      for (const batch of batchesOf(path, record)) {
        contents.first ??= batch
        contents.heads.set(batch.stream, { revision: lastRevisionOf(batch), digest: batch.digest, begun: 0 })
      }
      break
    case KIND.blob: {
      const piece = decodeBlobPiece(body)
      if (piece === undefined)
        throw new ChainFault('damaged', `${path} at byte ${offset}: no piece of a payload`)
      const pieces = [...(unfinishedBlobs.get(piece.location) ?? []), { offset, end, hash: record.hash }]
      unfinishedBlobs.set(piece.location, piece.isLast ? [] : pieces)
      if (piece.isLast) contents.blobs.set(piece.location, pieces)
      break
    }
    case KIND.end: {
      const decoded = EndCodec.decode(parsed(body))
      if (decoded._tag === 'Left')
        throw new ChainFault('damaged', `${path} at byte ${offset}: its end cannot be read`)
      contents.end = decoded.right
      // Whoever goes on writes another end.
      return
    }
  }
  contents.goesOnAt = end
  contents.hash = record.hash
}

const blobIn =
  (path: string, blobs: ReadonlyMap<string, ReadonlyArray<PieceAt>>): NonNullable<ChainSource['blob']> =>
  async (ref) => {
    const pieces = blobs.get(ref.location)
    if (pieces === undefined) return undefined
    const parts: Buffer[] = []
    for (const piece of pieces) {
      const found = decodeBlobPiece(await bodyAt(path, piece))
      if (found !== undefined) parts.push(found.bytes)
    }
    const bytes = Buffer.concat(parts)
    if (hash('sha256', bytes) === ref.sha256) return bytes
    throw new ChainFault('damaged', `${path}: the large payload ${ref.location} is not what its name says`)
  }

const mapOf = (uncovered: End['uncovered']): Uncovered =>
  new Map(Object.entries(uncovered).map(([stream, first]) => [stream, new Map(Object.entries(first))]))

/** Read whole before it is believed: every record, and that it has an end. */
export const fileSource = async (path: string): Promise<ChainSource> => {
  const { end, blobs, goesOnAt } = await look(path, 'refused')
  if (end === undefined)
    throw new ChainFault(
      'damaged',
      `${path} has no end: the export stopped behind byte ${goesOnAt}. Run the export again, it goes on from there`,
    )
  return {
    place: path,
    kind: 'file',
    batches: async function* () {
      for await (const record of readRecords(path))
        if (record.kind === KIND.batches) yield* batchesOf(path, record)
    },
    said: { ...end, uncovered: mapOf(end.uncovered) },
    truncated: async () => new Map(),
    blob: blobIn(path, blobs),
    close: async () => undefined,
  }
}

/** Where records go. */
export type Sink = Readonly<{
  write: (bytes: Uint8Array) => Promise<void>
  sync: () => Promise<void>
  close: () => Promise<void>
}>

const endOf = ({ uncovered, streams, states, events }: Omit<Ending, 'written'>): End => ({
  streams: [...streams],
  stateHashVersion: STATE_HASH_VERSION,
  states,
  events,
  uncovered: Object.fromEntries([...uncovered].map(([stream, first]) => [stream, Object.fromEntries(first)])),
})

class RecordWriter {
  private isReady = false

  constructor(
    private readonly sink: Sink,
    private hash: Buffer,
    private readonly compress: boolean,
    /** Done before the first record: until there is one, an earlier export stays as it is. */
    private readonly prepare: (record: (kind: Kind, body: Uint8Array) => Promise<void>) => Promise<void>,
  ) {}

  async record(kind: Kind, body: Uint8Array): Promise<void> {
    if (!this.isReady) await this.prepare((first, own) => this.put(first, own))
    this.isReady = true
    await this.put(kind, body)
  }

  private async put(kind: Kind, body: Uint8Array): Promise<void> {
    const { bytes, hash } = encodeRecord(kind, body, this.hash, this.compress)
    await this.sink.write(bytes)
    this.hash = hash
  }

  async batches(batches: ReadonlyArray<ChainedBatch>): Promise<void> {
    let some: ChainedBatch[] = []
    let bytes = 0
    for (const batch of batches) {
      some.push(batch)
      bytes += batch.bytes.length
      if (bytes < RECORD_BYTES) continue
      await this.record(KIND.batches, encodeBatches(some))
      some = []
      bytes = 0
    }
    if (some.length > 0) await this.record(KIND.batches, encodeBatches(some))
    await this.sink.sync()
  }

  async blob(location: string, bytes: Uint8Array): Promise<void> {
    for (let at = 0; ; at += BLOB_PIECE_BYTES) {
      const end = Math.min(at + BLOB_PIECE_BYTES, bytes.length)
      await this.record(KIND.blob, encodeBlobPiece(location, end === bytes.length, bytes.subarray(at, end)))
      if (end === bytes.length) return
    }
  }
}

/** Opened with the first byte that is written. */
class FileSink implements Sink {
  private file: FileHandle | undefined

  constructor(
    private readonly path: string,
    private at: number,
  ) {}

  private async opened(): Promise<FileHandle> {
    if (this.file !== undefined) return this.file
    try {
      // Made if it is not there, and never emptied.
      await (await open(this.path, 'a', 0o600)).close()
      this.file = await open(this.path, 'r+')
      await this.file.truncate(this.at)
      return this.file
    } catch (cause) {
      throw new ChainFault('unavailable', `${this.path} cannot be written: ${String(cause)}`)
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    const file = await this.opened()
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, this.at)
      done += bytesWritten
      this.at += bytesWritten
    }
  }

  async sync(): Promise<void> {
    await this.file?.datasync()
  }

  async close(): Promise<void> {
    await this.file?.close()
    this.file = undefined
  }
}

const begin = (place: string): Buffer =>
  Buffer.from(JSON.stringify({ of: place, createdAt: new Date().toISOString() }))

const nothing = (): Contents => ({
  end: undefined,
  goesOnAt: 0,
  hash: FIRST_HASH,
  heads: new Map(),
  blobs: new Map(),
  first: undefined,
})

/** Not there, empty, or killed while its first bytes were written; anything else was put there by somebody else. */
const isUnbegun = async (path: string): Promise<boolean> => {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return Buffer.alloc(0)
    throw new ChainFault('unavailable', `${path} cannot be written: ${cause.message}`)
  })
  return bytes.equals(preamble().subarray(0, bytes.length))
}

const hasPreamble = async (path: string): Promise<boolean> => {
  const found = await stat(path).catch(() => undefined)
  return found?.isFile() === true && found.size > PREAMBLE_BYTES
}

/** A new file, or one that an earlier export has begun. `of` = where the ledger comes from, for people. */
export const fileTarget = async (path: string, of: string, compress: boolean): Promise<ChainTarget> => {
  const isNew = !(await hasPreamble(path)) && (await isUnbegun(path))
  const contents = isNew ? nothing() : await look(path, 'overwritten')
  const sink = new FileSink(path, contents.goesOnAt)
  const writer = new RecordWriter(sink, contents.hash, compress, async (record) => {
    if (contents.goesOnAt === 0) await sink.write(preamble())
    if (contents.goesOnAt <= PREAMBLE_BYTES) await record(KIND.begin, begin(of))
  })
  return targetOf(path, sink, writer, contents, () => fileSource(path))
}

/** Goes out and cannot be read back. */
export const streamTarget = async (sink: Sink, of: string, compress: boolean): Promise<ChainTarget> => {
  const writer = new RecordWriter(sink, FIRST_HASH, compress, async (record) => {
    await sink.write(preamble())
    await record(KIND.begin, begin(of))
  })
  return targetOf('-', sink, writer, nothing(), undefined)
}

const targetOf = (
  place: string,
  sink: Sink,
  writer: RecordWriter,
  { heads, blobs, first }: Pick<Contents, 'heads' | 'blobs' | 'first'>,
  readBack: (() => Promise<ChainSource>) | undefined,
): ChainTarget => {
  return {
    place,
    kind: 'file',
    head: async (stream) => heads.get(stream),
    firstBatch: async () => first,
    blobs: {
      has: async ({ location }) => blobs.has(location),
      put: ({ location }, bytes) => writer.blob(location, bytes),
    },
    write: async (batches) => {
      await writer.batches(batches)
      for (const batch of batches)
        heads.set(batch.stream, { revision: lastRevisionOf(batch), digest: batch.digest, begun: 0 })
    },
    note: async () => undefined,
    finish: async (ending) => {
      await writer.record(KIND.end, Buffer.from(JSON.stringify(endOf(ending))))
      await sink.sync()
      await sink.close()
      return readBack?.()
    },
    close: () => sink.close(),
  }
}
