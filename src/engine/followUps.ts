// The process manager of follow-ups (C9, §4.3): what the end of a message asked for, and was recorded with that end, is
// enqueued into the queues it names. At least once is asked for, exactly one message comes of it: its name is a function of
// the recorded event, so a repeat is a duplicate; where the queue may have forgotten the name (its dedup window has passed),
// the register of finished messages is asked first. The cursor is written after the enqueues it covers.
//
// Memory is bounded: beyond PENDING_MAX nothing more is taken from the log until something has been enqueued. A queue that
// is full, or cannot be opened, is asked again with growing pauses; meanwhile the others go on, up to that bound.
import { createHash } from 'node:crypto'
import { parsePartitionStream } from '../../domain/ids.js'
import { followUpsOf, namedFollowUps } from '../../domain/process/followUps.js'
import type { Clock } from '../ports/clock.js'
import type { EventLog } from '../ports/eventLog.js'
import type { Ids } from '../ports/ids.js'
import { FollowUpCursor } from './followUpCursor.js'
import type { Delivered, NamedFollowUp } from './followUpDelivery.js'
import { LogScan, resumeAt, type ShownBatch } from './logScan.js'

/** Follow-ups in memory, beside those of the one append that goes beyond; the bytes are those of their payloads. */
const PENDING_MAX = 10_000
const PENDING_BYTES_MAX = 32 * 1_048_576
/** Taken from the log again only below it: each time costs the reading of a page. */
const PENDING_LOW = PENDING_MAX / 2
/** Enqueued into one queue at once, at three bytes a character. */
const WAVE_MAX = 256
const WAVE_BYTES_MAX = 512 * 1_024
const PAUSE_MIN_MS = 100
const PAUSE_MAX_MS = 30_000
/** Of one queue's failures in a row, the first and each so manieth are reported. */
const REPORT_EVERY = 10
const CURSOR_AFTER_MS = 5_000
/** So many events at most are looked at again after a crash, whether any of them had follow-ups or not. */
const CURSOR_AFTER_EVENTS = 65_536
/** A clean end of a ledger without follow-ups leaves no trace below this. */
const CURSOR_AT_CLOSE_EVENTS = 1_024
const CALLER_ID_CHARS_MAX = 128

export type FollowUpsDeps = Readonly<{
  log: EventLog
  clock: Clock
  ids: Ids
  /** Opens the queue that a follow-up names. Rejects when it cannot: asked again later. */
  target: (queue: string) => Promise<(wave: ReadonlyArray<NamedFollowUp>) => Promise<Delivered>>
  onTrouble: (queue: string, message: string) => void
  /** Other processes append to the log as well, and may have done this work before. */
  isShared?: boolean
}>

type Pending = Omit<NamedFollowUp, 'isRepeat'> & { readonly position: number; isRepeat: boolean }

type Lane = {
  readonly queue: string
  pending: Pending[]
  isBusy: boolean
  failures: number
  cancelPause: (() => void) | undefined
}

export class FollowUps {
  private readonly scan: LogScan
  private readonly cursor: FollowUpCursor
  private readonly lanes = new Map<string, Lane>()
  private pendingCount = 0
  private pendingBytes = 0
  /** What stood in the log before this start may have been enqueued by an earlier one. */
  private repeatsBelow = 0
  /** Events shown when the cursor was last to be written because of their number. */
  private triedAt = 0
  /** Events shown when it was last written. */
  private writtenAt = 0
  private isStopping = false
  private hasDone = false
  private cancelCursor: (() => void) | undefined
  private writing: Promise<void> | undefined
  private running = new Set<Promise<void>>()

  constructor(private readonly deps: FollowUpsDeps) {
    this.scan = new LogScan(deps, {
      show: (batch, from) => this.show(batch, from),
      advanced: () => this.advanced(),
      onTrouble: (message) => deps.onTrouble('', message),
    })
    this.cursor = new FollowUpCursor({ ...deps, log: this.scan.log })
  }

  /** The log through which everything has to be appended: its appends tell of themselves here. */
  get log(): EventLog {
    return this.scan.log
  }

  /** In memory, and not enqueued yet. */
  get waiting(): number {
    return this.pendingCount
  }

  /** Takes up what earlier starts left, in the background. */
  async start(): Promise<void> {
    await this.cursor.read()
    // How far another node had come since it last said so is not known.
    const isKnown = this.deps.isShared !== true
    this.repeatsBelow = isKnown ? this.deps.log.condition().nextPosition : Number.POSITIVE_INFINITY
    this.scan.start(this.cursor.position)
  }

  /** Ends what is on its way, and records how far all has come; what is left is taken up by the next start. */
  async stop(): Promise<void> {
    this.isStopping = true
    this.cancelCursor?.()
    for (const lane of this.lanes.values()) lane.cancelPause?.()
    await this.scan.stop()
    await Promise.all(this.running)
    await this.writing
    if (this.hasDone || this.scan.shownEvents - this.writtenAt >= CURSOR_AT_CLOSE_EVENTS)
      await this.writeCursor()
  }

  private show(batch: ShownBatch, from: number): boolean {
    const { stream, firstRevision, events } = batch
    let ref: ReturnType<typeof parsePartitionStream>
    for (let index = from; index < events.length; index++) {
      const event = events[index]
      const followUps = event === undefined ? undefined : followUpsOf(event)
      if (event === undefined || followUps === undefined || !('ordinal' in event)) continue
      // Once the first of an append is taken, all of it is: nothing is shown by halves.
      const isFull = this.pendingCount >= PENDING_MAX || this.pendingBytes >= PENDING_BYTES_MAX
      if (ref === undefined && isFull) return false
      ref ??= parsePartitionStream(stream)
      if (ref === undefined) return true
      const at = resumeAt(batch, index)
      for (const named of namedFollowUps(ref, event.ordinal, firstRevision + index, followUps)) {
        const { name, origin, followUp } = named
        this.add({ position: at, id: callerIdOf(name), origin, followUp, isRepeat: at < this.repeatsBelow })
      }
    }
    return true
  }

  private add(pending: Pending): void {
    const { queue } = pending.followUp
    let lane = this.lanes.get(queue)
    if (lane === undefined) {
      lane = { queue, pending: [], isBusy: false, failures: 0, cancelPause: undefined }
      this.lanes.set(queue, lane)
    }
    lane.pending.push(pending)
    this.pendingCount++
    this.pendingBytes += pending.followUp.payload.length
    this.run(lane)
  }

  private run(lane: Lane): void {
    if (lane.isBusy || lane.cancelPause !== undefined || this.isStopping) return
    lane.isBusy = true
    const run = this.empty(lane).finally(() => this.running.delete(run))
    this.running.add(run)
  }

  private async empty(lane: Lane): Promise<void> {
    // What the same append asked for goes along in one wave.
    await Promise.resolve()
    while (lane.pending.length > 0 && !this.isStopping) {
      const failure = await this.deliver(lane).catch(messageOfError)
      // A lane that has nothing left, or cannot go on, must not wait for the others to have less.
      const isAtEnd = lane.pending.length === 0 || failure !== undefined
      if (isAtEnd || this.pendingCount <= PENDING_LOW) this.scan.resume()
      if (failure === undefined) {
        lane.failures = 0
        continue
      }
      this.pause(lane, failure)
      break
    }
    lane.isBusy = false
    if (lane.pending.length === 0) this.lanes.delete(lane.queue)
  }

  private pause(lane: Lane, failure: string): void {
    if (lane.failures++ % REPORT_EVERY === 0) {
      const count = lane.pending.length
      this.deps.onTrouble(lane.queue, `follow-ups wait for the queue ${lane.queue} (${count}): ${failure}`)
    }
    if (this.isStopping) return
    const pauseMs = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** Math.min(lane.failures - 1, 20))
    lane.cancelPause = this.deps.clock.after(pauseMs, () => {
      lane.cancelPause = undefined
      this.run(lane)
    })
  }

  /** Enqueues the first of the lane; what keeps it from going on, or nothing. */
  private async deliver(lane: Lane): Promise<string | undefined> {
    const wave: Pending[] = []
    let bytes = 0
    for (const pending of lane.pending.slice(0, WAVE_MAX)) {
      bytes += pending.followUp.payload.length * 3
      if (bytes > WAVE_BYTES_MAX && wave.length > 0) break
      wave.push(pending)
    }
    const deliver = await this.deps.target(lane.queue)
    const { done, unclear, failure } = await deliver(wave)
    const those = (indexes: ReadonlyArray<number>): ReadonlyArray<Pending> =>
      [...indexes].sort((a, b) => a - b).flatMap((index) => wave[index] ?? [])
    for (const pending of those(unclear)) pending.isRepeat = true
    this.done(lane, those(done))
    return failure
  }

  private done(lane: Lane, some: ReadonlyArray<Pending>): void {
    if (some.length === 0) return
    // With one partition they are the first of the lane, in their order.
    const areFirst = some.every((pending, n) => pending === lane.pending[n])
    const gone = areFirst ? undefined : new Set(some)
    lane.pending =
      gone === undefined
        ? lane.pending.slice(some.length)
        : lane.pending.filter((pending) => !gone.has(pending))
    this.pendingCount -= some.length
    for (const { followUp } of some) this.pendingBytes -= followUp.payload.length
    this.hasDone = true
    this.cancelCursor ??= this.deps.clock.after(CURSOR_AFTER_MS, () => {
      this.cancelCursor = undefined
      this.startWriting()
    })
  }

  private advanced(): void {
    if (this.scan.shownEvents - this.triedAt < CURSOR_AFTER_EVENTS) return
    this.triedAt = this.scan.shownEvents
    this.startWriting()
  }

  /** Everything below is enqueued. */
  private doneTo(): number {
    let position = this.scan.shown
    for (const { pending } of this.lanes.values())
      for (const one of pending) position = Math.min(position, one.position)
    return position
  }

  private startWriting(): void {
    if (this.writing !== undefined || this.isStopping) return
    this.writing = this.writeCursor().finally(() => {
      this.writing = undefined
    })
  }

  private async writeCursor(): Promise<void> {
    this.hasDone = false
    try {
      const { shownEvents } = this.scan
      if (await this.cursor.write(this.doneTo())) this.writtenAt = shownEvents
      else this.hasDone = true
    } catch (error) {
      // The log cannot be read: others say so, too, and the cursor may lag.
      this.hasDone = true
      this.deps.onTrouble('', messageOfError(error))
    }
  }
}

/** Names of long queues are too long for an id. */
const callerIdOf = (name: string): string =>
  name.length <= CALLER_ID_CHARS_MAX ? name : `then~${createHash('sha256').update(name).digest('hex')}`

const messageOfError = (error: unknown): string => (error instanceof Error ? error.message : String(error))
