// Time for the attempts of one worker in this process: one timer at the earliest time limit, and heartbeats that keep
// leases alive while handlers run.
import { isLeft } from 'fp-ts/lib/Either.js'
import { LEASE_MS_MAX, LEASE_MS_MIN } from '../../domain/queue/index.js'
import type { QueueEngine } from '../engine/queueEngine.js'
import { type Clock, TIMER_MS_MAX } from '../ports/clock.js'
import type { Attempt } from './attempt.js'

const HEARTBEATS_PER_LEASE = 3
const HEARTBEAT_MS_MIN = 10

export type LeaseKeeperDeps = Readonly<{
  engine: QueueEngine
  clock: Clock
  attempts: ReadonlySet<Attempt>
  /** The attempt has run into its time limit. */
  overdue: (attempt: Attempt) => void
  report: (error: Error) => void
}>

export class LeaseKeeper {
  private cancelDeadline: (() => void) | undefined
  private deadlineAt = Number.POSITIVE_INFINITY
  private cancelHeartbeat: (() => void) | undefined
  /** The shortest lease that the heartbeat was set for. */
  private beatLeaseMs = Number.POSITIVE_INFINITY

  constructor(private readonly deps: LeaseKeeperDeps) {}

  start(): void {
    this.beat(this.deps.engine.control.config.leaseMs)
  }

  stop(): void {
    this.cancelHeartbeat?.()
    this.cancelHeartbeat = undefined
    this.beatLeaseMs = Number.POSITIVE_INFINITY
    this.cancelDeadline?.()
    this.cancelDeadline = undefined
    this.deadlineAt = Number.POSITIVE_INFINITY
  }

  watch(attempt: Attempt): void {
    this.watchDeadline(attempt.deadlineTick)
    // A message may bring a lease of its own, shorter than its queue's.
    if (attempt.leaseMs < this.beatLeaseMs) this.beat(attempt.leaseMs)
  }

  private watchDeadline(deadlineTick: number): void {
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

  readonly extendByHandler = async (attempt: Attempt, leaseMs: number): Promise<void> => {
    if (!Number.isInteger(leaseMs) || leaseMs < LEASE_MS_MIN || leaseMs > LEASE_MS_MAX) {
      throw new RangeError(`leaseMs: accepted is a whole number from ${LEASE_MS_MIN} to ${LEASE_MS_MAX}`)
    }
    const tick = this.deps.clock.tickMs()
    await this.extend(attempt, leaseMs)
    attempt.heldUntilTick = tick + leaseMs
  }

  private endOverdue(): void {
    const tick = this.deps.clock.tickMs()
    let next = Number.POSITIVE_INFINITY
    for (const attempt of this.deps.attempts) {
      if (attempt.settled) continue
      if (attempt.deadlineTick > tick) next = Math.min(next, attempt.deadlineTick)
      else this.deps.overdue(attempt)
    }
    if (next !== Number.POSITIVE_INFINITY) this.watchDeadline(next)
  }

  private beat(leaseMs: number): void {
    const { clock } = this.deps
    this.cancelHeartbeat?.()
    this.beatLeaseMs = leaseMs
    const everyMs = Math.max(HEARTBEAT_MS_MIN, Math.floor(leaseMs / HEARTBEATS_PER_LEASE))
    this.cancelHeartbeat = clock.after(everyMs, () => this.beatNow())
  }

  private beatNow(): void {
    const { engine, clock, attempts, report } = this.deps
    const tick = clock.tickMs()
    let shortestMs = engine.control.config.leaseMs
    for (const attempt of attempts) {
      if (attempt.settled) continue
      const { leaseMs } = attempt
      shortestMs = Math.min(shortestMs, leaseMs)
      if (attempt.heldUntilTick < tick + leaseMs) this.extend(attempt, leaseMs).catch(report)
    }
    this.beat(shortestMs)
  }

  private async extend(attempt: Attempt, leaseMs: number): Promise<void> {
    const { ordinal, fence } = attempt
    const reply = await this.deps.engine.settle(attempt.partition, [
      { ordinal, fence, outcome: 'extend', leaseMs },
    ])
    if (isLeft(reply)) throw new Error(`the lease could not be extended: ${reply.left.kind}`)
    const result = reply.right.value[0]
    if (result === undefined || !isLeft(result)) return
    // The message belongs to somebody else now: whatever this handler still does must not count.
    attempt.settled = true
    attempt.abort(new Error('the lease was lost: the message may be running elsewhere'))
  }
}
