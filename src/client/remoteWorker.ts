// Runs handlers in this process for a ledger behind HTTP: claims as many messages as it has free slots by long poll, keeps
// leases alive, ends runs at their time limit, settles in batches. Calls that get no answer are repeated: claims under the
// same claim id, settlements as they are, so that a lost reply costs neither a message nor a second run.
import type * as t from 'io-ts'
import type { FailureType } from '../../domain/failure/index.js'
import { isLedgerqError, RefusedError } from '../api/errors.js'
import type {
  ClaimedMessage,
  ClaimOptions,
  Handlers,
  ProcessOptions,
  Processor,
  SettlementRequest,
  SettlementResult,
  Worker,
  WorkerStatus,
} from '../api/types/index.js'
import type { Settlement } from '../engine/requests.js'
import { type Clock, TIMER_MS_MAX } from '../ports/clock.js'
import { settlementOfError, settlementOfValue } from '../worker/attempt.js'
import { WorkerHandler } from '../worker/composedHandler.js'
import { checkConcurrency, classifierOf, reporterOf } from '../worker/processOptions.js'
import { Processors, type ProcessorsDeps } from '../worker/processors.js'
import { QuietWait } from '../worker/quietWait.js'
import { RemoteAttempt, remoteMessage, settlementRequest } from './remoteAttempt.js'
import { RemoteLeases } from './remoteLeases.js'
import { SettlementOutbox } from './settlementOutbox.js'

export type ClaimCall = ClaimOptions & Readonly<{ signal?: AbortSignal }>

export type RemoteWorkerDeps = Readonly<{
  claim: (options: ClaimCall) => Promise<ReadonlyArray<ClaimedMessage>>
  settle: (settlements: ReadonlyArray<SettlementRequest>) => Promise<ReadonlyArray<SettlementResult>>
  /** Of a worker that states none: what the queue says. */
  concurrency: () => Promise<number>
  setZoneHealth: ProcessorsDeps['setZoneHealth']
  clock: Clock
  /** 128 random bits or more. */
  uniqueId: () => string
  name: string
  queue: string
  /** It claims one message and no other. */
  one?: RemoteOne
}>

/** How a worker that runs a single message tells what became of it. */
export type RemoteOne = Readonly<{
  id: string | undefined
  none: (error: unknown) => void
  ended: (claimed: ClaimedMessage, settlement: Settlement) => void
}>

/** The server hands out no more in one claim. */
const CONCURRENCY_MAX = 1_000
const DEFAULT_GRACE_MS = 10_000
/** Hand-backs after the grace: one call to a server that may be gone. */
const LAST_CALL_MS = 2_000
const CLAIM_WAIT_MS = 20_000
const PAUSE_FIRST_MS = 250
const PAUSE_MAX_MS = 10_000
const TRIES_OF_ONE_MAX = 5

export class RemoteWorker<A> implements Worker<A> {
  readonly name: string
  private readonly attempts = new Set<RemoteAttempt>()
  private readonly classifier: (error: unknown) => FailureType
  private readonly report: (error: unknown) => void
  private readonly outbox: SettlementOutbox
  private readonly leases: RemoteLeases
  private readonly processors: Processors<A>
  private readonly quietWait: QuietWait
  private readonly outcomes = { ack: 0, fail: 0, release: 0, extend: 0 }
  private concurrency: number | undefined
  private readonly handler: WorkerHandler<A>
  private stopSignal = AbortSignal.abort()
  private stopNow: (reason: Error) => void = () => undefined
  private claiming: Promise<void> | undefined
  private onSlotFree: (() => void) | undefined
  private stopped: Promise<void> | undefined

  constructor(
    private readonly deps: RemoteWorkerDeps,
    handlers: Handlers<A>,
    private readonly codec: t.Type<A, unknown> | undefined,
    options: ProcessOptions<A>,
  ) {
    const { clock, settle, setZoneHealth } = deps
    this.name = deps.name
    checkConcurrency(options.concurrency, CONCURRENCY_MAX)
    this.concurrency = options.concurrency
    this.classifier = classifierOf(options)
    const report = reporterOf(options)
    this.report = report
    this.processors = new Processors<A>({ clock, setZoneHealth, report }, options)
    const { classifier } = this
    this.handler = new WorkerHandler<A>(handlers, options, this.processors, { classifier, report })
    this.leases = new RemoteLeases({ settle, clock, attempts: this.attempts, report })
    this.quietWait = new QuietWait(clock, () => this.attempts.size === 0 && this.claiming === undefined)
    this.outbox = new SettlementOutbox(settle, (ms) => this.pause(ms), report)
    if (options.autoStart !== false) this.start()
  }

  get id(): string {
    return this.name
  }
  running(): number {
    return this.attempts.size
  }
  isRunning(): boolean {
    return !this.isStopping
  }

  addProcessor(processor: Processor<A>): void {
    this.handler.addProcessor(processor)
  }
  readonly removeProcessor = (name: string): boolean => this.handler.removeProcessor(name)

  status(): WorkerStatus {
    const { ack, fail, release } = this.outcomes
    return {
      id: this.name,
      queue: this.deps.queue,
      state: this.stopped !== undefined ? 'stopping' : this.isStopping ? 'stopped' : 'running',
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
    if (!this.isStopping) return
    const controller = new AbortController()
    this.stopSignal = controller.signal
    this.stopNow = (reason) => controller.abort(reason)
    this.processors.start()
    const claiming = this.deps.one === undefined ? this.claimUntilStopped() : this.claimOne(this.deps.one)
    this.claiming = claiming
    const over = (): void => {
      this.claiming = undefined
      this.quietWait.check()
    }
    claiming.then(over, over)
  }

  private get isStopping(): boolean {
    return this.stopSignal.aborted
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const over = (): void => {
        cancel()
        this.stopSignal.removeEventListener('abort', over)
        resolve()
      }
      const cancel = this.deps.clock.after(ms, over)
      this.stopSignal.addEventListener('abort', over)
      if (this.isStopping) over()
    })
  }

  private async claimUntilStopped(): Promise<void> {
    let pauseMs = PAUSE_FIRST_MS
    let unanswered: ClaimOptions | undefined
    while (!this.isStopping) {
      const free = (this.concurrency ?? 1) - this.attempts.size
      if (free <= 0 && unanswered === undefined) {
        await new Promise<void>((resolve) => {
          this.onSlotFree = resolve
        })
        continue
      }
      try {
        if (this.concurrency === undefined) {
          this.concurrency = Math.min(await this.deps.concurrency(), CONCURRENCY_MAX)
          continue
        }
        unanswered ??= {
          max: free,
          waitMs: CLAIM_WAIT_MS,
          worker: this.name,
          claimId: this.deps.uniqueId(),
        }
        const messages = await this.deps.claim({ ...unanswered, signal: this.stopSignal })
        unanswered = undefined
        pauseMs = PAUSE_FIRST_MS
        for (const message of messages) this.run(message)
      } catch (error) {
        if (this.isStopping) break
        this.report(error)
        // Refused is definite: a new claim may be asked for. Everything else is asked again as it was.
        if (error instanceof RefusedError) unanswered = undefined
        await this.pause(pauseMs)
        pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)
      }
    }
    if (unanswered !== undefined) await this.returnUnanswered(unanswered)
  }

  private async claimOne(one: RemoteOne): Promise<void> {
    const claim = { max: 1, waitMs: 0, worker: this.name, claimId: this.deps.uniqueId() }
    for (let tries = 1; ; tries += 1) {
      try {
        const [message] = await this.deps.claim(one.id === undefined ? claim : { ...claim, id: one.id })
        if (message === undefined) one.none(undefined)
        else this.run(message)
        return
      } catch (error) {
        if (error instanceof RefusedError || tries >= TRIES_OF_ONE_MAX || this.isStopping)
          return one.none(error)
        this.report(error)
      }
      await this.pause(PAUSE_FIRST_MS * tries)
    }
  }

  /** Messages may be on their way in an answer that nobody reads any more: asked for once more, and handed back. */
  private async returnUnanswered(claim: ClaimOptions): Promise<void> {
    try {
      const messages = await this.deps.claim({
        ...claim,
        waitMs: 0,
        signal: AbortSignal.timeout(LAST_CALL_MS),
      })
      for (const { leaseToken } of messages) this.outbox.add({ leaseToken, outcome: 'release' })
    } catch (error) {
      // No server any more: there the lease runs out, or the closing server has handed them back.
      if (!isLedgerqError(error)) this.report(error)
    }
  }

  private run(claimed: ClaimedMessage): void {
    if (this.isStopping) {
      this.outbox.add({ leaseToken: claimed.leaseToken, outcome: 'release' })
      this.deps.one?.ended(claimed, { ordinal: 0, fence: 0, outcome: 'release', delayMs: 0 })
      return
    }
    const attempt = new RemoteAttempt(claimed, (leaseMs) => this.leases.extend(attempt, leaseMs))
    this.attempts.add(attempt)
    this.leases.watch(attempt)
    const cancelDeadline = this.deps.clock.after(Math.min(claimed.timeoutMs, TIMER_MS_MAX), () =>
      this.overdue(claimed, attempt),
    )
    const end = (settlement: Settlement): void => {
      cancelDeadline()
      this.attempts.delete(attempt)
      this.settle(claimed, attempt, settlement)
      this.onSlotFree?.()
      this.quietWait.check()
    }
    const { lease } = attempt
    // Started in a promise: a handler that throws before its first await is a failure like any other.
    Promise.resolve()
      .then(() => this.handler.run(remoteMessage(claimed, this.codec), attempt))
      .then(
        (value) => end(settlementOfValue(lease, value)),
        (error: unknown) => end(settlementOfError(lease, error, this.classifier)),
      )
  }

  private settle(claimed: ClaimedMessage, attempt: RemoteAttempt, settlement: Settlement): void {
    if (attempt.settled) return
    attempt.settled = true
    this.outcomes[settlement.outcome]++
    this.outbox.add(settlementRequest(attempt.leaseToken, settlement))
    this.deps.one?.ended(claimed, settlement)
  }

  /** The slot stays taken until the handler returns: it still uses what it uses. */
  private overdue(claimed: ClaimedMessage, attempt: RemoteAttempt): void {
    const error = new DOMException('the handler exceeded its time limit', 'TimeoutError')
    this.settle(claimed, attempt, settlementOfError(attempt.lease, error, this.classifier))
    attempt.abort(error)
  }

  /** Everything that was decided so far has been answered, or was given up. */
  outcomesSent(): Promise<void> {
    return this.outbox.emptied()
  }

  stop(options: { graceMs?: number } = {}): Promise<void> {
    if (this.isStopping && this.stopped === undefined) return Promise.resolve()
    this.stopped ??= this.drain(options.graceMs ?? DEFAULT_GRACE_MS).finally(() => {
      this.stopped = undefined
    })
    return this.stopped
  }

  private async drain(graceMs: number): Promise<void> {
    this.stopNow(new Error('the worker is stopping'))
    this.onSlotFree?.()
    const zonesFreed = this.processors.stop()
    await this.quietWait.until(graceMs)
    // Before anything is handed back: the last claim would take it again.
    if (this.claiming !== undefined) await this.within(this.claiming, LAST_CALL_MS)
    for (const attempt of [...this.attempts]) {
      if (!attempt.settled) {
        attempt.settled = true
        this.outcomes.release++
        this.outbox.add({ leaseToken: attempt.leaseToken, outcome: 'release' })
      }
      attempt.abort(new Error('the worker is stopping'))
    }
    await this.within(this.outbox.emptied(), LAST_CALL_MS)
    await this.within(zonesFreed, LAST_CALL_MS)
    this.leases.stop()
  }

  private within(done: Promise<unknown>, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.deps.clock.after(ms, resolve)
      const over = (): void => {
        cancel()
        resolve()
      }
      done.then(over, over)
    })
  }
}
