// The embedded log: one process, one directory, durable before the reply. This file puts the parts together and decides
// nothing about bytes: frames.ts and docs/format.md say what is on disk, recovery.ts what damage means, commitQueue.ts when
// a frame leaves, logThread.ts how it gets to the disk.
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { type EventBatch, NO_REVISION } from '../../../domain/batch.js'
import { invariant } from '../../../domain/invariant.js'
import type { EventLog, LogCondition, LogStopped, ReadFault } from '../../ports/eventLog.js'
import { BlockCache } from './blockCache.js'
import { type AppendAnswer, CommitQueue, STREAM_NAME_BYTES_MAX } from './commitQueue.js'
import {
  ensureDirectory,
  giveBirth,
  identify,
  LOCK_FILE,
  readMarks,
  SEGMENTS_FOLDER,
  SNAPSHOTS_FOLDER,
} from './directory.js'
import type { DirectoryLock } from './directoryLock.js'
import { type OpenFault, outcomeUnknown, stopped, unavailable } from './errors.js'
import { ensureFolder } from './files.js'
import { FRAME_BYTES_MAX, FRAME_HEADER_BYTES, type LedgerId, SECTION_HEADER_BYTES } from './frames.js'
import { HEAD_FILE } from './headMark.js'
import type { LogThreadHandle } from './logThreadHandle.js'
import { type Machine, realMachine } from './machine.js'
import { LogReader } from './reader.js'
import type { Recovered } from './recovery.js'
import { SegmentSupply } from './segmentSupply.js'
import {
  prepareSegment,
  SEGMENT_BYTES_DEFAULT,
  SEGMENT_BYTES_MAX,
  SEGMENT_BYTES_MIN,
  SEGMENT_HEADER_BYTES,
} from './segments.js'
import { SnapshotStore } from './snapshots.js'
import { Truncation } from './truncation.js'

export type EmbeddedLogOptions = Readonly<{
  directory: string
  /** Size of the files the log is made of; 64 MiB. */
  segmentBytes?: number
  /** Syncs the head mark before each reply as well: the very last commit is then told from a torn one after a power cut. */
  strict?: boolean
  /** Kept for acks when there is no room for another segment; 8 MiB. */
  reserveBytes?: number
  /** How many of the newest bytes have their hashes checked at the start; 1 GiB. `verify` checks all. */
  verifyOnOpenBytes?: number
  /** The program of the log thread; another one is for tests. */
  logThreadProgram?: URL
}>

/** Upper bound of one encoded batch; with small segments it is less. */
export const BATCH_BYTES_MAX = 4 * 1024 * 1024
const RESERVE_BYTES_DEFAULT = 8 * 1024 * 1024
const VERIFY_ON_OPEN_BYTES_DEFAULT = 1024 * 1024 * 1024
const HEAD_SYNC_MS = 1_000

type Bounds = Readonly<{
  segmentBytes: number
  frameBytesMax: number
  batchBytesMax: number
  reserveBytes: number
}>

const boundsOf = (options: EmbeddedLogOptions): Bounds => {
  const segmentBytes = options.segmentBytes ?? SEGMENT_BYTES_DEFAULT
  invariant(
    segmentBytes >= SEGMENT_BYTES_MIN && segmentBytes <= SEGMENT_BYTES_MAX && segmentBytes % 4096 === 0,
    `segmentBytes is a multiple of 4096 from ${SEGMENT_BYTES_MIN} to ${SEGMENT_BYTES_MAX}`,
  )
  const frameBytesMax = Math.min(FRAME_BYTES_MAX, segmentBytes - SEGMENT_HEADER_BYTES)
  const overhead = FRAME_HEADER_BYTES + SECTION_HEADER_BYTES + STREAM_NAME_BYTES_MAX
  return {
    segmentBytes,
    frameBytesMax,
    batchBytesMax: Math.min(BATCH_BYTES_MAX, frameBytesMax - overhead),
    // More than a quarter of a segment would refuse work that fits easily.
    reserveBytes: Math.min(options.reserveBytes ?? RESERVE_BYTES_DEFAULT, segmentBytes / 4),
  }
}

export const openEmbeddedLog = async (
  options: EmbeddedLogOptions,
  machine: Machine = realMachine(options.logThreadProgram),
): Promise<E.Either<OpenFault, EventLog>> => {
  const { directory } = options
  const bounds = boundsOf(options)
  try {
    const seen = await identify(directory, machine.files)
    if (E.isLeft(seen)) return seen
    const made = await ensureDirectory(directory, machine.files)
    if (E.isLeft(made)) return E.left(unavailable(made.left))
    const lock = machine.lock(join(directory, LOCK_FILE))
    if (E.isLeft(lock)) {
      if (!lock.left.held) return E.left(unavailable(lock.left.reason))
      const reason = 'another process, or another log of this one, has it open'
      return E.left({ type: 'DirectoryLocked', directory, reason })
    }
    const opened = await openLocked(options, bounds, machine, lock.right).catch((cause: unknown) =>
      E.left(unavailable(cause)),
    )
    if (E.isLeft(opened)) lock.right.release()
    return opened
  } catch (cause) {
    return E.left(unavailable(cause))
  }
}

const openLocked = async (
  options: EmbeddedLogOptions,
  bounds: Bounds,
  machine: Machine,
  lock: DirectoryLock,
): Promise<E.Either<OpenFault, EventLog>> => {
  const { directory } = options
  const { files } = machine
  // Before we had the lock, another process may have made a ledger of it.
  const identity = await identify(directory, files)
  if (E.isLeft(identity)) return identity
  const ledgerId = identity.right === 'new' ? machine.newLedgerId() : identity.right
  if (identity.right === 'new') await giveBirth(files, directory, ledgerId)
  // Names that a killed process left are in the page cache, and perhaps nowhere else: nothing may rest on them before.
  await files.syncFolder(directory)
  const marks = await readMarks(files, directory)
  if (E.isLeft(marks)) return marks
  const segmentsFolder = join(directory, SEGMENTS_FOLDER)
  const thread = machine.startLogThread({
    recovery: {
      segmentsFolder,
      headFile: join(directory, HEAD_FILE),
      ledgerId,
      marks: marks.right,
      segmentBytes: bounds.segmentBytes,
      verifyOnOpenBytes: options.verifyOnOpenBytes ?? VERIFY_ON_OPEN_BYTES_DEFAULT,
    },
    strict: options.strict ?? false,
    headSyncMs: HEAD_SYNC_MS,
    frameBytesMax: bounds.frameBytesMax,
  })
  const recovered = await thread.opened()
  if (E.isLeft(recovered)) {
    await thread.close()
    return recovered
  }
  const snapshotsFolder = join(directory, SNAPSHOTS_FOLDER)
  await ensureFolder(files, snapshotsFolder)
  const { index } = recovered.right
  const truncation = new Truncation(files, directory, segmentsFolder, index, marks.right.dropped)
  const snapshots = new SnapshotStore(files, snapshotsFolder, ledgerId)
  return E.right(
    new EmbeddedLog({
      bounds,
      ledgerId,
      segmentsFolder,
      recovered: recovered.right,
      thread,
      truncation,
      snapshots,
      lock,
      machine,
    }).asPort(),
  )
}

type Parts = Readonly<{
  bounds: Bounds
  ledgerId: LedgerId
  segmentsFolder: string
  recovered: Recovered
  thread: LogThreadHandle
  truncation: Truncation
  snapshots: SnapshotStore
  lock: DirectoryLock
  machine: Machine
}>

class EmbeddedLog {
  private readonly blocks: BlockCache
  private readonly reader: LogReader
  private readonly supply: SegmentSupply
  private readonly queue: CommitQueue
  private readonly listeners = new Set<(nextPosition: number) => void>()
  private closing: Promise<void> | undefined
  private closed = false

  constructor(private readonly parts: Parts) {
    const { bounds, ledgerId, segmentsFolder, recovered, thread, machine } = parts
    const { files } = machine
    const { index, tail } = recovered
    this.blocks = new BlockCache(files, segmentsFolder, ledgerId, index)
    this.reader = new LogReader(index, this.blocks)
    this.supply = new SegmentSupply(
      (segment, pace) => prepareSegment(files, segmentsFolder, segment, bounds.segmentBytes, ledgerId, pace),
      () => this.queue.supplyChanged(),
      machine.after,
    )
    this.queue = new CommitQueue({
      ...bounds,
      ledgerId,
      index,
      place: recovered.place,
      tail,
      thread,
      supply: this.supply,
      onAppended: (nextPosition) => {
        for (const listener of this.listeners) listener(nextPosition)
      },
      answerMisplaced: (stream, expected, batch) => this.answerMisplaced(stream, expected, batch),
    })
    if (recovered.isNextPrepared) this.supply.startReady()
    else this.supply.start(tail.segment + 1, tail.end / tail.bytes)
  }

  asPort(): EventLog {
    const { index } = this.parts.recovered
    const unlessClosed =
      <A>(ask: () => Promise<E.Either<ReadFault, A>>) =>
      async (): Promise<E.Either<ReadFault, A>> =>
        this.closing === undefined ? ask() : E.left(this.closedFault())
    return {
      append: (stream, expected, batch) => () =>
        this.closing === undefined
          ? this.queue.append(stream, expected, batch)
          : Promise.resolve(E.left(this.closedFault())),
      read: (stream, from, maxBytes) => unlessClosed(() => this.reader.read(stream, from, maxBytes)),
      readAll: (from, maxBytes) => unlessClosed(() => this.reader.readAll(from, maxBytes)),
      head: (stream) => unlessClosed(async () => E.right(index.streams.get(stream)?.head ?? NO_REVISION)),
      onAppended: (listener) => {
        // A wrapper of its own, so that one function may be registered twice and each be taken back alone.
        const registered = (nextPosition: number): void => listener(nextPosition)
        this.listeners.add(registered)
        return () => this.listeners.delete(registered)
      },
      truncateBefore: (stream, revision) => unlessClosed(() => this.truncateBefore(stream, revision)),
      saveSnapshot: (stream, revision, chunks) =>
        unlessClosed(() => this.parts.snapshots.save(stream, revision, chunks)),
      snapshots: (stream) => unlessClosed(() => this.parts.snapshots.list(stream)),
      condition: () => this.condition(),
      growthRoomBytes: () => this.queue.growthRoomBytes(),
      close: () => {
        this.closing ??= this.close()
        return this.closing
      },
    }
  }

  /** Not at the head: the same batch again gets the first answer, whoever asks; anything else is a conflict (I2). */
  private async answerMisplaced(stream: string, expected: number, batch: EventBatch): Promise<AppendAnswer> {
    const known = this.parts.recovered.index.streams.get(stream)
    const actual = known?.head ?? NO_REVISION
    const conflict: AppendAnswer = E.left({ type: 'RevisionConflict', stream, expected, actual })
    const place = expected + 1
    if (known === undefined || place > actual || place < 0) return conflict
    // What stood there is gone: whether it was this batch can no longer be told.
    if (place < known.lowMark) return E.left(outcomeUnknown(`revision ${place} of ${stream} was truncated`))
    const page = await this.reader.read(stream, place, 1)
    if (E.isLeft(page)) return E.left(outcomeUnknown(`revision ${place} of ${stream} cannot be read`))
    const there = page.right.batches[0]
    if (there === undefined || there.firstRevision !== place || there.batchId !== batch.batchId)
      return conflict
    const { firstRevision, position } = there
    return E.right({ firstRevision, lastRevision: firstRevision + there.events.length - 1, position })
  }

  private async truncateBefore(stream: string, revision: number): Promise<E.Either<ReadFault, void>> {
    try {
      return E.right(await this.parts.truncation.truncate(stream, revision))
    } catch (cause) {
      return E.left(unavailable(cause))
    }
  }

  private condition(): LogCondition {
    const { recovered, thread } = this.parts
    const stoppedBecause = this.closed ? undefined : this.queue.stoppedBecause
    return {
      kind: 'embedded',
      state: this.closing !== undefined ? 'closed' : stoppedBecause === undefined ? 'open' : 'stopped',
      reason: stoppedBecause ?? this.supply.reason,
      nextPosition: this.queue.nextPosition,
      bytes: recovered.index.segments.reduce((sum, segment) => sum + segment.end, 0),
      discardedTailBytes: recovered.discardedTailBytes,
      syncs: thread.syncs,
    }
  }

  private async close(): Promise<void> {
    const { thread, truncation, lock } = this.parts
    await this.queue.drained()
    this.closed = true
    this.queue.stop('the log is closed')
    await this.supply.close()
    await truncation.settled()
    await thread.close()
    await this.blocks.close()
    lock.release()
  }

  private closedFault(): LogStopped {
    return stopped('the log is closed')
  }
}
