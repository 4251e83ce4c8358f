// Runs handlers in this process for a ledger behind HTTP: claims as many messages as it has free slots by long poll, keeps
// leases alive, ends runs at their time limit, settles in batches. Calls that get no answer are repeated: claims under the
// same claim id, settlements as they are, so that a lost reply costs neither a message nor a second run.
import type * as t from 'io-ts'
import type { FailureType } from '../../domain/failure/index.js'
import { isLedgerqError, RefusedError } from '../api/errors.js'
import type {
  ClaimedMessage,
  ClaimOptions,
  Handler,
  ProcessOptions,
  SettlementRequest,
  SettlementResult,
  Worker,
} from '../api/types.js'
import { type Clock, TIMER_MS_MAX } from '../ports/clock.js'
import { settlementOfError, settlementOfValue } from '../worker/attempt.js'
import { classifierOf, concurrencyOf } from '../worker/processOptions.js'
import { RemoteAttempt, remoteMessage, settlementRequest } from './remoteAttempt.js'
import { SettlementOutbox } from './settlementOutbox.js'

export type ClaimCall = ClaimOptions & Readonly<{ signal?: AbortSignal }>

export type RemoteWorkerDeps = Readonly<{
  claim: (options: ClaimCall) => Promise<ReadonlyArray<ClaimedMessage>>
  settle: (settlements: ReadonlyArray<SettlementRequest>) => Promise<ReadonlyArray<SettlementResult>>
  clock: Clock
  /** 128 random bits or more. */
  uniqueId: () => string
  name: string
}>

/** The server hands out no more in one claim. */
const CONCURRENCY_MAX = 1_000
const DEFAULT_GRACE_MS = 10_000
/** Hand-backs after the grace: one call to a server that may be gone. */
const LAST_CALL_MS = 2_000
const CLAIM_WAIT_MS = 20_000
const PAUSE_FIRST_MS = 250
const PAUSE_MAX_MS = 10_000
const HEARTBEATS_PER_LEASE = 3
const HEARTBEAT_MS_MIN = 10

export class RemoteWorker<A> implements Worker {
  readonly name: string
  private readonly attempts = new Set<RemoteAttempt>()
  private readonly concurrency: number
  private readonly classifier: (error: unknown) => FailureType
  private readonly stopSignal = new AbortController()
  private readonly outbox: SettlementOutbox
  private readonly claiming: Promise<void>
  private onSlotFree: (() => void) | undefined
  private onIdle: (() => void) | undefined
  private heartbeat: (() => void) | undefined
  private stopped: Promise<void> | undefined

  constructor(
    private readonly deps: RemoteWorkerDeps,
    private readonly handler: Handler<A>,
    private readonly codec: t.Type<A, unknown> | undefined,
    private readonly options: ProcessOptions,
  ) {
    this.name = deps.name
    this.concurrency = concurrencyOf(options, CONCURRENCY_MAX)
    this.classifier = classifierOf(options)
    this.outbox = new SettlementOutbox(deps.settle, (ms) => this.pause(ms), this.report)
    this.claiming = this.claimUntilStopped()
  }

  running(): number {
    return this.attempts.size
  }

  private get isStopping(): boolean {
    return this.stopSignal.signal.aborted
  }

  private readonly report = (error: unknown): void => {
    this.options.onError?.(error instanceof Error ? error : new Error(String(error)))
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const over = (): void => {
        cancel()
        this.stopSignal.signal.removeEventListener('abort', over)
        resolve()
      }
      const cancel = this.deps.clock.after(ms, over)
      this.stopSignal.signal.addEventListener('abort', over)
      if (this.isStopping) over()
    })
  }

  private async claimUntilStopped(): Promise<void> {
    let pauseMs = PAUSE_FIRST_MS
    let unanswered: ClaimOptions | undefined
    while (!this.isStopping) {
      const free = this.concurrency - this.attempts.size
      if (free <= 0 && unanswered === undefined) {
        await new Promise<void>((resolve) => {
          this.onSlotFree = resolve
        })
        continue
      }
      unanswered ??= { max: free, waitMs: CLAIM_WAIT_MS, worker: this.name, claimId: this.deps.uniqueId() }
      try {
        const messages = await this.deps.claim({ ...unanswered, signal: this.stopSignal.signal })
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
      return
    }
    const attempt = new RemoteAttempt(claimed, (leaseMs) => this.extend(attempt, leaseMs))
    this.attempts.add(attempt)
    this.beat()
    const cancelDeadline = this.deps.clock.after(Math.min(claimed.timeoutMs, TIMER_MS_MAX), () =>
      this.overdue(attempt),
    )
    const end = (settlement: SettlementRequest): void => {
      cancelDeadline()
      this.attempts.delete(attempt)
      this.settle(attempt, settlement)
      this.onSlotFree?.()
      if (this.attempts.size === 0) this.onIdle?.()
    }
    const { lease } = attempt
    const failed = (error: unknown): void =>
      end(settlementRequest(claimed.leaseToken, settlementOfError(lease, error, this.classifier)))
    const returned = (value: unknown): void =>
      end(settlementRequest(claimed.leaseToken, settlementOfValue(lease, value)))
    // Started in a promise: a handler that throws before its first await is a failure like any other.
    Promise.resolve()
      .then(() => this.handler(remoteMessage(claimed, this.codec), attempt))
      .then(returned, failed)
  }

  private settle(attempt: RemoteAttempt, settlement: SettlementRequest): void {
    if (attempt.settled) return
    attempt.settled = true
    this.outbox.add(settlement)
  }

  /** The slot stays taken until the handler returns: it still uses what it uses. */
  private overdue(attempt: RemoteAttempt): void {
    const error = new DOMException('the handler exceeded its time limit', 'TimeoutError')
    const settlement = settlementOfError(attempt.lease, error, this.classifier)
    this.settle(attempt, settlementRequest(attempt.leaseToken, settlement))
    attempt.abort(error)
  }

  private async extend(attempt: RemoteAttempt, leaseMs: number): Promise<void> {
    const [result] = await this.deps.settle([{ leaseToken: attempt.leaseToken, outcome: 'extend', leaseMs }])
    this.extended([attempt], result === undefined ? [] : [result])
  }

  private extended(attempts: ReadonlyArray<RemoteAttempt>, results: ReadonlyArray<SettlementResult>): void {
    const lost = new Set(results.flatMap((result) => (result.ok ? [] : [result.leaseToken])))
    for (const attempt of attempts) {
      if (!lost.has(attempt.leaseToken) || attempt.settled) continue
      // The message belongs to somebody else now: whatever this handler still does must not count.
      attempt.settled = true
      attempt.abort(new Error('the lease was lost: the message may be running elsewhere'))
      this.report(new Error(`message ${attempt.messageId}: the lease was lost while it ran`))
    }
  }

  /** One timer for all leases, by the shortest of them; none while nothing runs. */
  private beat(): void {
    if (this.heartbeat !== undefined || this.attempts.size === 0) return
    let leaseMs = TIMER_MS_MAX
    for (const attempt of this.attempts) leaseMs = Math.min(leaseMs, attempt.leaseMs)
    const everyMs = Math.max(HEARTBEAT_MS_MIN, Math.floor(leaseMs / HEARTBEATS_PER_LEASE))
    this.heartbeat = this.deps.clock.after(everyMs, () => {
      this.heartbeat = undefined
      const alive = [...this.attempts].filter(({ settled }) => !settled)
      if (alive.length > 0) {
        this.deps
          .settle(
            alive.map(({ leaseToken, leaseMs: ms }) => ({ leaseToken, outcome: 'extend', leaseMs: ms })),
          )
          .then((results) => this.extended(alive, results))
          .catch(this.report)
      }
      this.beat()
    })
  }

  stop(options: { graceMs?: number } = {}): Promise<void> {
    this.stopped ??= this.drain(options.graceMs ?? DEFAULT_GRACE_MS)
    return this.stopped
  }

  private async drain(graceMs: number): Promise<void> {
    this.stopSignal.abort(new Error('the worker is stopping'))
    this.onSlotFree?.()
    const idle = new Promise<void>((resolve) => {
      this.onIdle = resolve
      if (this.attempts.size === 0) resolve()
    })
    await this.within(Promise.all([this.claiming, idle]), graceMs)
    // Before anything is handed back: the last claim would take it again.
    await this.within(this.claiming, LAST_CALL_MS)
    for (const attempt of [...this.attempts]) {
      this.settle(attempt, { leaseToken: attempt.leaseToken, outcome: 'release' })
      attempt.abort(new Error('the worker is stopping'))
    }
    await this.within(this.outbox.emptied(), LAST_CALL_MS)
    this.heartbeat?.()
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
