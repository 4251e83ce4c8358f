// Group commit over all streams. An append is checked and encoded at once, into the frame that is being gathered; one frame
// is in flight, and the next leaves the moment it is durable, before the callers of the last one are answered: so the disk
// never waits for us. What fails before it left is a definite failure, what fails after is unknown (I1).
import * as E from 'fp-ts/lib/Either.js'
import { type EventBatch, NO_REVISION } from '../../../domain/batch.js'
import { invariant } from '../../../domain/invariant.js'
import { encodeBatch } from '../../../domain/wire/batchRows.js'
import { ByteWriter } from '../../../domain/wire/byteWriter.js'
import type { Appended, AppendFault, LogFull } from '../../ports/eventLog.js'
import { outcomeUnknown, stopped } from './errors.js'
import {
  alignedBytes,
  type ChainPlace,
  FRAME_HEADER_BYTES,
  HASH_BYTES,
  type LedgerId,
  putHeader,
  putSection,
  sectionBytes,
  viewOf,
} from './frames.js'
import { addFrame, addSegment, type LogIndex } from './logIndex.js'
import type { LogThreadHandle } from './logThreadHandle.js'
import type { SegmentSupply } from './segmentSupply.js'
import { SEGMENT_HEADER_BYTES } from './segments.js'

export type AppendAnswer = E.Either<AppendFault, Appended>

type Pending = Readonly<{
  stream: string
  batchId: string
  firstRevision: number
  events: number
  encoded: Uint8Array
  /** Makes the log longer for good, unlike an ack: it may not take the reserve. */
  isGrowth: boolean
  settle: (answer: AppendAnswer) => void
}>
type Placed = Pending & Readonly<{ digestAt: number }>

class Gathering {
  readonly view: DataView
  used = FRAME_HEADER_BYTES
  events = 0
  placed: Placed[] = []
  constructor(
    readonly slab: number,
    readonly bytes: Uint8Array,
  ) {
    this.view = viewOf(bytes)
  }
  empty(): void {
    this.used = FRAME_HEADER_BYTES
    this.events = 0
    this.placed = []
  }
}

export type CommitQueueOptions = Readonly<{
  ledgerId: LedgerId
  index: LogIndex
  place: ChainPlace
  tail: Readonly<{ segment: number; end: number; bytes: number }>
  thread: LogThreadHandle
  supply: SegmentSupply
  segmentBytes: number
  frameBytesMax: number
  batchBytesMax: number
  reserveBytes: number
  /** Called after each durable append, in order. */
  onAppended: (nextPosition: number) => void
  /** What to say to an append whose expected revision is not the head: repeated, or in conflict. */
  answerMisplaced: (stream: string, expected: number, batch: EventBatch) => Promise<AppendAnswer>
}>

export class CommitQueue {
  private place: ChainPlace
  private tail: { segment: number; end: number; bytes: number }
  private gathering: Gathering
  private spare: Gathering
  private inFlight: Readonly<{ frame: Gathering; bytes: number }> | undefined
  /** Did not fit the frame that is being gathered, in order. */
  private backlog: Pending[] = []
  private backlogBytes = 0
  /** Wait until it is known whether there is a next segment. */
  private held: Pending[] = []
  private readonly running = new Map<string, Promise<AppendAnswer>>()
  private readonly names = new Map<string, Uint8Array>()
  private readonly writer = new ByteWriter(64 * 1024)
  private stopReason: string | undefined
  private readonly unknownBatches = new Set<string>()
  private dispatchScheduled = false
  private idle: Array<() => void> = []

  constructor(private readonly options: CommitQueueOptions) {
    const [one, other] = options.thread.slabs
    invariant(one !== undefined && other !== undefined, 'the log thread shares two slabs')
    this.gathering = new Gathering(0, one)
    this.spare = new Gathering(1, other)
    this.place = options.place
    this.tail = { ...options.tail }
    options.thread.onDurable = () => this.durable()
    options.thread.onDeath = (reason) => this.stop(reason)
  }

  get nextPosition(): number {
    return this.place.position
  }

  append(stream: string, expected: number, batch: EventBatch): Promise<AppendAnswer> {
    const before = this.running.get(stream)
    // One call per stream is in flight; a second one is judged by what became of the first.
    if (before !== undefined) return before.then(() => this.append(stream, expected, batch))
    const head = this.options.index.streams.get(stream)?.head ?? NO_REVISION
    // What is in the log was appended, however the log has ended since: a repeat of it is no failure (I1).
    if (this.stopReason !== undefined && expected >= head)
      return Promise.resolve(this.stoppedAnswer(batch.batchId))
    if (expected !== head) return this.options.answerMisplaced(stream, expected, batch)

    invariant(batch.events.length > 0, 'a batch holds at least one event')
    const encoded = batch.recordedBytes ?? this.encoded(batch)
    const bytes = encoded.length
    const { batchBytesMax } = this.options
    if (bytes > batchBytesMax)
      return Promise.resolve(E.left({ type: 'BatchTooLarge', bytes, bytesMax: batchBytesMax }))
    let settle: (answer: AppendAnswer) => void = () => {}
    const answer = new Promise<AppendAnswer>((resolve) => {
      settle = resolve
    })
    this.running.set(stream, answer)
    this.admit({
      stream,
      batchId: batch.batchId,
      firstRevision: expected + 1,
      events: batch.events.length,
      encoded,
      isGrowth: isGrowth(batch),
      settle,
    })
    return answer
  }

  /** Valid until the next batch is encoded. */
  private encoded(batch: EventBatch): Uint8Array {
    this.writer.reset()
    encodeBatch(batch, this.writer)
    return this.writer.bytes()
  }

  /** Resolves when nothing is waiting or in flight any more. */
  async drained(): Promise<void> {
    // An answered caller may have appended again before we are told.
    while (this.inFlight !== undefined || this.running.size > 0)
      await new Promise<void>((resolve) => this.idle.push(resolve))
  }

  /** From here on every append is refused; what is in flight is unknown, what is not was never written. */
  stop(reason: string): void {
    if (this.stopReason !== undefined) return
    this.stopReason = reason
    const gathered = this.takeAll()
    const flying = this.inFlight?.frame.placed ?? []
    this.inFlight = undefined
    for (const pending of flying) {
      this.unknownBatches.add(pending.batchId)
      this.settle(pending, E.left(outcomeUnknown(reason)))
    }
    for (const pending of gathered) this.settle(pending, E.left(stopped(reason)))
    this.tellIdle()
  }

  /** What is left to growth; Infinity while there is, or may be, a next segment. */
  growthRoomBytes(): number {
    return this.options.supply.state === 'failed' ? this.freeBytes(true) : Number.POSITIVE_INFINITY
  }

  get stoppedBecause(): string | undefined {
    return this.stopReason
  }

  /** The state of the next segment has changed. */
  supplyChanged(): void {
    const held = this.held
    this.held = []
    for (const pending of held) this.admit(pending)
    this.dispatch()
    // Refused, they were perhaps the last that a close waited for.
    this.tellIdle()
  }

  private stoppedAnswer(batchId: string): AppendAnswer {
    const reason = this.stopReason ?? ''
    return E.left(this.unknownBatches.has(batchId) ? outcomeUnknown(reason) : stopped(reason))
  }

  private admit(pending: Pending): void {
    const need = sectionBytes(this.nameOf(pending.stream).length, pending.encoded.length)
    if (this.options.supply.state !== 'ready') {
      const full = this.fullFor(pending, need)
      if (full !== undefined && this.options.supply.state === 'failed') {
        this.settle(pending, E.left(full))
        return
      }
      if (full !== undefined) {
        this.held.push({ ...pending, encoded: pending.encoded.slice() })
        return
      }
    }
    if (this.backlog.length > 0 || this.gathering.used + need > this.options.frameBytesMax) {
      this.backlog.push({ ...pending, encoded: pending.encoded.slice() })
      this.backlogBytes += need
      return
    }
    this.gather(pending)
    this.scheduleDispatch()
  }

  /** Without a next segment, growth leaves the last `reserveBytes` to acks. */
  private fullFor(pending: Pending, need: number): LogFull | undefined {
    const freeBytes = this.freeBytes(pending.isGrowth)
    return need <= freeBytes ? undefined : { type: 'LogFull', freeBytes, neededBytes: need }
  }

  private freeBytes(isGrowth: boolean): number {
    const taken = this.tail.end + (this.inFlight?.bytes ?? 0) + this.gathering.used + this.backlogBytes
    const free = this.tail.bytes - taken - FRAME_HEADER_BYTES
    return Math.max(0, free - (isGrowth ? this.options.reserveBytes : 0))
  }

  private gather(pending: Pending): void {
    const frame = this.gathering
    const name = this.nameOf(pending.stream)
    frame.placed.push({ ...pending, digestAt: frame.used + 56 })
    frame.used = putSection(frame.bytes, frame.view, frame.used, {
      name,
      firstRevision: pending.firstRevision,
      events: pending.events,
      batch: pending.encoded,
    })
    frame.events += pending.events
  }

  /**
   * Before the loop turns, so that all who append in this callback share the frame. Waiting for the end of the turn
   * (setImmediate) let every caller of the last commit go on first, while the disk stood still: 20 % less in bulk, and
   * no more sharing, since whoever comes later shares the next frame.
   */
  private scheduleDispatch(): void {
    if (this.dispatchScheduled || this.inFlight !== undefined) return
    this.dispatchScheduled = true
    queueMicrotask(() => {
      this.dispatchScheduled = false
      this.dispatch()
    })
  }

  private dispatch(): void {
    const frame = this.gathering
    if (this.inFlight !== undefined || frame.placed.length === 0) return
    if (this.tail.end + alignedBytes(frame.used) > this.tail.bytes && !this.roll()) return
    const { frame: number, position } = this.place
    const bytes = putHeader(frame.bytes, frame.view, frame.used, {
      ledgerId: this.options.ledgerId,
      frame: number,
      position,
      events: frame.events,
      sections: frame.placed.length,
    })
    this.inFlight = { frame, bytes }
    this.gathering = this.spare
    this.options.thread.commit(frame.slab, bytes, this.tail.segment, this.tail.end)
    this.takeFromBacklog()
  }

  /** False: there is no next segment yet, or no room for one; then what was gathered is refused. */
  private roll(): boolean {
    const { supply } = this.options
    if (supply.state === 'failed') {
      const free = this.tail.bytes - this.tail.end
      for (const pending of this.takeAll()) {
        const neededBytes = pending.encoded.length
        this.settle(pending, E.left({ type: 'LogFull', freeBytes: free, neededBytes }))
      }
      this.tellIdle()
    }
    if (supply.state !== 'ready') return false
    this.tail = {
      segment: this.tail.segment + 1,
      end: SEGMENT_HEADER_BYTES,
      bytes: this.options.segmentBytes,
    }
    supply.start(this.tail.segment + 1, 0)
    return true
  }

  private durable(): void {
    const done = this.inFlight
    if (done === undefined) return
    this.inFlight = undefined
    const { frame, bytes } = done
    const position = this.place.position
    this.enterIndex(frame, bytes)
    const placed = frame.placed
    frame.empty()
    this.spare = frame
    this.dispatch()
    let at = position
    for (const pending of placed) {
      const { firstRevision, events } = pending
      this.settle(pending, E.right({ firstRevision, lastRevision: firstRevision + events - 1, position: at }))
      at += events
    }
    at = position
    for (const { events } of placed) {
      at += events
      this.options.onAppended(at)
    }
    this.tellIdle()
  }

  private enterIndex(frame: Gathering, bytes: number): void {
    const { index } = this.options
    const newest = index.segments.at(-1)
    const segment =
      newest?.number === this.tail.segment ? newest : addSegment(index, this.tail.segment, this.place)
    const hash = frame.bytes.slice(0, HASH_BYTES)
    const sections = frame.placed.map(({ stream, firstRevision, events, digestAt }) => ({
      stream,
      firstRevision,
      events,
      digest: frame.bytes.slice(digestAt, digestAt + HASH_BYTES),
    }))
    addFrame(index, segment, { bytes, hash, sections })
    this.tail.end += bytes
    this.options.supply.consumed(this.tail.end / this.tail.bytes)
    this.place = {
      frame: this.place.frame + 1,
      position: this.place.position + frame.events,
      previousHash: hash,
    }
  }

  private takeFromBacklog(): void {
    let taken = 0
    for (const pending of this.backlog) {
      const need = sectionBytes(this.nameOf(pending.stream).length, pending.encoded.length)
      if (this.gathering.used + need > this.options.frameBytesMax) break
      this.gather(pending)
      this.backlogBytes -= need
      taken++
    }
    if (taken > 0) this.backlog.splice(0, taken)
  }

  private takeAll(): ReadonlyArray<Pending> {
    const all = [...this.gathering.placed, ...this.backlog, ...this.held]
    this.gathering.empty()
    this.backlog = []
    this.backlogBytes = 0
    this.held = []
    return all
  }

  private settle(pending: Pending, answer: AppendAnswer): void {
    this.running.delete(pending.stream)
    pending.settle(answer)
  }

  private tellIdle(): void {
    if (this.inFlight !== undefined || this.running.size > 0) return
    for (const resolve of this.idle.splice(0)) resolve()
  }

  private nameOf(stream: string): Uint8Array {
    const known = this.names.get(stream)
    if (known !== undefined) return known
    const name = Buffer.from(stream, 'utf8')
    invariant(
      name.length <= STREAM_NAME_BYTES_MAX,
      `a stream name has at most ${STREAM_NAME_BYTES_MAX} bytes`,
    )
    this.names.set(stream, name)
    return name
  }
}

/** Also names a folder of snapshots. */
export const STREAM_NAME_BYTES_MAX = 200

const isGrowth = (batch: EventBatch): boolean => batch.events.some(({ type }) => type === 'MessageEnqueued')
