// The log without a disk: for tests, simulation and queues that need not survive the process. It keeps every promise of
// the port but durability, so it passes the same contract suite as the others. Batches are immutable values and are
// handed out as they came in, never copied.
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { type EventBatch, NO_REVISION, type RecordedBatch } from '../../../domain/batch.js'
import { invariant } from '../../../domain/invariant.js'
import type {
  Appended,
  AppendFault,
  EventLog,
  LogStopped,
  Page,
  ReadFault,
  StoredSnapshot,
} from '../../ports/eventLog.js'
import { memoryHeartbeats } from './heartbeats.js'

export type MemoryLogOptions = Readonly<{
  /** Batches above it are refused, as a log on disk would do. */
  batchBytesMax?: number
}>

const BATCH_BYTES_MAX = 4 * 1024 * 1024
const SNAPSHOTS_KEPT = 2

type Held = Readonly<{ batch: RecordedBatch; bytes: number }>
type MemorySnapshot = Readonly<{ revision: number; chunks: ReadonlyArray<Uint8Array> }>
type StreamState = {
  batches: Held[]
  head: number
  lowMark: number
  snapshots: ReadonlyArray<MemorySnapshot>
}

/** About what the batch takes when it is written down; bounds are kept by this figure, not to the byte. */
const roughBytes = (batch: EventBatch): number => {
  let bytes = 64 + batch.batchId.length
  for (const event of batch.events) {
    bytes += 24
    if (event.type === 'MessageEnqueued') bytes += event.payload.length
    else if (event.type === 'AttemptSucceeded') bytes += event.result?.length ?? 0
  }
  return bytes
}

const lastRevisionOf = (batch: RecordedBatch): number => batch.firstRevision + batch.events.length - 1
const lastPositionOf = (batch: RecordedBatch): number => batch.position + batch.events.length - 1

/** Index of the first batch whose last event is at or after the one asked for. */
const searchFrom = (batches: ReadonlyArray<Held>, isBefore: (batch: RecordedBatch) => boolean): number => {
  let low = 0
  let high = batches.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const held = batches[middle]
    if (held !== undefined && isBefore(held.batch)) low = middle + 1
    else high = middle
  }
  return low
}

const appendedOf = (batch: RecordedBatch): Appended => ({
  firstRevision: batch.firstRevision,
  lastRevision: lastRevisionOf(batch),
  position: batch.position,
})

const storedSnapshot = ({ revision, chunks }: MemorySnapshot): StoredSnapshot => ({
  revision,
  bytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
  read: (chunk) => async () => E.right(chunks[chunk]),
})

class MemoryLog {
  private readonly streams = new Map<string, StreamState>()
  private all: Held[] = []
  private nextPosition = 0
  private bytes = 0
  private closed = false
  private readonly listeners = new Set<(nextPosition: number) => void>()

  constructor(private readonly batchBytesMax: number) {}

  append(stream: string, expectedRevision: number, batch: EventBatch): E.Either<AppendFault, Appended> {
    invariant(batch.events.length > 0, 'a batch holds at least one event')
    if (this.closed) return E.left(this.stopped())
    const state = this.streamState(stream)
    if (expectedRevision !== state.head) {
      // What stood there is gone: whether it was this batch can no longer be told.
      if (expectedRevision >= NO_REVISION && expectedRevision + 1 < state.lowMark)
        return E.left({ type: 'OutcomeUnknown', reason: 'the place of the batch was truncated' })
      const index = searchFrom(state.batches, (held) => held.firstRevision <= expectedRevision)
      const there = state.batches[index]?.batch
      if (there?.batchId === batch.batchId && there.firstRevision === expectedRevision + 1)
        return E.right(appendedOf(there))
      return E.left({ type: 'RevisionConflict', stream, expected: expectedRevision, actual: state.head })
    }
    const bytes = roughBytes(batch)
    if (bytes > this.batchBytesMax)
      return E.left({ type: 'BatchTooLarge', bytes, bytesMax: this.batchBytesMax })
    const recorded: RecordedBatch = {
      batchId: batch.batchId,
      at: batch.at,
      epoch: batch.epoch,
      events: batch.events,
      previous: batch.previous,
      stream,
      firstRevision: expectedRevision + 1,
      position: this.nextPosition,
    }
    state.batches.push({ batch: recorded, bytes })
    this.all.push({ batch: recorded, bytes })
    state.head = lastRevisionOf(recorded)
    this.nextPosition += batch.events.length
    this.bytes += bytes
    for (const listener of this.listeners) listener(this.nextPosition)
    return E.right(appendedOf(recorded))
  }

  read(stream: string, from: number, maxBytes: number): E.Either<ReadFault, Page> {
    if (this.closed) return E.left(this.stopped())
    const state = this.streams.get(stream)
    if (state === undefined) return E.right({ batches: [], next: from, atEnd: true })
    if (from < state.lowMark)
      return E.left({ type: 'RevisionTruncated', stream, firstRevision: state.lowMark })
    const first = searchFrom(state.batches, (batch) => lastRevisionOf(batch) < from)
    return E.right(this.page(state.batches, first, maxBytes, from, (batch) => lastRevisionOf(batch) + 1))
  }

  readAll(from: number, maxBytes: number): E.Either<ReadFault, Page> {
    if (this.closed) return E.left(this.stopped())
    const first = searchFrom(this.all, (batch) => lastPositionOf(batch) < from)
    return E.right(this.page(this.all, first, maxBytes, from, (batch) => lastPositionOf(batch) + 1))
  }

  truncateBefore(stream: string, revision: number): E.Either<ReadFault, void> {
    if (this.closed) return E.left(this.stopped())
    const state = this.streamState(stream)
    state.lowMark = Math.max(state.lowMark, Math.min(revision, state.head + 1))
    const keep = searchFrom(state.batches, (batch) => lastRevisionOf(batch) < state.lowMark)
    if (keep === 0) return E.right(undefined)
    for (const held of state.batches.splice(0, keep)) this.bytes -= held.bytes
    this.all = this.all.filter(
      ({ batch }) => batch.stream !== stream || lastRevisionOf(batch) >= state.lowMark,
    )
    return E.right(undefined)
  }

  async saveSnapshot(
    stream: string,
    revision: number,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<E.Either<ReadFault, void>> {
    const copied: Uint8Array[] = []
    for await (const chunk of chunks) copied.push(chunk.slice())
    if (this.closed) return E.left(this.stopped())
    const state = this.streamState(stream)
    state.snapshots = [
      { revision, chunks: copied },
      ...state.snapshots.filter((other) => other.revision !== revision),
    ]
      .sort((a, b) => b.revision - a.revision)
      .slice(0, SNAPSHOTS_KEPT)
    return E.right(undefined)
  }

  snapshots(stream: string): E.Either<ReadFault, ReadonlyArray<StoredSnapshot>> {
    if (this.closed) return E.left(this.stopped())
    return E.right((this.streams.get(stream)?.snapshots ?? []).map(storedSnapshot))
  }

  asPort(): EventLog {
    const answer =
      <F, A>(ask: () => E.Either<F, A>): TaskEither<F, A> =>
      async () =>
        ask()
    return {
      heartbeats: memoryHeartbeats(),
      append: (stream, expected, batch) => answer(() => this.append(stream, expected, batch)),
      read: (stream, from, maxBytes) => answer(() => this.read(stream, from, maxBytes)),
      readAll: (from, maxBytes) => answer(() => this.readAll(from, maxBytes)),
      head: (stream) =>
        answer(() =>
          this.closed ? E.left(this.stopped()) : E.right(this.streams.get(stream)?.head ?? NO_REVISION),
        ),
      onAppended: (listener) => {
        // A wrapper of its own, so that one function may be registered twice and each be taken back alone.
        const registered = (nextPosition: number): void => listener(nextPosition)
        this.listeners.add(registered)
        return () => this.listeners.delete(registered)
      },
      truncateBefore: (stream, revision) => answer(() => this.truncateBefore(stream, revision)),
      saveSnapshot: (stream, revision, chunks) => () => this.saveSnapshot(stream, revision, chunks),
      snapshots: (stream) => answer(() => this.snapshots(stream)),
      condition: () => ({
        kind: 'memory',
        state: this.closed ? 'closed' : 'open',
        reason: undefined,
        nextPosition: this.nextPosition,
        bytes: this.bytes,
        discardedTailBytes: 0,
        syncs: 0,
      }),
      close: async () => {
        this.closed = true
      },
    }
  }

  private streamState(stream: string): StreamState {
    const known = this.streams.get(stream)
    if (known !== undefined) return known
    const created: StreamState = { batches: [], head: NO_REVISION, lowMark: 0, snapshots: [] }
    this.streams.set(stream, created)
    return created
  }

  private stopped(): LogStopped {
    return { type: 'LogStopped', reason: 'the log is closed' }
  }

  private page(
    batches: ReadonlyArray<Held>,
    first: number,
    maxBytes: number,
    from: number,
    after: (batch: RecordedBatch) => number,
  ): Page {
    const found: RecordedBatch[] = []
    let bytes = 0
    let next = from
    let index = first
    for (; index < batches.length && (found.length === 0 || bytes < maxBytes); index++) {
      const held = batches[index]
      if (held === undefined) break
      found.push(held.batch)
      bytes += held.bytes
      next = after(held.batch)
    }
    return { batches: found, next, atEnd: index >= batches.length }
  }
}

export const openMemoryLog = (options: MemoryLogOptions = {}): EventLog =>
  new MemoryLog(options.batchBytesMax ?? BATCH_BYTES_MAX).asPort()
