// Runs a handler in this process: claims only what can start at once, runs it under a time limit with a real signal,
// keeps leases alive, settles in batches, drains on stop. A slot is free again when its handler returns, not when the ack
// is durable: the acks of one wave and the claims of the next share a commit (§4.5).
import { isLeft } from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import type { FailureType } from '../../domain/failure/index.js'
import { generatedIdPrefix, leaseToken } from '../../domain/ids.js'
import { LEASE_MS_MAX, LEASE_MS_MIN } from '../../domain/queue/index.js'
import type { Handler, ProcessOptions, Worker } from '../api/types.js'
import type { QueueEngine } from '../engine/queueEngine.js'
import type { Claimed, Delivery, Settled, Settlement } from '../engine/requests.js'
import { inShares } from '../engine/settlementShares.js'
import { type Clock, TIMER_MS_MAX } from '../ports/clock.js'
import { Attempt, settlementOfError, settlementOfValue } from './attempt.js'
import { classifierOf, concurrencyOf } from './processOptions.js'
import type { Quarantine } from './quarantine.js'
import { ReceivedMessage } from './receivedMessage.js'

export const CONCURRENCY_MAX = 10_000
const DEFAULT_GRACE_MS = 10_000
/** A waiting claim is renewed after this. */
const CLAIM_WAIT_MS = 30_000
const RETRY_PAUSE_MS = 500
/** Repeats of an outcome that the log could not take, one pause apart; then the lease decides. */
const SETTLE_REPEATS_MAX = 20
const HEARTBEATS_PER_LEASE = 3

export type LocalWorkerDeps = Readonly<{
  engine: QueueEngine
  clock: Clock
  quarantine: Quarantine
  name: string
}>

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'

export class LocalWorker<A> implements Worker {
  readonly name: string
  private readonly attempts = new Set<Attempt>()
  private readonly outbox: Settlement[][]
  private readonly idPrefixes: string[]
  private readonly concurrency: number
  private readonly classifier: (error: unknown) => FailureType
  private claiming = false
  private flushing = false
  private stopping = false
  private unsettled = 0
  private onQuiet: Array<() => void> = []
  private cancelDeadline: (() => void) | undefined
  private deadlineAt = Number.POSITIVE_INFINITY
  private cancelHeartbeat: (() => void) | undefined
  private readonly stopListening: () => void

  constructor(
    private readonly deps: LocalWorkerDeps,
    private readonly handler: Handler<A>,
    private readonly codec: t.Type<A, unknown> | undefined,
    private readonly options: ProcessOptions,
  ) {
    this.name = deps.name
    this.concurrency = concurrencyOf(options, CONCURRENCY_MAX)
    this.classifier = classifierOf(options)
    this.outbox = deps.engine.partitions.map(() => [])
    this.idPrefixes = deps.engine.partitions.map(({ ref }) => generatedIdPrefix(ref))
    this.stopListening = deps.quarantine.whenDraining(() => {
      if (this.claiming) deps.engine.claimsChanged()
    })
    this.beat()
    this.fill()
  }

  running(): number {
    return this.attempts.size
  }

  /** Claims for all free slots, unless a claim is out. */
  private readonly fill = (): void => {
    if (this.claiming || this.stopping || this.attempts.size >= this.concurrency) return
    const { quarantine, engine } = this.deps
    const how = quarantine.enter(this.fill)
    if (how === 'not now') return
    const alone = how === 'alone'
    this.claiming = true
    quarantine.begin(1)
    const phaseWasOpen = quarantine.isOpen
    engine
      .claim({
        max: () => (alone ? 1 : this.concurrency - this.attempts.size),
        worker: this.name,
        leaseMs: engine.control.config.leaseMs,
        claimId: undefined,
        waitMs: alone ? 0 : CLAIM_WAIT_MS,
        mayRunInDoubt: alone,
        cancelled: () => this.stopping || (phaseWasOpen && !quarantine.isOpen),
      })
      .then((reply) => {
        this.claiming = false
        if (isLeft(reply)) {
          this.claimFailed(alone, reply.left.kind === 'refused' ? reply.left.refusal.type : reply.left.reason)
          return
        }
        this.claimed(reply.right.value, reply.right.value.partition, alone)
      })
      .catch((error: Error) => {
        this.claiming = false
        this.claimFailed(alone, error.message)
      })
  }

  private claimFailed(alone: boolean, reason: string): void {
    const { quarantine, clock } = this.deps
    quarantine.end(1)
    if (alone) quarantine.aloneOver(true)
    this.quiet()
    if (this.stopping) return
    this.report(new Error(`the claim failed: ${reason}`))
    clock.after(RETRY_PAUSE_MS, this.fill)
  }

  private claimed(claimed: Claimed, partition: number, alone: boolean): void {
    const { quarantine } = this.deps
    const { deliveries } = claimed
    quarantine.begin(deliveries.length)
    quarantine.end(1)
    if (claimed.inDoubtWaiting) quarantine.inDoubtReady()
    if (alone && !claimed.alone) quarantine.aloneOver(claimed.inDoubtWaiting)
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
      alone,
      this.extendByHandler,
    )
    this.attempts.add(attempt)
    this.watch(attempt.deadlineTick)
    const message = new ReceivedMessage<A>(delivery, this.idPrefixes[partition] ?? '', this.codec)
    if (this.stopping) return this.handBack(attempt)
    let value: unknown
    try {
      value = this.handler(message, attempt)
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

  /** The handler has returned: its slot is free. */
  private finished(attempt: Attempt, settlement: Settlement): void {
    // It was handed back while the handler went on: all of this has been done then.
    if (!this.attempts.delete(attempt)) return
    if (attempt.settled) this.wakeSoon()
    this.settle(attempt, settlement)
    this.deps.quarantine.end(1)
    if (attempt.alone) this.deps.quarantine.aloneOver(true)
    if (this.attempts.size === 0) this.quiet()
  }

  private settle(attempt: Attempt, settlement: Settlement): void {
    if (attempt.settled) return
    attempt.settled = true
    this.outbox[attempt.partition]?.push(settlement)
    this.wakeSoon()
  }

  private wakeSoon(): void {
    if (this.flushing) return
    this.flushing = true
    queueMicrotask(this.flush)
  }

  private readonly flush = (): void => {
    this.flushing = false
    this.outbox.forEach((all, partition) => {
      if (all.length === 0) return
      this.outbox[partition] = []
      for (const settlements of inShares(all)) {
        this.unsettled++
        this.record(partition, settlements, SETTLE_REPEATS_MAX)
      }
    })
    this.fill()
    this.quiet()
  }

  /** A mistake in the user's listener must not reach the writer, whose reply it stands in. */
  private report(error: Error): void {
    try {
      this.options.onError?.(error)
    } catch {
      // Whoever is to hear of errors has one: there is nobody left to tell.
    }
  }

  private record(partition: number, settlements: ReadonlyArray<Settlement>, repeatsLeft: number): void {
    const { engine, clock } = this.deps
    const answer = (reply: Parameters<typeof this.recorded>[1]): void => {
      // The work is done and its fence stands: asking again is safe, and cheaper than running the handler again.
      if (isLeft(reply) && reply.left.kind !== 'refused' && repeatsLeft > 0 && !this.stopping) {
        clock.after(RETRY_PAUSE_MS, () => this.record(partition, settlements, repeatsLeft - 1))
        return
      }
      this.recorded(settlements, reply)
    }
    engine.partition(partition).use((writer) => writer.settle({ settlements, answer }), answer)
  }

  private recorded(
    settlements: ReadonlyArray<Settlement>,
    reply:
      | { _tag: 'Left'; left: { kind: string } }
      | { _tag: 'Right'; right: { value: ReadonlyArray<Settled> } },
  ): void {
    this.unsettled--
    if (isLeft(reply)) {
      this.report(
        new Error(
          `${settlements.length} outcomes were not recorded (${reply.left.kind}); the messages will run again`,
        ),
      )
    } else {
      const { value } = reply.right
      for (let i = 0; i < value.length; i++) {
        const result = value[i]
        if (result !== undefined && isLeft(result)) {
          this.report(new Error(`message ${settlements[i]?.ordinal}: ${result.left.type}, outcome dropped`))
        }
      }
    }
    this.quiet()
  }

  private readonly extendByHandler = async (attempt: Attempt, leaseMs: number): Promise<void> => {
    if (!Number.isInteger(leaseMs) || leaseMs < LEASE_MS_MIN || leaseMs > LEASE_MS_MAX) {
      throw new RangeError(`leaseMs: accepted is a whole number from ${LEASE_MS_MIN} to ${LEASE_MS_MAX}`)
    }
    const tick = this.deps.clock.tickMs()
    await this.extend(attempt, leaseMs)
    attempt.heldUntilTick = tick + leaseMs
  }

  private readonly extend = async (attempt: Attempt, leaseMs: number): Promise<void> => {
    const { ordinal, fence } = attempt
    const reply = await this.deps.engine.settle(attempt.partition, [
      { ordinal, fence, outcome: 'extend', leaseMs },
    ])
    if (isLeft(reply)) throw new Error(`the lease could not be extended: ${reply.left.kind}`)
    const result = reply.right.value[0]
    if (result !== undefined && isLeft(result)) this.lost(attempt)
  }

  /** The message belongs to somebody else now: whatever this handler still does must not count. */
  private lost(attempt: Attempt): void {
    attempt.settled = true
    attempt.abort(new Error('the lease was lost: the message may be running elsewhere'))
  }

  /** One timer for all running attempts, at the earliest deadline. */
  private watch(deadlineTick: number): void {
    if (this.deadlineAt <= deadlineTick) return
    this.cancelDeadline?.()
    this.deadlineAt = deadlineTick
    const { clock } = this.deps
    this.cancelDeadline = clock.after(
      Math.max(0, Math.min(deadlineTick - clock.tickMs(), TIMER_MS_MAX)),
      () => {
        this.deadlineAt = Number.POSITIVE_INFINITY
        this.cancelDeadline = undefined
        this.endOverdue()
      },
    )
  }

  private endOverdue(): void {
    const tick = this.deps.clock.tickMs()
    let next = Number.POSITIVE_INFINITY
    for (const attempt of this.attempts) {
      if (attempt.settled) continue
      if (attempt.deadlineTick > tick) {
        next = Math.min(next, attempt.deadlineTick)
        continue
      }
      // The slot stays taken until the handler returns: it still uses what it uses.
      const error = new DOMException('the handler exceeded its time limit', 'TimeoutError')
      this.settle(attempt, settlementOfError(attempt, error, this.classifier))
      attempt.abort(error)
    }
    if (next !== Number.POSITIVE_INFINITY) this.watch(next)
  }

  private beat(): void {
    const { engine, clock } = this.deps
    const { leaseMs } = engine.control.config
    this.cancelHeartbeat = clock.after(Math.max(10, Math.floor(leaseMs / HEARTBEATS_PER_LEASE)), () => {
      const heldMs = clock.tickMs() + leaseMs
      for (const attempt of this.attempts) {
        if (!attempt.settled && attempt.heldUntilTick < heldMs)
          this.extend(attempt, leaseMs).catch((error: Error) => this.report(error))
      }
      this.beat()
    })
  }

  private handBack(attempt: Attempt): void {
    const { ordinal, fence } = attempt
    this.attempts.delete(attempt)
    this.settle(attempt, { ordinal, fence, outcome: 'release', delayMs: 0 })
    this.deps.quarantine.end(1)
    if (attempt.alone) this.deps.quarantine.aloneOver(true)
  }

  async stop(options: { graceMs?: number } = {}): Promise<void> {
    this.stopping = true
    this.deps.engine.claimsChanged()
    const graceMs = options.graceMs ?? DEFAULT_GRACE_MS
    if (!(await this.untilQuiet(graceMs))) {
      for (const attempt of [...this.attempts]) {
        attempt.abort(new Error('the worker is stopping'))
        this.handBack(attempt)
      }
      this.flush()
      await this.untilQuiet(graceMs)
    }
    this.stopListening()
    this.cancelHeartbeat?.()
    this.cancelDeadline?.()
  }

  private get isQuiet(): boolean {
    return this.attempts.size === 0 && !this.claiming && !this.flushing && this.unsettled === 0
  }

  private quiet(): void {
    if (!this.isQuiet) return
    for (const wake of this.onQuiet.splice(0)) wake()
  }

  /** False when `graceMs` ended first. */
  private untilQuiet(graceMs: number): Promise<boolean> {
    if (this.isQuiet) return Promise.resolve(true)
    return new Promise((resolve) => {
      const cancel = this.deps.clock.after(graceMs, () => resolve(false))
      const check = (): void => {
        if (!this.isQuiet) {
          this.onQuiet.push(check)
          return
        }
        cancel()
        resolve(true)
      }
      this.onQuiet.push(check)
    })
  }
}
