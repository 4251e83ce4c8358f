// Runs a handler over batches (B6): gathers messages until a batch is full or its first message has waited long enough,
// runs it under one signal and one time limit, settles each message by its own outcome. Messages are claimed as they come,
// so they are ours while the batch fills: their leases are kept alive, and stopping hands them back uncounted.
import { afterBatch, type BatchSizeState, initialBatchSize } from '../../domain/batching/batchSize.js'
import type { FailureType } from '../../domain/failure/index.js'
import type {
  BatchContext,
  BatchHandler,
  BatchOptions,
  BatchWorkerStatus,
  BatchWorker as PublicBatchWorker,
} from '../api/types/batches.js'
import type { Settlement } from '../engine/requests.js'
import { type Clock, TIMER_MS_MAX } from '../ports/clock.js'
import { CancelledError, settlementOfError } from './attempt.js'
import { BatchLeases } from './batchLeases.js'
import { checkBatchOptions } from './batchOptions.js'
import { batchFailed, batchSettlements } from './batchOutcome.js'
import type { BatchLimits, BatchSource, HeldMessage } from './batchSource.js'
import { classifierOf, reporterOf } from './processOptions.js'

const DEFAULT_GRACE_MS = 10_000
/** Hand-backs after the grace: one call to a log or a server that may be gone. */
const LAST_CALL_MS = 2_000
/** No server hands out more in one claim, or lets one wait longer. */
const CLAIM_MAX = 1_000
const CLAIM_WAIT_MS = 20_000
const PAUSE_FIRST_MS = 250
const PAUSE_MAX_MS = 10_000

type Running<Held> = {
  readonly held: ReadonlyArray<Held>
  readonly controller: AbortController
  readonly startTick: number
  /** The messages were handed back while the handler went on. */
  isOver: boolean
  isObserved: boolean
}

export class BatchWorker<A, Held extends HeldMessage<A>> implements PublicBatchWorker {
  private readonly concurrency: number
  private readonly classifier: (error: unknown) => FailureType
  private readonly report: (error: unknown) => void
  private readonly inWork = new Set<Running<Held>>()
  private readonly leases: BatchLeases<Held>
  /** Batches that are complete and wait for a slot. */
  private readonly complete: Held[][] = []
  private gathering: Promise<void> = Promise.resolve()
  private limits: BatchLimits = { batching: true, maxBatchSize: 1, batchTimeoutMs: 0 }
  private sizes: BatchSizeState = initialBatchSize
  private state: 'running' | 'stopping' | 'stopped' = 'stopped'
  private readonly outcomes = { ack: 0, fail: 0, release: 0 }
  private gatheredCount = 0
  private onChange: Array<() => void> = []
  private stopped: Promise<void> = Promise.resolve()

  constructor(
    readonly id: string,
    private readonly queue: string,
    private readonly clock: Clock,
    private readonly source: BatchSource<A, Held>,
    private readonly handler: BatchHandler<A>,
    private readonly options: BatchOptions,
  ) {
    checkBatchOptions(options)
    this.concurrency = options.concurrency ?? 1
    this.classifier = classifierOf(options)
    this.report = reporterOf(options)
    this.leases = new BatchLeases({
      clock,
      extend: source.extend,
      report: this.report,
      someLost: () => this.abortLost(),
    })
    if (options.autoStart !== false) this.start()
  }

  get name(): string {
    return this.id
  }

  readonly isRunning = (): boolean => this.state === 'running'

  readonly start = (): void => {
    if (this.state === 'stopping') throw new Error(`worker ${this.id} is stopping`)
    if (this.state === 'running') return
    this.state = 'running'
    this.source.start((isWanted) => this.cancel(isWanted))
    this.gathering = this.gatherUntilStopped()
  }

  readonly running = (): number => {
    let messages = 0
    for (const { held } of this.inWork) messages += held.length
    return messages
  }

  readonly status = (): BatchWorkerStatus => ({
    id: this.id,
    queue: this.queue,
    state: this.state,
    running: this.running(),
    batches: this.inWork.size,
    concurrency: this.concurrency,
    gathered: this.complete.reduce((count, batch) => count + batch.length, this.gatheredCount),
    batchSize: this.batchSize,
    succeeded: this.outcomes.ack,
    failed: this.outcomes.fail,
    released: this.outcomes.release,
    dynamic: this.options.dynamic === undefined ? undefined : this.sizes,
  })

  private get isStopping(): boolean {
    return this.state !== 'running'
  }

  private get sizeMax(): number {
    return this.limits.batching ? (this.options.maxBatchSize ?? this.limits.maxBatchSize) : 1
  }

  private get batchSize(): number {
    return this.options.dynamic === undefined ? this.sizeMax : Math.min(this.sizes.size, this.sizeMax)
  }

  private changed(): void {
    for (const wake of this.onChange.splice(0)) wake()
  }

  private async gatherUntilStopped(): Promise<void> {
    let pauseMs = PAUSE_FIRST_MS
    while (!this.isStopping) {
      if (this.inWork.size + this.complete.length >= this.concurrency) {
        await new Promise<void>((resolve) => this.onChange.push(resolve))
        continue
      }
      const error = await this.gather()
      if (error === undefined) {
        pauseMs = PAUSE_FIRST_MS
        continue
      }
      if (this.isStopping) break
      this.report(error)
      await this.pause(pauseMs)
      pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)
    }
  }

  /** So many messages could start at once; what has gathered already is part of the first batch. */
  private wanted(size: number, gathered: number): number {
    const freeSlots = this.concurrency - this.inWork.size - this.complete.length
    return Math.max(1, Math.min(size * freeSlots - gathered, CLAIM_MAX))
  }

  /**
   * Claims for all free slots, so that batches share a commit, and gathers what is left over into one more. Answers what went
   * wrong, if something did: what has come until then runs all the same.
   */
  private async gather(): Promise<unknown> {
    const gathered: Held[] = []
    let untilTick = Number.POSITIVE_INFINITY
    let error: unknown
    try {
      this.limits = await this.source.limits()
      const size = this.batchSize
      while (!this.isStopping) {
        const waitMs = Math.min(untilTick - this.clock.tickMs(), CLAIM_WAIT_MS)
        if (waitMs <= 0) break
        const count = gathered.length
        const { held, mayGather } = await this.source.claim(() => this.wanted(size, count), waitMs, count)
        this.take(held, gathered, size)
        if (gathered.length === 0 || !mayGather) break
        // Messages that run alone have taken the slots.
        if (this.inWork.size + this.complete.length >= this.concurrency) break
        const timeoutMs = this.options.batchTimeoutMs ?? this.limits.batchTimeoutMs
        if (untilTick === Number.POSITIVE_INFINITY) untilTick = this.clock.tickMs() + timeoutMs
      }
    } catch (caught) {
      error = caught ?? new Error('the claim failed')
    }
    this.completed(gathered)
    this.startComplete()
    return error
  }

  private take(held: ReadonlyArray<Held>, gathered: Held[], size: number): void {
    for (const one of held) {
      this.leases.add(one)
      if (one.alone) this.complete.push([one])
      else {
        gathered.push(one)
        this.gatheredCount += 1
        if (gathered.length >= size) this.completed(gathered)
      }
    }
    this.startComplete()
  }

  private completed(gathered: Held[]): void {
    const batch = gathered.splice(0)
    this.gatheredCount -= batch.length
    if (batch.length > 0) this.complete.push(batch)
  }

  private startComplete(): void {
    while (this.complete.length > 0 && (this.isStopping || this.inWork.size < this.concurrency)) {
      const batch = this.complete.shift() ?? []
      const ours = batch.filter(({ isLost }) => !isLost)
      for (const lost of batch) if (lost.isLost) this.source.ended(lost)
      if (this.isStopping) for (const held of ours) this.handBack(held)
      else this.runUncancelled(ours)
    }
  }

  /** What somebody wants cancelled does not even begin. */
  private runUncancelled(batch: ReadonlyArray<Held>): void {
    for (const held of batch) {
      if (!held.isCancelWanted) continue
      this.settle(held, settlementOfError(held.lease, new CancelledError(), this.classifier))
      this.source.ended(held)
    }
    const wanted = batch.filter(({ isCancelWanted }) => !isCancelWanted)
    if (wanted.length > 0) this.run(wanted)
  }

  private run(held: ReadonlyArray<Held>): void {
    const batch: Running<Held> = {
      held,
      controller: new AbortController(),
      startTick: this.clock.tickMs(),
      isOver: false,
      isObserved: false,
    }
    this.inWork.add(batch)
    const timeoutMs = held.reduce((longest, one) => Math.max(longest, one.timeoutMs), 0)
    const cancelDeadline = this.clock.after(Math.min(timeoutMs, TIMER_MS_MAX), () => this.overdue(batch))
    const context: BatchContext = {
      signal: batch.controller.signal,
      holds: ({ leaseToken }) =>
        held.some((one) => one.message.leaseToken === leaseToken && this.leases.holds(one)),
      isCancelled: ({ leaseToken }) =>
        held.some((one) => one.message.leaseToken === leaseToken && one.isCancelWanted),
      extend: (leaseMs) => this.leases.extendByHandler(held, leaseMs),
    }
    const end = (settlements: ReadonlyArray<Settlement>): void => {
      cancelDeadline()
      if (batch.isOver) return
      this.inWork.delete(batch)
      this.observe(batch, settlements)
      held.forEach((one, index) => {
        const settlement = settlements[index]
        if (settlement !== undefined) this.settle(one, settlement)
        this.source.ended(one)
      })
      this.startComplete()
      this.changed()
    }
    // Started in a promise: a handler that throws before its first await is a failure like any other.
    Promise.resolve()
      .then(() =>
        this.handler(
          held.map(({ message }) => message),
          context,
        ),
      )
      .then(
        (value) => batchSettlements(held, value, this.classifier),
        (error: unknown) => held.map(({ lease }) => batchFailed(error, this.classifier)(lease)),
      )
      .then(end)
  }

  private observe(batch: Running<Held>, settlements: ReadonlyArray<Settlement>): void {
    const { dynamic } = this.options
    const { held } = batch
    // A message that runs alone says nothing about batches.
    if (dynamic === undefined || batch.isObserved || held.some(({ alone }) => alone)) return
    batch.isObserved = true
    this.sizes = afterBatch(
      this.sizes,
      {
        messages: held.length,
        failed: settlements.filter(({ outcome }) => outcome === 'fail').length,
        durationMs: this.clock.tickMs() - batch.startTick,
      },
      { sizeMax: this.sizeMax, targetMs: dynamic.targetMs },
    )
  }

  private settle(held: Held, settlement: Settlement): void {
    if (held.settled) return
    held.settled = true
    this.leases.remove(held)
    if (settlement.outcome !== 'extend') this.outcomes[settlement.outcome] += 1
    this.source.settle(held, settlement)
  }

  /** Before a batch began, or instead of its end: not counted as attempts. */
  private handBack(held: Held): void {
    this.settle(held, { ...held.lease, outcome: 'release', delayMs: 0 })
    this.source.ended(held)
  }

  /** The slot stays taken until the handler returns: it still uses what it uses. */
  private overdue(batch: Running<Held>): void {
    const error = new DOMException('the handler exceeded its time limit', 'TimeoutError')
    const settlements = batch.held.map(({ lease }) => settlementOfError(lease, error, this.classifier))
    this.observe(batch, settlements)
    batch.held.forEach((held, index) => {
      const settlement = settlements[index]
      if (settlement !== undefined) this.settle(held, settlement)
    })
    batch.controller.abort(error)
  }

  /** The handler can ask which; its signal fires when nothing else is left in the batch. */
  private cancel(isWanted: (held: Held) => boolean): void {
    for (const held of this.leases) if (isWanted(held)) held.isCancelWanted = true
    for (const batch of this.inWork)
      if (batch.held.every((one) => one.isCancelWanted)) batch.controller.abort(new CancelledError())
  }

  private abortLost(): void {
    const reason = new Error('every lease was lost: the messages may be running elsewhere')
    for (const batch of this.inWork)
      if (batch.held.every(({ isLost }) => isLost)) batch.controller.abort(reason)
  }

  readonly stop = (options: { graceMs?: number } = {}): Promise<void> => {
    if (this.state === 'running') {
      this.state = 'stopping'
      this.stopped = this.drain(options.graceMs ?? DEFAULT_GRACE_MS)
    }
    return this.stopped
  }

  private async drain(graceMs: number): Promise<void> {
    this.source.stop()
    this.startComplete()
    this.changed()
    await this.within(this.idle(), graceMs)
    // Before anything is handed back: the last claim would take it again.
    await this.within(this.gathering, LAST_CALL_MS)
    for (const batch of [...this.inWork]) {
      this.inWork.delete(batch)
      batch.isOver = true
      for (const held of batch.held) this.handBack(held)
      batch.controller.abort(new Error('the worker is stopping'))
    }
    await this.within(this.source.emptied(), Math.max(graceMs, LAST_CALL_MS))
    this.leases.stop()
    this.state = 'stopped'
  }

  private async idle(): Promise<void> {
    await this.gathering
    while (this.inWork.size > 0) await new Promise<void>((resolve) => this.onChange.push(resolve))
  }

  /** Until the time is over, or the worker stops. */
  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      let isOver = this.isStopping
      const cancel = this.clock.after(ms, () => {
        isOver = true
        this.changed()
      })
      const check = (): void => {
        if (!isOver && !this.isStopping) {
          this.onChange.push(check)
          return
        }
        cancel()
        resolve()
      }
      check()
    })
  }

  private within(done: Promise<unknown>, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.clock.after(ms, resolve)
      const over = (): void => {
        cancel()
        resolve()
      }
      done.then(over, over)
    })
  }
}
