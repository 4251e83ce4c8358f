// Runs handlers in this process: claims only what can start at once, runs it under a time limit with a real signal,
// settles in batches, drains on stop. A slot is free again when its handler returns, not when the ack is durable: the acks
// of one wave and the claims of the next share a commit (§4.5).
import { isLeft } from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import type { FailureType } from '../../domain/failure/index.js'
import { generatedIdPrefix, leaseToken } from '../../domain/ids.js'
import type { Handlers, ProcessOptions, Processor, Worker, WorkerStatus } from '../api/types/index.js'
import type { QueueEngine } from '../engine/queueEngine.js'
import type { Failure } from '../engine/replies.js'
import type { Claimed, Delivery, Settlement } from '../engine/requests.js'
import type { Clock } from '../ports/clock.js'
import { Attempt, CancelledError, settlementOfError, settlementOfValue } from './attempt.js'
import { WorkerHandler } from './composedHandler.js'
import { LeaseKeeper } from './leaseKeeper.js'
import { LocalOutbox } from './localOutbox.js'
import { checkConcurrency, classifierOf, reporterOf } from './processOptions.js'
import { Processors, type ProcessorsDeps } from './processors.js'
import type { Quarantine } from './quarantine.js'
import { QuietWait } from './quietWait.js'
import { ReceivedMessage } from './receivedMessage.js'

export const CONCURRENCY_MAX = 10_000
const DEFAULT_GRACE_MS = 10_000
/** A waiting claim is renewed after this. */
const CLAIM_WAIT_MS = 30_000
const RETRY_PAUSE_MS = 500

export type LocalWorkerDeps = Readonly<{
  engine: QueueEngine
  clock: Clock
  quarantine: Quarantine
  name: string
  setZoneHealth: ProcessorsDeps['setZoneHealth']
  /** @throws when there is nothing to claim from any more: the queue was deleted, or the ledger is closed. */
  mayStart: () => void
  /** It claims one message and no other; nothing = any. */
  one?: LocalOne
}>

/** How a worker that runs a single message tells what became of it. */
export type LocalOne = Readonly<{
  at: Readonly<{ partition: number; ordinal: number }> | undefined
  /** There is none, or it was refused. */
  none: (failure: Failure | undefined) => void
  ended: (partition: number, delivery: Delivery, settlement: Settlement) => void
}>

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'

export class LocalWorker<A> implements Worker<A> {
  readonly name: string
  private readonly attempts = new Set<Attempt>()
  private readonly outbox: LocalOutbox
  private readonly leases: LeaseKeeper
  private readonly processors: Processors<A>
  private readonly quietWait: QuietWait
  /** By partition, as they come. */
  private readonly idPrefixes: Array<string | undefined> = []
  private readonly classifier: (error: unknown) => FailureType
  private readonly report: (error: unknown) => void
  private readonly outcomes = { ack: 0, fail: 0, release: 0, extend: 0 }
  private readonly handler: WorkerHandler<A>
  private claiming = false
  private stopping = true
  private stopped: Promise<void> | undefined
  /** A worker of one message has it. */
  private hasTaken = false
  private stopListening: () => void = () => undefined

  constructor(
    private readonly deps: LocalWorkerDeps,
    handlers: Handlers<A>,
    private readonly codec: t.Type<A, unknown> | undefined,
    private readonly options: ProcessOptions<A>,
  ) {
    const { engine, clock, setZoneHealth } = deps
    this.name = deps.name
    checkConcurrency(options.concurrency, CONCURRENCY_MAX)
    this.classifier = classifierOf(options)
    const report = reporterOf(options)
    this.report = report
    this.processors = new Processors<A>({ clock, setZoneHealth, report }, options)
    const { classifier } = this
    this.handler = new WorkerHandler<A>(handlers, options, this.processors, { classifier, report })
    this.quietWait = new QuietWait(clock, () => this.isQuiet)
    this.outbox = new LocalOutbox({
      engine,
      clock,
      isStopping: () => this.stopping,
      flushed: () => {
        this.fill()
        this.quiet()
      },
      answered: () => this.quiet(),
      report,
    })
    const overdue = (attempt: Attempt): void => this.endOverdue(attempt)
    this.leases = new LeaseKeeper({ engine, clock, attempts: this.attempts, overdue, report })
    if (options.autoStart !== false) this.start()
  }

  get id(): string {
    return this.name
  }
  running(): number {
    return this.attempts.size
  }
  isRunning(): boolean {
    return !this.stopping
  }

  addProcessor(processor: Processor<A>): void {
    this.handler.addProcessor(processor)
  }
  readonly removeProcessor = (name: string): boolean => this.handler.removeProcessor(name)

  private get concurrency(): number {
    return this.options.concurrency ?? this.deps.engine.control.config.concurrency
  }

  status(): WorkerStatus {
    const { ack, fail, release } = this.outcomes
    return {
      id: this.name,
      queue: this.deps.engine.name,
      state: this.stopped !== undefined ? 'stopping' : this.stopping ? 'stopped' : 'running',
      running: this.attempts.size,
      concurrency: this.concurrency,
      succeeded: ack,
      failed: fail,
      released: release,
      processors: this.processors.statuses(),
    }
  }

  start(): void {
    if (this.stopped !== undefined) throw new Error(`worker ${this.name} is stopping`)
    if (!this.stopping) return
    this.deps.mayStart()
    this.stopping = false
    const { quarantine, engine } = this.deps
    const draining = quarantine.whenDraining(() => {
      if (this.claiming) engine.claimsChanged()
    })
    const cancelled = engine.whenCancelled((partition, ordinal) => this.cancel(partition, ordinal))
    this.stopListening = () => {
      draining()
      cancelled()
    }
    this.leases.start()
    this.processors.start()
    this.fill()
  }

  /** Claims for all free slots, unless a claim is out. */
  private readonly fill = (): void => {
    if (this.claiming || this.stopping || this.hasTaken) return
    if (this.attempts.size >= this.concurrency) return
    const { quarantine, engine, one } = this.deps
    const how = quarantine.enter(this.fill)
    if (how === 'not now') return
    const alone = how === 'alone'
    this.claiming = true
    quarantine.begin(1)
    const phaseWasOpen = quarantine.isOpen
    const wish = {
      max: () => (alone ? 1 : Math.max(0, this.concurrency - this.attempts.size)),
      worker: this.name,
      // The message's own, or else the queue's.
      leaseMs: undefined,
      claimId: undefined,
      waitMs: alone || one !== undefined ? 0 : CLAIM_WAIT_MS,
      mayRunInDoubt: alone,
      cancelled: () => this.stopping || (phaseWasOpen && !quarantine.isOpen),
    }
    const claim = one?.at === undefined ? engine.claim(wish) : engine.claimOne(one.at, wish)
    claim
      .then((reply) => {
        this.claiming = false
        if (isLeft(reply)) this.claimFailed(alone, reply.left)
        else this.claimed(reply.right.value, reply.right.value.partition, alone)
      })
      .catch((error: Error) => {
        this.claiming = false
        this.claimFailed(alone, { kind: 'unavailable', reason: error.message })
      })
  }

  private claimFailed(alone: boolean, failure: Failure): void {
    const { quarantine, clock, one } = this.deps
    quarantine.end(1)
    if (alone) quarantine.aloneOver(true)
    this.quiet()
    if (one !== undefined) {
      this.hasTaken = true
      one.none(failure)
      return
    }
    if (this.stopping) return
    this.report(
      new Error(`the claim failed: ${failure.kind === 'refused' ? failure.refusal.type : failure.reason}`),
    )
    clock.after(RETRY_PAUSE_MS, this.fill)
  }

  private claimed(claimed: Claimed, partition: number, alone: boolean): void {
    const { quarantine, one } = this.deps
    const { deliveries } = claimed
    quarantine.begin(deliveries.length)
    quarantine.end(1)
    if (claimed.inDoubtWaiting) quarantine.inDoubtReady()
    if (alone && !claimed.alone) quarantine.aloneOver(claimed.inDoubtWaiting)
    if (one !== undefined) {
      // What is in doubt waits until nothing else runs; then the claim is made again, alone.
      const comesAlone = deliveries.length === 0 && claimed.inDoubtWaiting && !alone
      this.hasTaken = !comesAlone
      if (deliveries.length === 0 && !comesAlone) one.none(undefined)
    }
    for (const delivery of deliveries) this.run(delivery, partition, claimed.alone)
    this.fill()
    this.quiet()
  }

  private run(delivery: Delivery, partition: number, alone: boolean): void {
    const { engine, clock } = this.deps
    const { ordinal, fence } = delivery
    const ref = engine.partition(partition).ref
    const timeoutMs = delivery.timeoutMs ?? engine.control.config.handlerTimeoutMs
    const attempt = new Attempt(
      partition,
      ordinal,
      fence,
      delivery.attempt,
      leaseToken(ref, ordinal, fence),
      clock.tickMs() + timeoutMs,
      delivery.leaseMs,
      alone,
      delivery.inDoubt,
      this.leases.extendByHandler,
    )
    this.attempts.add(attempt)
    this.leases.watch(attempt)
    if (this.deps.one !== undefined) this.deliveryOfOne = delivery
    this.idPrefixes[partition] ??= generatedIdPrefix(this.deps.engine.partition(partition).ref)
    const message = new ReceivedMessage<A>(delivery, this.idPrefixes[partition] ?? '', this.codec)
    if (this.stopping) return this.handBack(attempt)
    let value: unknown
    try {
      value = this.handler.run(message, attempt)
      // Not every promise is one of ours: query builders and older libraries only have a `then`.
      if (isThenable(value) && !(value instanceof Promise)) value = Promise.resolve(value)
    } catch (error) {
      this.finished(attempt, settlementOfError(attempt, error, this.classifier))
      return
    }
    if (value instanceof Promise) {
      value.then(
        (result) => this.finished(attempt, settlementOfValue(attempt, result)),
        (error: unknown) => this.finished(attempt, settlementOfError(attempt, error, this.classifier)),
      )
    } else this.finished(attempt, settlementOfValue(attempt, value))
  }

  private deliveryOfOne: Delivery | undefined

  /** The handler has returned: its slot is free. */
  private finished(attempt: Attempt, settlement: Settlement): void {
    // It was handed back while the handler went on: all of this has been done then.
    if (!this.attempts.delete(attempt)) return
    if (attempt.settled) this.outbox.wakeSoon()
    this.settle(attempt, settlement)
    this.deps.quarantine.end(1)
    if (attempt.alone) this.deps.quarantine.aloneOver(true)
    if (this.attempts.size === 0) this.quiet()
  }

  private settle(attempt: Attempt, settlement: Settlement): void {
    if (attempt.settled) return
    attempt.settled = true
    this.outcomes[settlement.outcome]++
    this.outbox.add(attempt.partition, settlement)
    if (this.deliveryOfOne !== undefined)
      this.deps.one?.ended(attempt.partition, this.deliveryOfOne, settlement)
  }

  /** The handler is told, and its end says what becomes of the message. */
  private cancel(partition: number, ordinal: number): void {
    for (const attempt of this.attempts) {
      if (attempt.partition === partition && attempt.ordinal === ordinal && !attempt.settled)
        attempt.abort(new CancelledError())
    }
  }

  /** The slot stays taken until the handler returns: it still uses what it uses. */
  private endOverdue(attempt: Attempt): void {
    const error = new DOMException('the handler exceeded its time limit', 'TimeoutError')
    this.settle(attempt, settlementOfError(attempt, error, this.classifier))
    attempt.abort(error)
  }

  private handBack(attempt: Attempt): void {
    const { ordinal, fence } = attempt
    this.attempts.delete(attempt)
    this.settle(attempt, { ordinal, fence, outcome: 'release', delayMs: 0 })
    this.deps.quarantine.end(1)
    if (attempt.alone) this.deps.quarantine.aloneOver(true)
  }

  stop(options: { graceMs?: number } = {}): Promise<void> {
    if (this.stopping && this.stopped === undefined) return Promise.resolve()
    this.stopped ??= this.drain(options.graceMs ?? DEFAULT_GRACE_MS).finally(() => {
      this.stopped = undefined
    })
    return this.stopped
  }

  private async drain(graceMs: number): Promise<void> {
    this.stopping = true
    this.deps.engine.claimsChanged()
    const zonesFreed = this.processors.stop()
    if (!(await this.quietWait.until(graceMs))) {
      for (const attempt of [...this.attempts]) {
        attempt.abort(new Error('the worker is stopping'))
        this.handBack(attempt)
      }
      this.outbox.flush()
      await this.quietWait.until(graceMs)
    }
    this.stopListening()
    this.leases.stop()
    await zonesFreed
    this.endUnstarted()
  }

  /** Whoever asked for a message that this worker never came to claim must not wait for ever. */
  private endUnstarted(): void {
    const { one } = this.deps
    if (one === undefined || this.hasTaken) return
    this.hasTaken = true
    one.none({ kind: 'unavailable', reason: 'the worker was stopped' })
  }

  private get isQuiet(): boolean {
    return this.attempts.size === 0 && !this.claiming && this.outbox.isEmpty
  }

  private quiet(): void {
    this.quietWait.check()
  }
}
