// One partition over time: opens it (recovery, then a writer with a new epoch), takes snapshots while it runs, and opens it
// anew after a fault of the log, a bounded number of times. A defect is not tried again: it would only repeat.
import { isLeft } from 'fp-ts/lib/Either.js'
import type { EventBatch } from '../../domain/batch.js'
import { type PartitionRef, partitionStream } from '../../domain/ids.js'
import { invariant } from '../../domain/invariant.js'
import type { QueueControl } from '../../domain/queue/index.js'
import { type PartitionState, SnapshotInProgress } from '../../projections/partition/index.js'
import type { FinishedRegister } from '../ports/finishedRegister.js'
import type { Blobs } from './blobPayloads.js'
import { PartitionWriter, type WriterDeps } from './partitionWriter.js'
import { Payloads } from './payloads.js'
import { type RebuildOptions, type RebuildSource, type Rebuilt, rebuildMeasures } from './rebuildMeasures.js'
import { recoverPartition } from './recovery.js'
import { RegisterFollower } from './registerFollower.js'
import type { Failure, Reply } from './replies.js'
import { roomIn } from './roomInLog.js'

/** Reopenings after faults of the log, and the pause before each (doubling). */
const REOPENINGS_MAX = 8
const REOPEN_PAUSE_MS = 100
/** … while the log is full: as often as is cheap, for as long as that takes (R07). */
const REOPEN_FULL_PAUSE_MS = 1_000
/** After this many durable events in a term, earlier reopenings no longer count. */
const FORGIVEN_AFTER_EVENTS = 10_000

export type PartitionDeps = WriterDeps &
  Readonly<{
    register: FinishedRegister
    /** Where payloads lie that are too large for the log. */
    blobs?: Blobs | undefined
    payloadCacheBytes: number
    /** A snapshot after this many events; 0 = only at close. */
    snapshotEveryEvents: number
    isCertainlyDead: (worker: string) => boolean
    /** Of a node among several: whether the queue is still this one's, as the cluster stream says now. */
    stillLeads?: (queue: string) => Promise<boolean>
  }>

export type PartitionEvents = Readonly<{
  /** Each batch once it is durable, in order. */
  onDurable: (partition: PartitionRef, batch: EventBatch) => void
  onTrouble: (partition: PartitionRef, message: string, final: boolean) => void
}>

/** How the present term came from the log. */
export type PartitionRecovery = Readonly<{
  /** Revision of the snapshot that was used; -1 = none. */
  snapshotRevision: number
  eventsReplayed: number
  /** Attempts that were ended because their workers had died with their process. */
  attemptsLost: number
  durationMs: number
}>

export class Partition {
  readonly stream: string
  recovery: PartitionRecovery | undefined
  private readonly followers = new Set<Parameters<RebuildSource['follow']>[0]>()
  private writer: PartitionWriter | undefined
  private trouble: Failure | undefined
  private closing = false
  private reopenings = 0
  private beginning: Promise<void> | undefined
  private eventsSinceSnapshot = 0
  private durableEvents = 0
  private snapshotting: Promise<void> | undefined
  readonly finished: RegisterFollower

  private constructor(
    readonly ref: PartitionRef,
    private control: QueueControl,
    private readonly deps: PartitionDeps,
    private readonly events: PartitionEvents,
    /** What the control stream says now. */
    private readonly readControl: () => Promise<QueueControl>,
  ) {
    this.stream = partitionStream(ref)
    this.finished = new RegisterFollower(deps, this.stream, (message) =>
      this.events.onTrouble(this.ref, message, false),
    )
  }

  static async open(
    ref: PartitionRef,
    control: QueueControl,
    deps: PartitionDeps,
    events: PartitionEvents,
    readControl: () => Promise<QueueControl>,
  ): Promise<Partition> {
    const partition = new Partition(ref, control, deps, events, readControl)
    await partition.begin()
    return partition
  }

  /** Runs against the writer of the present term; a definite failure while there is none. */
  use<A>(run: (writer: PartitionWriter) => A, otherwise: (reply: Reply<never>) => A): A {
    if (this.writer !== undefined) return run(this.writer)
    const failure: Failure = this.trouble ?? { kind: 'unavailable', reason: 'the partition is being opened' }
    return otherwise({ _tag: 'Left', left: failure })
  }

  get state(): PartitionState | undefined {
    return this.writer?.state
  }

  /** It will not take calls again by itself. */
  isFinal = false

  get failure(): Failure | undefined {
    return this.writer === undefined ? this.trouble : undefined
  }

  setControl(control: QueueControl): void {
    this.control = control
    this.writer?.setControl(control)
  }

  async close(): Promise<void> {
    this.closing = true
    this.finished.stop()
    const { writer } = this
    if (writer !== undefined) {
      await writer.drain()
      await this.snapshot()
      await writer.close()
    }
    await this.finished.end()
  }

  /** Counts all numbers anew from the log; the partition goes on meanwhile (E1). */
  async rebuildMeasures(options: RebuildOptions): Promise<Rebuilt> {
    const { writer, stream, followers } = this
    if (writer === undefined) throw new Error('the partition takes no calls now')
    const follow: RebuildSource['follow'] = (listener) => {
      followers.add(listener)
      return () => followers.delete(listener)
    }
    return rebuildMeasures({ log: this.deps.log, stream, writer, follow }, options)
  }

  /** Once more by hand, for one that has stopped for good. Rejects when it cannot be opened. */
  async reopen(): Promise<void> {
    if (this.writer !== undefined || this.closing) return
    this.reopenings = 0
    await this.beginOnce()
  }

  /** By a timer and by hand at the same time it begins once: a partition has one writer. */
  private beginOnce(): Promise<void> {
    this.beginning ??= this.begin().finally(() => {
      this.beginning = undefined
    })
    return this.beginning
  }

  private async begin(): Promise<void> {
    const startTick = this.deps.clock.tickMs()
    const { log, ids } = this.deps
    // Not to be guessed by those who choose the keys that are hashed.
    const hashSeed = ids.unique()
    const { state, eventsReplayed, snapshotRevision } = await recoverPartition(log, this.stream, { hashSeed })
    // Another process has written here since, by a newer configuration: adopting ours would take it back (R67).
    if (state.controlRevision > this.control.revision) this.control = await this.readControl()
    invariant(
      !(state.controlRevision > this.control.revision),
      `I6 ${this.stream} knows configuration ${state.controlRevision}, its control stream ends at ${this.control.revision}`,
    )
    this.eventsSinceSnapshot = eventsReplayed
    this.durableEvents = 0
    const payloads = new Payloads(log, this.stream, this.deps.payloadCacheBytes)
    const writer = new PartitionWriter(this.ref, state, payloads, this.control, this.deps, {
      onDurable: (batch, appended) => {
        this.finished.note(appended.firstRevision, batch.events)
        this.events.onDurable(this.ref, batch)
        for (const follow of this.followers) follow(batch, appended.firstRevision)
        this.eventsSinceSnapshot += batch.events.length
        this.durableEvents += batch.events.length
        if (this.durableEvents > FORGIVEN_AFTER_EVENTS) this.reopenings = 0
        if (this.isSnapshotDue(state)) void this.snapshot()
      },
      // One that stops before its term has begun makes `start` reject, and is dealt with there.
      onStopped: (why, defect) => {
        if (this.writer === writer) this.stopped(why, defect)
      },
    })
    await writer.start(this.deps.isCertainlyDead)
    this.writer = writer
    this.trouble = undefined
    this.isFinal = false
    const { attemptsLost } = writer
    const durationMs = Math.round(this.deps.clock.tickMs() - startTick)
    this.recovery = { snapshotRevision, eventsReplayed, attemptsLost, durationMs }
    this.finished.begin()
  }

  private stopped(why: Failure, defect: Error | undefined): void {
    this.writer = undefined
    this.trouble = why
    if (this.closing) return
    const reason = why.kind === 'refused' ? why.refusal.type : why.reason
    const { state, breaker } = this.deps.log.condition()
    // While the log cannot be reached opening anew proves nothing: it waits for the connection, however long that takes.
    const isCutOff = breaker !== undefined && breaker.state !== 'closed'
    const isFull = roomIn(this.deps.log) !== Number.POSITIVE_INFINITY
    const isUsedUp = !isCutOff && !isFull && this.reopenings >= REOPENINGS_MAX
    this.isFinal = defect !== undefined || state !== 'open' || isUsedUp
    if (this.isFinal) {
      this.events.onTrouble(this.ref, defect?.message ?? reason, true)
      return
    }
    this.events.onTrouble(this.ref, reason, false)
    const pauseMs = isCutOff
      ? Math.max(REOPEN_PAUSE_MS, breaker.retryInMs)
      : isFull
        ? REOPEN_FULL_PAUSE_MS
        : REOPEN_PAUSE_MS * 2 ** this.reopenings++
    this.deps.clock.after(pauseMs, () => {
      if (this.closing || this.writer !== undefined) return
      this.beginAgain().catch((error: Error) =>
        this.stopped({ kind: 'unavailable', reason: error.message }, undefined),
      )
    })
  }

  /** Whoever was fenced asks first: beginning anew would only fence the one who leads by right (R21, R37). */
  private async beginAgain(): Promise<void> {
    if ((await this.deps.stillLeads?.(this.ref.queue)) === false) {
      this.trouble = { kind: 'unavailable', reason: 'another node leads the queue now' }
      return
    }
    if (!this.closing && this.writer === undefined) await this.beginOnce()
  }

  /**
   * A snapshot is as long as what is waiting is deep. With ten million waiting, one for each half a million events would write eighteen
   * times as many bytes as the log itself; so the period grows with the depth, and a restart with it: by half an event a message.
   */
  private isSnapshotDue({ size }: PartitionState): boolean {
    const every = this.deps.snapshotEveryEvents
    return every > 0 && this.eventsSinceSnapshot >= Math.max(every, size / 2)
  }

  /** One at a time; what fails costs nothing but a longer replay. */
  private snapshot(): Promise<void> {
    this.snapshotting ??= this.takeSnapshot().finally(() => {
      this.snapshotting = undefined
    })
    return this.snapshotting
  }

  private async takeSnapshot(): Promise<void> {
    const { writer } = this
    if (writer === undefined || this.eventsSinceSnapshot === 0) return
    this.eventsSinceSnapshot = 0
    const taken = new SnapshotInProgress(writer.state, this.stream)
    try {
      // The state may be ahead of the log: nothing is written before all that it holds is durable.
      if (!(await writer.durable(taken.revision))) return
      // It says itself what it covers, so a snapshot is as good without it.
      await this.finished.flush(taken.revision)
      const saved = await this.deps.log.saveSnapshot(this.stream, taken.revision, chunksOf(taken))()
      if (isLeft(saved)) {
        const why = 'reason' in saved.left ? `${saved.left.type}, ${saved.left.reason}` : saved.left.type
        this.events.onTrouble(this.ref, `no snapshot: ${why}`, false)
      }
    } finally {
      taken.end()
    }
  }
}

async function* chunksOf(taken: SnapshotInProgress): AsyncIterable<Uint8Array> {
  for (let number = 0; number <= taken.chunkCount; number++) yield taken.take(number)
}
