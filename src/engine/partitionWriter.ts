// The one writer of a partition: takes waiting requests, decides each against the state so far, appends the events of all
// of them in one call, and answers when that is durable (group commit). While one append is in flight the next batch is
// being decided. Keeps I1 (three kinds of reply), I2 (identical repeat, expected revision), the reply barrier (§4.4) and
// the order inside a batch: settlements, expiry, everything else, claims (§4.10).
import { isLeft } from 'fp-ts/lib/Either.js'
import type { EventBatch } from '../../domain/batch.js'
import { type PartitionRef, partitionStream } from '../../domain/ids.js'
import { type Defect, invariant } from '../../domain/invariant.js'
import type { QueueControl } from '../../domain/queue/index.js'
import * as L from '../../projections/messageTable/layout.js'
import type { PartitionState } from '../../projections/partition/index.js'
import { type Clock, TIMER_MS_MAX } from '../ports/clock.js'
import type { Appended, AppendFault, EventLog } from '../ports/eventLog.js'
import type { Ids } from '../ports/ids.js'
import { ClaimDesk } from './claimDesk.js'
import {
  type DecisionContext,
  decideEnqueue,
  decideExpiries,
  decideOperation,
  decideSettlement,
  failAttempt,
  messageIdOf,
} from './decideRequests.js'
import { LogClock } from './logClock.js'
import { type BatchOutcome, OpenBatch, type WhenDurable } from './openBatch.js'
import type { Payloads } from './payloads.js'
import { type Answer, answered, type Failure, type Reply, refused, unavailable } from './replies.js'
import type {
  ClaimRequest,
  EnqueueRequest,
  LookRequest,
  OperateRequest,
  Settled,
  SettleRequest,
} from './requests.js'

/** Messages waiting to be decided; above it callers are told to come back (429). Settlements are never turned away. */
export const PENDING_MESSAGES_MAX = 100_000
/** Events decided in one turn of the event loop. */
const STEP_EVENTS_MAX = 4_096
/** A batch this long, or with this many bytes, waits for no more company. */
const BATCH_EVENTS_MAX = 8_192
const BATCH_BYTES_SOFT_MAX = 1_000_000
/** Bytes of messages in one all-or-nothing call; below the append limit of the smallest log we run on. */
export const CALL_BYTES_MAX = 900_000
/** Identical repeats of an append whose outcome is unknown, and the pause before each, before stepping down. */
const REPEATS_MAX = 20
const REPEAT_PAUSE_MS = 250

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

type Flight = { batch: OpenBatch; sealed: EventBatch; promise: Promise<void> }

export class PartitionWriter {
  readonly stream: string
  private readonly logClock: LogClock
  private readonly claims: ClaimDesk
  private readonly settlements: SettleRequest[] = []
  private readonly enqueues: EnqueueRequest[] = []
  private readonly others: Array<OperateRequest | LookRequest> = []
  private pendingMessages = 0
  private open: OpenBatch | undefined
  private flight: Flight | undefined
  private durableRevision: number
  private durablePosition = -1
  private scheduled = false
  private stopped: Failure | undefined
  private cancelTimer: (() => void) | undefined
  private timerAt = Number.POSITIVE_INFINITY
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
    this.durableRevision = state.nextRevision - 1
    this.logClock = new LogClock(deps.clock, state.lastAt)
    this.claims = new ClaimDesk(ref, state, payloads)
    state.regrantLeases(deps.clock.tickMs())
  }

  /** Begins the term: the epoch event, and the end of every attempt whose worker is certainly dead (§4.12). */
  start(isCertainlyDead: (worker: string) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const { state, deps } = this
      const batch = this.openBatch()
      const { node, incarnation } = deps
      batch.add({ type: 'PartitionOpened', epoch: state.epoch + 1, node, incarnation })
      this.adoptControl(batch)
      const context = this.context(batch)
      for (const slot of [...state.leases.members()]) {
        const worker = state.table.workers.name(state.table.int(slot, L.WORKER))
        if (isCertainlyDead(worker)) {
          failAttempt(context, slot, 'workerLost', 'the process that ran it ended without an answer')
        }
      }
      batch.waiting.push((outcome) =>
        outcome.ok
          ? resolve()
          : reject(new Error(outcome.failure.kind === 'refused' ? '' : outcome.failure.reason)),
      )
      this.send()
    })
  }

  enqueue(request: EnqueueRequest): void {
    if (this.stopped !== undefined) return request.answer({ _tag: 'Left', left: this.stopped })
    const pending = this.pendingMessages + request.messages.length
    if (pending > PENDING_MESSAGES_MAX) {
      return request.answer(refused({ type: 'Overloaded', pending, pendingMax: PENDING_MESSAGES_MAX }))
    }
    this.pendingMessages = pending
    this.enqueues.push(request)
    this.schedule()
  }

  settle(request: SettleRequest): void {
    if (this.stopped !== undefined) return request.answer({ _tag: 'Left', left: this.stopped })
    this.settlements.push(request)
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

  operate(request: OperateRequest): void {
    if (this.stopped !== undefined) return request.answer({ _tag: 'Left', left: this.stopped })
    this.others.push(request)
    this.schedule()
  }

  look<A>(look: (state: PartitionState, at: number) => A): Promise<Reply<A>> {
    return new Promise((resolve) => {
      if (this.stopped !== undefined) return resolve({ _tag: 'Left', left: this.stopped })
      this.others.push({ look, answer: resolve as Answer<unknown> })
      this.schedule()
    })
  }

  /** A newer configuration or pause: adopted by an event before the next decision (§4.2). */
  setControl(control: QueueControl): void {
    this.control = control
    this.schedule()
  }

  now(): number {
    return this.logClock.now()
  }

  /** Resolves true once the event at `revision` is durable; false when the writer stops before. */
  durable(revision: number): Promise<boolean> {
    if (this.durableRevision >= revision) return Promise.resolve(true)
    if (this.stopped !== undefined) return Promise.resolve(false)
    const batch =
      this.flight !== undefined && this.flight.batch.lastRevision >= revision ? this.flight.batch : this.open
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
    const { settlements, enqueues, others, open, flight } = this
    return (
      settlements.length + enqueues.length + others.length === 0 &&
      this.claims.size === 0 &&
      open === undefined &&
      flight === undefined
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
      this.open = new OpenBatch(this.logClock.now(), this.deps.clock.tickMs(), this.state)
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
    if (this.flight === undefined) this.send()
    const more = this.settlements.length + this.enqueues.length + this.others.length > 0
    if (more && this.flight === undefined) this.schedule()
    this.armTimer()
  }

  private decide(batch: OpenBatch): void {
    const context = this.context(batch)
    const tick = this.deps.clock.tickMs()
    this.adoptControl(batch)
    const enough = (): boolean =>
      batch.events.length >= STEP_EVENTS_MAX || batch.roughBytes >= BATCH_BYTES_SOFT_MAX
    for (const request of takeWhile(this.settlements, enough)) {
      const results: Settled[] = []
      for (const settlement of request.settlements) results.push(decideSettlement(context, settlement))
      this.answerWhenDurable(batch, request.answer, () => results)
    }
    decideExpiries(context, tick)
    for (const request of takeWhile(this.others, enough)) this.decideOther(context, request)
    for (const request of takeWhile(this.enqueues, enough)) this.decideOneEnqueue(context, request)
    this.claims.endCancelled(this.whenDurable(batch))
    if (!this.control.paused) this.claims.serve(context, this.whenDurable(batch), STEP_EVENTS_MAX)
    this.claims.endDue(tick, this.whenDurable(batch))
  }

  private decideOther(context: DecisionContext, request: OperateRequest | LookRequest): void {
    if ('look' in request) {
      const seen = request.look(context.state, context.batch.at)
      this.answerWhenDurable(context.batch, request.answer, () => seen)
      return
    }
    const results = request.ordinals.map((ordinal) =>
      decideOperation(context, request.command, ordinal, request.by),
    )
    this.answerWhenDurable(context.batch, request.answer, () => results)
  }

  private decideOneEnqueue(context: DecisionContext, request: EnqueueRequest): void {
    const { batch } = context
    this.pendingMessages -= request.messages.length
    const placed = decideEnqueue(context, request.messages)
    if ('type' in placed) {
      this.whenDurable(batch)(({ ok, ...outcome }) =>
        request.answer(
          ok ? refused(placed) : { _tag: 'Left', left: (outcome as { failure: Failure }).failure },
        ),
      )
      return
    }
    const ids = placed.map(({ ordinal }) => messageIdOf(context, ordinal))
    this.answerWhenDurable(batch, request.answer, (position) =>
      placed.map(({ index }, i) => ({
        id: ids[i] ?? '',
        position: index < 0 ? Math.max(0, this.durablePosition) : position + index,
        duplicate: index < 0,
      })),
    )
  }

  private adoptControl(batch: OpenBatch): void {
    const { control, state } = this
    if (state.controlRevision === control.revision) return
    batch.add({
      type: 'ConfigAdopted',
      controlRevision: control.revision,
      config: control.config,
      paused: control.paused,
    })
  }

  /** Registers for the moment when everything decided so far is durable. */
  private whenDurable(batch: OpenBatch): (callback: WhenDurable) => void {
    return (callback) => {
      if (batch.events.length > 0) batch.waiting.push(callback)
      else if (this.flight !== undefined) this.flight.batch.waiting.push(callback)
      else callback({ ok: true, firstRevision: this.state.nextRevision, position: this.durablePosition })
    }
  }

  private answerWhenDurable<A>(batch: OpenBatch, answer: Answer<A>, value: (position: number) => A): void {
    this.whenDurable(batch)((outcome) => {
      if (outcome.ok) answer(answered(value(outcome.position), this.durableRevision, this.durablePosition))
      else answer({ _tag: 'Left', left: outcome.failure })
    })
  }

  private send(): void {
    const batch = this.open
    if (batch === undefined || this.flight !== undefined) return
    this.open = undefined
    if (batch.events.length === 0) {
      this.wakeIdle()
      return
    }
    const sealed = batch.seal(
      `${this.deps.incarnation}.${this.stream}.${batch.firstRevision}`,
      this.state.epoch,
    )
    const flight: Flight = { batch, sealed, promise: Promise.resolve() }
    this.flight = flight
    flight.promise = this.appendUntilDefinite(flight)
  }

  private async appendUntilDefinite(flight: Flight): Promise<void> {
    const { log, clock } = this.deps
    const { sealed, batch } = flight
    for (let repeat = 0; ; repeat++) {
      const result = await log.append(this.stream, this.durableRevision, sealed)()
      if (!isLeft(result)) return this.landed(flight, result.right)
      if (result.left.type !== 'OutcomeUnknown') return this.failed(batch, result.left)
      if (repeat === REPEATS_MAX) return this.failed(batch, result.left)
      await new Promise<void>((resolve) => clock.after(REPEAT_PAUSE_MS, resolve))
    }
  }

  private landed(flight: Flight, appended: Appended): void {
    const { batch, sealed } = flight
    if (this.stopped !== undefined) return
    invariant(appended.firstRevision === batch.firstRevision, 'I2 the log put a batch elsewhere')
    this.durableRevision = appended.lastRevision
    this.durablePosition = appended.position + batch.events.length - 1
    this.flight = undefined
    // What was decided meanwhile goes out before the callers hear of this batch: the disk works while they do.
    this.send()
    this.hooks.onDurable(sealed, appended)
    const outcome: BatchOutcome = {
      ok: true,
      firstRevision: appended.firstRevision,
      position: appended.position,
    }
    for (const waiting of batch.waiting) waiting(outcome)
    if (this.settlements.length + this.enqueues.length + this.others.length + this.claims.size > 0)
      this.schedule()
    this.wakeIdle()
  }

  /** The state is ahead of the log now, and nothing more can be decided on it: the partition is rebuilt from the log. */
  private failed(batch: OpenBatch, fault: AppendFault): void {
    const why: Failure =
      fault.type === 'OutcomeUnknown'
        ? { kind: 'unknown', reason: fault.reason }
        : { kind: 'unavailable', reason: sentence(fault) }
    for (const waiting of batch.waiting) waiting({ ok: false, failure: why })
    this.flight = undefined
    // What was decided behind it was never sent: a definite failure, whatever became of the first.
    this.stop({ kind: 'unavailable', reason: sentence(fault) }, undefined)
  }

  private stop(why: Failure, defect: Defect | undefined): void {
    if (this.stopped !== undefined) return
    this.stopped = why
    this.cancelTimer?.()
    const outcome: BatchOutcome = { ok: false, failure: why }
    for (const waiting of this.open?.waiting ?? []) waiting(outcome)
    this.open = undefined
    const reply: Reply<never> = why.kind === 'refused' ? { _tag: 'Left', left: why } : unavailable(why.reason)
    for (const request of this.settlements.splice(0)) request.answer(reply)
    for (const request of this.enqueues.splice(0)) request.answer(reply)
    for (const request of this.others.splice(0)) request.answer(reply)
    this.claims.stop(reply)
    this.wakeIdle()
    this.hooks.onStopped(why, defect)
  }

  private wakeIdle(): void {
    if (this.idle.length === 0) return
    for (const wake of this.idle.splice(0)) wake()
  }

  /** One timer for whatever comes first: a due message, a lease that runs out, a claim that has waited long enough. */
  private armTimer(): void {
    const { state, deps } = this
    const tick = deps.clock.tickMs()
    const dueIn = state.due.nextAt() - this.logClock.now()
    const inMs = Math.max(0, Math.min(dueIn, state.leases.nextAt() - tick, this.claims.nextTick() - tick))
    if (inMs === Number.POSITIVE_INFINITY) return
    const at = tick + inMs
    if (this.cancelTimer !== undefined && this.timerAt <= at) return
    this.cancelTimer?.()
    this.timerAt = at
    this.cancelTimer = deps.clock.after(Math.min(TIMER_MS_MAX, Math.ceil(inMs)), () => {
      this.cancelTimer = undefined
      this.timerAt = Number.POSITIVE_INFINITY
      this.schedule()
    })
  }
}

const sentence = (fault: AppendFault): string => {
  switch (fault.type) {
    case 'RevisionConflict':
      return 'another writer has taken over this partition'
    case 'LogFull':
      return `the log is full: ${fault.freeBytes} bytes free`
    case 'BatchTooLarge':
      return `the batch has ${fault.bytes} bytes, at most ${fault.bytesMax} are accepted`
    case 'LogStopped':
    case 'OutcomeUnknown':
      return fault.reason
  }
}

/** Takes requests from the front until there is enough; at least one. */
function* takeWhile<A>(requests: A[], enough: () => boolean): Iterable<A> {
  if (requests.length === 0) return
  let taken = 0
  for (const request of requests) {
    if (taken > 0 && enough()) break
    taken++
    yield request
  }
  requests.splice(0, taken)
}
