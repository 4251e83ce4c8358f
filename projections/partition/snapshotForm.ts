// The state of a partition as a sequence of byte chunks, and back. A snapshot is a cache (I6): it carries the hash of
// nothing by itself, is written chunk by chunk while the writer goes on, and a reader that finds it odd uses the log.
//   first chunk: JSON header; then one chunk per table chunk: u32 length of the cold part, cold part (JSON), raw records;
//   then the keys that are remembered (dedup/keyBlocks.ts).
import { type Either, left, right } from 'fp-ts/lib/Either.js'
import { parsePartitionStream } from '../../domain/ids.js'
import { type Layouts, layoutsAtCreation, type QueueConfig, type Switches } from '../../domain/queue/index.js'
import type { CircuitBoardSnapshot } from '../circuits/circuitBoard.js'
import type { DedupCapture } from '../dedup/keyBlocks.js'
import type { MeterList } from '../limits/limitMeters.js'
import * as L from '../messageTable/layout.js'
import type { Chunk, ColdFacts } from '../messageTable/messageTable.js'
import { loadMeasures, type MeasuresSnapshot, snapshotMeasures } from './measures.js'
import { PartitionState } from './partitionState.js'

const FORM = 'ledgerq partition snapshot'
const VERSION = 2

type Header = {
  form: string
  version: number
  stream: string
  recordBytes: number
  slots: number
  chunks: number
  config: QueueConfig
  /** Absent = the queue has not been resized. */
  layouts?: Layouts
  controlRevision: number | null
  paused: boolean
  epoch: number
  nextOrdinal: number
  nextFence: number
  nextRevision: number
  lastAt: number
  switches: Switches
  toldFull: boolean
  measures: MeasuresSnapshot
  circuits: CircuitBoardSnapshot
  limits: MeterList
  dedup: { chunks: number; keys: number }
  claimIds: ReadonlyArray<readonly [string, ReadonlyArray<{ ordinal: number; fence: number }>]>
  workers: string[]
  failureTypes: string[]
}

const utf8 = new TextEncoder()
const fromUtf8 = new TextDecoder()

/**
 * A snapshot being taken of a state that goes on changing: the header is fixed now, table chunks are encoded when the
 * reader asks for them, or right before their first change, whichever comes first.
 */
export class SnapshotInProgress {
  readonly revision: number
  readonly chunkCount: number
  private readonly tableChunks: number
  private readonly slots: number
  private readonly dedup: DedupCapture
  private readonly header: Uint8Array
  private readonly aside = new Map<number, Uint8Array>()

  constructor(
    private readonly state: PartitionState,
    stream: string,
  ) {
    const { table } = state
    this.revision = state.nextRevision - 1
    this.dedup = state.dedup.capture()
    this.tableChunks = table.chunks.length
    this.slots = table.slotCount
    this.chunkCount = this.tableChunks + this.dedup.chunkCount
    this.header = utf8.encode(JSON.stringify(headerOf(state, stream, this.dedup)))
    table.beginSnapshot((number) => {
      if (number < this.tableChunks) this.aside.set(number, this.tableChunk(number))
    })
  }

  /** Chunk 0 is the header. */
  take(number: number): Uint8Array {
    if (number === 0) return this.header
    if (number > this.tableChunks) return this.dedup.chunk(number - 1 - this.tableChunks)
    const copied = this.aside.get(number - 1)
    if (copied !== undefined) {
      this.aside.delete(number - 1)
      return copied
    }
    const bytes = this.tableChunk(number - 1)
    this.state.table.markSaved(number - 1)
    return bytes
  }

  private tableChunk(number: number): Uint8Array {
    return encodeChunk(this.state.table.chunks[number]!, slotsIn(number, this.slots))
  }

  end(): void {
    this.state.table.endSnapshot()
    this.aside.clear()
  }
}

const headerOf = (state: PartitionState, stream: string, dedup: DedupCapture): Header => {
  const { table } = state
  return {
    form: FORM,
    version: VERSION,
    stream,
    recordBytes: L.RECORD_BYTES,
    slots: table.slotCount,
    chunks: table.chunks.length,
    config: state.config,
    ...(state.layouts.length > 1 ? { layouts: state.layouts } : {}),
    controlRevision: Number.isNaN(state.controlRevision) ? null : state.controlRevision,
    paused: state.paused,
    epoch: state.epoch,
    nextOrdinal: state.nextOrdinal,
    nextFence: state.nextFence,
    nextRevision: state.nextRevision,
    lastAt: state.lastAt,
    switches: state.switches,
    toldFull: state.toldFull,
    measures: snapshotMeasures(state.measures),
    circuits: state.circuits.snapshot(),
    limits: state.limits.list(state.lastAt),
    dedup: { chunks: dedup.chunkCount, keys: dedup.keys },
    claimIds: state.claimIds.list(),
    workers: table.workers.list(),
    failureTypes: table.failureTypes.list(),
  }
}

/** Of so many slots in all, those that lie in a chunk. */
const slotsIn = (chunk: number, slots: number): number =>
  Math.min(L.CHUNK_SLOTS, slots - chunk * L.CHUNK_SLOTS)

const encodeChunk = (chunk: Chunk, slots: number): Uint8Array => {
  const cold: Array<[number, ColdFacts]> = []
  chunk.cold.forEach((facts, place) => {
    if (facts !== undefined) cold.push([place, facts])
  })
  const coldBytes = utf8.encode(JSON.stringify(cold))
  // Records start at a multiple of 8, so that they can be read in place.
  const start = Math.ceil((8 + coldBytes.length) / 8) * 8
  const bytes = new Uint8Array(start + slots * L.RECORD_BYTES)
  new DataView(bytes.buffer).setUint32(0, coldBytes.length, true)
  bytes.set(coldBytes, 8)
  bytes.set(new Uint8Array(chunk.doubles.buffer, 0, slots * L.RECORD_BYTES), start)
  return bytes
}

export type SnapshotFault = Readonly<{ type: 'SnapshotUnusable'; reason: string }>
const unusable = (reason: string): Either<SnapshotFault, never> => left({ type: 'SnapshotUnusable', reason })

/** Rebuilds a state chunk by chunk; `finish` links what was loaded. */
export class SnapshotLoader {
  private readonly state: PartitionState
  private header: Header | undefined
  private loaded = 0

  /** `hashSeed`: see `PartitionState.seedHash`. */
  constructor(
    private readonly stream: string,
    hashSeed = '',
  ) {
    this.state = new PartitionState(parsePartitionStream(stream)?.partition)
    this.state.seedHash(hashSeed)
  }

  /** Chunks in order, the header first. */
  add(bytes: Uint8Array): Either<SnapshotFault, void> {
    try {
      if (this.header === undefined) return this.readHeader(bytes)
      if (this.loaded >= this.header.chunks) {
        this.state.dedup.loadChunk(bytes)
        this.loaded++
        return right(undefined)
      }
      const coldLength = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
      const start = Math.ceil((8 + coldLength) / 8) * 8
      const recordBytes = slotsIn(this.loaded, this.header.slots) * L.RECORD_BYTES
      // Snapshots of before hold all the room behind the records of the last chunk, too.
      if (bytes.length !== start + recordBytes && bytes.length !== start + L.CHUNK_SLOTS * L.RECORD_BYTES)
        return unusable('a chunk has the wrong size')
      const cold = JSON.parse(fromUtf8.decode(bytes.subarray(8, 8 + coldLength))) as Array<
        [number, ColdFacts]
      >
      this.state.table.load(bytes.subarray(start, start + recordBytes), cold)
      this.loaded++
      return right(undefined)
    } catch (error) {
      return unusable(error instanceof Error ? error.message : 'unreadable')
    }
  }

  private readHeader(bytes: Uint8Array): Either<SnapshotFault, void> {
    const header = JSON.parse(fromUtf8.decode(bytes)) as Header
    if (header.form !== FORM) return unusable('not a partition snapshot')
    if (header.version !== VERSION) return unusable(`version ${header.version}, this one reads ${VERSION}`)
    if (header.stream !== this.stream) return unusable(`taken of ${header.stream}`)
    if (header.recordBytes !== L.RECORD_BYTES) return unusable('another record size')
    this.header = header
    this.state.dedup.expectKeys(header.dedup.keys)
    return right(undefined)
  }

  finish(): Either<SnapshotFault, PartitionState> {
    const { header } = this
    if (header === undefined || this.loaded !== header.chunks + header.dedup.chunks)
      return unusable('chunks are missing')
    try {
      return right(this.link(header))
    } catch (error) {
      // Whatever is odd about a cache, the log still has it all.
      return unusable(error instanceof Error ? error.message : 'unreadable')
    }
  }

  private link(header: Header): PartitionState {
    const { state } = this
    state.config = header.config
    state.controlRevision = header.controlRevision ?? Number.NaN
    state.layouts =
      header.layouts ?? (header.controlRevision === null ? [] : layoutsAtCreation(header.config.partitions))
    state.paused = header.paused
    state.epoch = header.epoch
    state.nextOrdinal = header.nextOrdinal
    state.nextFence = header.nextFence
    state.nextRevision = header.nextRevision
    state.lastAt = header.lastAt
    state.switches = header.switches
    state.toldFull = header.toldFull
    loadMeasures(state.measures, header.measures)
    state.circuits.adopt(header.config.circuit, header.switches.forcedCircuits)
    state.circuits.load(header.circuits)
    for (const [claimId, leases] of header.claimIds) {
      for (const { ordinal, fence } of leases) state.claimIds.add(claimId, ordinal, fence)
    }
    state.table.linkLoaded(
      header.slots,
      (n) => header.workers[n] ?? '',
      (n) => header.failureTypes[n] ?? '',
    )
    state.relink()
    state.limits.load(header.limits)
    return state
  }
}
