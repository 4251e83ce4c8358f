// The one writer of a partition: takes waiting requests, decides each against the state so far, appends the events of all
// of them in one call, and answers when that is durable (group commit). While one append is in flight the next batch is
// being decided. Keeps I1 (three kinds of reply), I2 (identical repeat, expected revision), the reply barrier (§4.4) and
// the order inside a batch: settlements, expiry, everything else, claims (§4.10).
import type { EventBatch } from '../../domain/batch.js'
import { type PartitionRef, partitionStream } from '../../domain/ids.js'
import type { Defect } from '../../domain/invariant.js'
import type { QueueControl } from '../../domain/queue/index.js'
import type { PartitionState } from '../../projections/partition/index.js'
import type { Clock } from '../ports/clock.js'
import type { Appended, AppendFault, EventLog } from '../ports/eventLog.js'
import type { Ids } from '../ports/ids.js'
import { adoptControl } from './adoptControl.js'
import { Alarm } from './alarm.js'
import { AppendLoop, describeAppendFault } from './appendLoop.js'
import { ClaimDesk } from './claimDesk.js'
import { decideOffer } from './decideEnqueue.js'
import {
  type DecisionContext,
  decideExpiries,
  decideSettlement,
  failLostAttempts,
  messageIdOf,
} from './decideRequests.js'
import { Intake, takeWhile } from './intake.js'
import { LeaseTimes } from './leaseTimes.js'
import { LogClock } from './logClock.js'
import { type BatchOutcome, OpenBatch, type Places, placesIn, type WhenDurable } from './openBatch.js'
import type { Payloads } from './payloads.js'
import { type Answer, answered, type Failure, type Reply, refused, unavailable } from './replies.js'
import type { ActRequest, ClaimRequest, EnqueueRequest, Settled, SettleRequest } from './requests.js'
import { hasRoomFor } from './roomInLog.js'

/** Events decided in one turn of the event loop. */
const STEP_EVENTS_MAX = 4_096
/** … by claims. */
const CLAIM_EVENTS_MAX = 4_096
/** A batch this long, or with this many bytes, waits for no more company. */
const BATCH_EVENTS_MAX = 8_192
const BATCH_BYTES_SOFT_MAX = 1_000_000
const LOG_FULL = 'the log is full, but for what ends messages'

export type WriterDeps = Readonly<{
  log: EventLog
  clock: Clock
  ids: Ids
  node: string
  incarnation: string
}>

export type WriterHooks = Readonly<{
  /** Each batch once it is durable, in order. */
  onDurable: (batch: EventBatch, appended: Appended) => void
  /** The writer has stopped: its state may be ahead of the log, and must be rebuilt from it. */
  onStopped: (why: Failure, defect: Defect | undefined) => void
}>

export class PartitionWriter {
  readonly stream: string
  /** Attempts that the term began with ending, because their workers are certainly dead. */
  attemptsLost = 0
  /**
   * Names this writer's batches. Random for each writer, not for each process: after stepping down from an append of unknown
   * outcome the same process writes other events at the same revision, and must never be answered with that append's success.
   */
  private readonly term: string
  private readonly logClock: LogClock
  private readonly claims: ClaimDesk
  private readonly leaseTimes: LeaseTimes
  private readonly intake = new Intake()
  private open: OpenBatch | undefined
  private readonly appends: AppendLoop
  private scheduled = false
  private stopped: Failure | undefined
  private readonly alarm: Alarm
  private overdue = false
  private control: QueueControl
  private idle: Array<() => void> = []

  constructor(
    private readonly ref: PartitionRef,
    readonly state: PartitionState,
    private readonly payloads: Payloads,
    control: QueueControl,
    private readonly deps: WriterDeps,
    private readonly hooks: WriterHooks,
  ) {
    this.stream = partitionStream(ref)
    this.control = control
    this.term = deps.ids.unique()
    this.appends = new AppendLoop(this.stream, state.nextRevision - 1, deps, {
      landed: (batch, sealed, appended) => this.landed(batch, sealed, appended),
      failed: (batch, fault) => this.failed(batch, fault),
    })
    this.logClock = new LogClock(deps.clock, state.lastAt)
    this.claims = new ClaimDesk(ref, state, payloads)
    this.leaseTimes = new LeaseTimes(state)
    this.alarm = new Alarm(deps.clock, () => this.schedule())
    state.regrantLeases(deps.clock.tickMs())
  }

  /** Begins the term: the epoch event, and the end of every attempt whose worker is certainly dead (§4.12). */
  start(isCertainlyDead: (worker: string) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const batch = this.openBatch()
      const { node, incarnation } = this.deps
      batch.add({ type: 'PartitionOpened', epoch: this.state.epoch + 1, node, incarnation })
      adoptControl(batch, this.state, this.control)
      this.attemptsLost = failLostAttempts(this.context(batch), isCertainlyDead)
      batch.waiting.push((outcome) =>
        outcome.ok
          ? this.begun(resolve)
          : reject(new Error(outcome.failure.kind === 'refused' ? '' : outcome.failure.reason)),
      )
      this.send()
      this.armTimer()
    })
  }

  private begun(resolve: () => void): void {
    // Until now no heartbeat could reach us, however long the first append took.
    this.state.regrantLeases(this.deps.clock.tickMs())
    resolve()
    // Leases and due times of the term before need their timer though nobody asks for anything.
    this.schedule()
  }

  enqueue(request: EnqueueRequest): void {
    if (this.stopped !== undefined) return request.answer({ _tag: 'Left', left: this.stopped })
    const refusal = this.intake.addEnqueue(request)
    if (refusal !== undefined) return request.answer(refused(refusal))
    this.schedule()
  }

  settle(request: SettleRequest): void {
    if (this.stopped !== undefined) return request.answer({ _tag: 'Left', left: this.stopped })
    this.intake.settlements.push(request)
    this.schedule()
  }

  claim(request: ClaimRequest): void {
    if (this.stopped !== undefined) return request.answer({ _tag: 'Left', left: this.stopped })
    this.claims.add(request, this.deps.clock.tickMs())
    this.schedule()
  }

  /** A waiting claim was cancelled: it is answered empty soon. */
  claimsChanged(): void {
    this.schedule()
  }

  look<A>(look: (state: PartitionState, at: number) => A): Promise<Reply<A>> {
    return this.act(({ state, batch }) => look(state, batch.at))
  }

  /** Runs a rule of its own among the other requests; what it answers is told when it is durable. */
  act<A>(act: (context: DecisionContext) => A): Promise<Reply<A>> {
    return new Promise((resolve) => {
      if (this.stopped !== undefined) return resolve({ _tag: 'Left', left: this.stopped })
      this.intake.others.push({ act, answer: resolve as Answer<unknown> })
      this.schedule()
    })
  }

  /** A newer configuration or pause: adopted by an event before the next decision (§4.2). */
  setControl(control: QueueControl): void {
    this.control = control
    this.schedule()
  }

  /** Decided, applied, and not durable yet. */
  undurable(): ReadonlyArray<OpenBatch> {
    return [this.appends.inFlight, this.open].filter((batch) => batch !== undefined)
  }

  /** Resolves true once the event at `revision` is durable; false when the writer stops before. */
  durable(revision: number): Promise<boolean> {
    const { durableRevision, inFlight } = this.appends
    if (durableRevision >= revision) return Promise.resolve(true)
    if (this.stopped !== undefined) return Promise.resolve(false)
    const batch = inFlight !== undefined && inFlight.lastRevision >= revision ? inFlight : this.open
    return new Promise((resolve) => {
      if (batch === undefined) resolve(false)
      else batch.waiting.push(({ ok }) => resolve(ok))
    })
  }

  /** Everything asked so far has been answered when this resolves. Claims that wait for messages are answered empty. */
  async drain(): Promise<void> {
    this.claims.endWaiting()
    this.schedule()
    while (this.stopped === undefined && !this.isIdle()) {
      await new Promise<void>((resolve) => this.idle.push(resolve))
    }
  }

  /** Ends the term without a word in the log: whoever opens the partition next begins a new one. */
  async close(): Promise<void> {
    await this.drain()
    this.stop({ kind: 'unavailable', reason: 'the queue was closed' }, undefined)
  }

  private isIdle(): boolean {
    return (
      this.intake.size + this.claims.size === 0 &&
      this.open === undefined &&
      this.appends.inFlight === undefined
    )
  }

  private schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.deps.clock.soon(() => {
      this.scheduled = false
      this.step()
    })
  }

  private openBatch(): OpenBatch {
    if (this.open === undefined) {
      const keepsCuts = this.deps.log.limits !== undefined
      this.open = new OpenBatch(this.logClock.now(), this.deps.clock.tickMs(), this.state, keepsCuts)
    }
    return this.open
  }

  private context(batch: OpenBatch): DecisionContext {
    return { ref: this.ref, state: this.state, payloads: this.payloads, batch, random: this.deps.ids.random }
  }

  private step(): void {
    if (this.stopped !== undefined) return
    const batch = this.openBatch()
    if (batch.events.length < BATCH_EVENTS_MAX && batch.roughBytes < BATCH_BYTES_SOFT_MAX) {
      try {
        this.decide(batch)
      } catch (error) {
        // A defect: nothing that was decided in this batch is acknowledged, and the partition stops.
        this.stop({ kind: 'unavailable', reason: 'the partition stopped on a defect' }, error as Defect)
        return
      }
    }
    this.send()
    if (this.appends.inFlight === undefined && this.intake.size > 0) this.schedule()
    this.armTimer()
  }

  private decide(batch: OpenBatch): void {
    const context = this.context(batch)
    const tick = this.deps.clock.tickMs()
    adoptControl(batch, this.state, this.control)
    const enough = (): boolean =>
      batch.events.length >= STEP_EVENTS_MAX || batch.roughBytes >= BATCH_BYTES_SOFT_MAX
    for (const request of takeWhile(this.intake.settlements, enough)) {
      const results: Settled[] = []
      for (const settlement of request.settlements) results.push(decideSettlement(context, settlement))
      this.answerWhenDurable(batch, request.answer, () => results)
    }
    // Some may have been left for the next turn, and among them the heartbeat of what would run out in this one.
    const areAllHeard = this.intake.settlements.length === 0
    decideExpiries(context, areAllHeard ? this.leaseTimes.overBy(batch.tick) : Number.NEGATIVE_INFINITY)
    for (const request of takeWhile(this.intake.others, enough)) this.decideOther(context, request)
    for (const request of takeWhile(this.intake.enqueues, enough)) this.decideOneEnqueue(context, request)
    this.claims.endCancelled(batch.at, this.whenDurable(batch))
    // On top of what has come in: enqueues that fill every batch must not keep everybody from claiming.
    const eventsMax = batch.events.length + CLAIM_EVENTS_MAX
    if (!this.control.paused) this.claims.serve(context, this.whenDurable(batch), eventsMax)
    this.claims.endDue(tick, batch.at, this.whenDurable(batch))
  }

  private decideOther(context: DecisionContext, { act, answer }: ActRequest): void {
    const done = context.batch.whole(() => act(context))
    this.answerWhenDurable(context.batch, answer, () => done)
  }

  private decideOneEnqueue(context: DecisionContext, request: EnqueueRequest): void {
    const { batch } = context
    this.intake.enqueueTaken(request)
    if (!hasRoomFor(this.deps.log, batch.roughBytes, request)) return request.answer(unavailable(LOG_FULL))
    const placed = batch.whole(() => decideOffer(context, request.messages))
    if ('type' in placed) {
      this.whenDurable(batch)((outcome) =>
        request.answer(outcome.ok ? refused(placed) : { _tag: 'Left', left: outcome.failure }),
      )
      return
    }
    const ids = placed.map(
      (one, i) => one && messageIdOf(context, one.ordinal, request.messages[i]?.callerId),
    )
    this.answerWhenDurable(batch, request.answer, (at) =>
      placed.map((one, i) => {
        if (one === undefined) return undefined
        const { index, replaced } = one
        return {
          id: ids[i] ?? '',
          position: index < 0 ? Math.max(0, this.appends.durablePosition) : at(index),
          duplicate: index < 0 || replaced === true,
          ...(replaced === undefined ? {} : { replaced }),
        }
      }),
    )
  }

  /** Registers for the moment when everything decided so far is durable. */
  private whenDurable(batch: OpenBatch): (callback: WhenDurable) => void {
    return (callback) => {
      if (batch.events.length > 0) batch.waiting.push(callback)
      else if (this.appends.inFlight !== undefined) this.appends.inFlight.waiting.push(callback)
      else
        callback({ ok: true, firstRevision: this.state.nextRevision, position: this.appends.durablePosition })
    }
  }

  private answerWhenDurable<A>(batch: OpenBatch, answer: Answer<A>, value: (at: Places) => A): void {
    this.whenDurable(batch)((outcome) => {
      if (!outcome.ok) return answer({ _tag: 'Left', left: outcome.failure })
      const { durableRevision, durablePosition } = this.appends
      answer(answered(value(placesIn(outcome)), durableRevision, durablePosition))
    })
  }

  private send(): void {
    const batch = this.open
    if (batch === undefined || this.appends.inFlight !== undefined) return
    this.open = undefined
    if (batch.events.length === 0) {
      this.wakeIdle()
      return
    }
    const batchId = `${this.term}.${batch.firstRevision}`
    this.appends.begin(batch, batch.seal(batchId, this.state.epoch))
  }

  private landed(batch: OpenBatch, sealed: EventBatch, appended: Appended): void {
    // What was decided meanwhile goes out before the callers hear of this batch: the disk works while they do.
    this.send()
    const hasLeases = this.leaseTimes.begin(sealed.events, this.deps.clock.tickMs())
    this.hooks.onDurable(sealed, appended)
    const outcome: BatchOutcome = {
      ok: true,
      firstRevision: appended.firstRevision,
      position: appended.position,
      isSparse: appended.next !== undefined,
    }
    for (const waiting of batch.waiting) waiting(outcome)
    if (this.overdue || this.intake.size + this.claims.size > 0) this.schedule()
    else if (hasLeases) this.alarm.setFor(this.leaseTimes.nextTick())
    this.wakeIdle()
  }

  /** The state is ahead of the log now, and nothing more can be decided on it: the partition is rebuilt from the log. */
  private failed(batch: OpenBatch, fault: AppendFault): void {
    const reason = describeAppendFault(fault)
    const why: Failure = { kind: fault.type === 'OutcomeUnknown' ? 'unknown' : 'unavailable', reason }
    for (const waiting of batch.waiting) waiting({ ok: false, failure: why })
    // What was decided behind it was never sent: a definite failure, whatever became of the first.
    this.stop({ kind: 'unavailable', reason }, undefined)
  }

  private stop(why: Failure, defect: Defect | undefined): void {
    if (this.stopped !== undefined) return
    this.stopped = why
    this.alarm.clear()
    const outcome: BatchOutcome = { ok: false, failure: why }
    for (const waiting of this.open?.waiting ?? []) waiting(outcome)
    this.open = undefined
    const reply: Reply<never> = why.kind === 'refused' ? { _tag: 'Left', left: why } : unavailable(why.reason)
    this.intake.answerAll(reply)
    this.claims.stop(reply)
    this.wakeIdle()
    this.hooks.onStopped(why, defect)
  }

  private wakeIdle(): void {
    for (const wake of this.idle.splice(0)) wake()
  }

  /** For whatever comes first: a due message, a lease that runs out, a rate's next token, a claim that has waited long enough. */
  private armTimer(): void {
    const { state } = this
    const tick = this.deps.clock.tickMs()
    const now = this.logClock.now()
    const dueAt = tick + Math.min(state.nextDueAt(), this.claims.nextOpenAt(now)) - now
    const leaseAt = this.leaseTimes.nextTick()
    // The open batch keeps its time while an append is in flight: what is due by now is seen when that has landed.
    const isHeld = this.appends.inFlight !== undefined
    this.overdue = isHeld && Math.min(dueAt, leaseAt) <= tick
    const wakeAt = (at: number): number => (isHeld && at <= tick ? Number.POSITIVE_INFINITY : at)
    this.alarm.setFor(Math.min(wakeAt(dueAt), wakeAt(leaseAt), this.claims.nextTick()))
  }
}
