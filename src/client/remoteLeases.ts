// Heartbeats for the attempts of one worker over HTTP: one timer for all leases, one call for all of them, and what the
// answer means for each: the lease holds, it is lost, or somebody wants the message cancelled.
import type { SettlementRequest, SettlementResult } from '../api/types/index.js'
import { type Clock, TIMER_MS_MAX } from '../ports/clock.js'
import { CancelledError } from '../worker/attempt.js'
import type { RemoteAttempt } from './remoteAttempt.js'

const HEARTBEATS_PER_LEASE = 3
const HEARTBEAT_MS_MIN = 10

export type RemoteLeasesDeps = Readonly<{
  settle: (settlements: ReadonlyArray<SettlementRequest>) => Promise<ReadonlyArray<SettlementResult>>
  clock: Clock
  attempts: ReadonlySet<RemoteAttempt>
  report: (error: unknown) => void
}>

export class RemoteLeases {
  private cancelTimer: (() => void) | undefined
  private nextTick = Number.POSITIVE_INFINITY

  constructor(private readonly deps: RemoteLeasesDeps) {}

  stop(): void {
    this.cancelTimer?.()
    this.cancelTimer = undefined
    this.nextTick = Number.POSITIVE_INFINITY
  }

  /** By the shortest of them; none while nothing runs. */
  watch(attempt: RemoteAttempt): void {
    this.beatIn(this.everyMs(attempt.leaseMs))
  }

  async extend(attempt: RemoteAttempt, leaseMs: number): Promise<void> {
    this.extended(
      [attempt],
      await this.deps.settle([{ leaseToken: attempt.leaseToken, outcome: 'extend', leaseMs }]),
    )
  }

  private everyMs(leaseMs: number): number {
    return Math.max(HEARTBEAT_MS_MIN, Math.floor(Math.min(leaseMs, TIMER_MS_MAX) / HEARTBEATS_PER_LEASE))
  }

  private beatIn(ms: number): void {
    const { clock } = this.deps
    const tick = clock.tickMs() + ms
    if (tick >= this.nextTick) return
    this.cancelTimer?.()
    this.nextTick = tick
    this.cancelTimer = clock.after(ms, () => this.beat())
  }

  private beat(): void {
    const { attempts, settle, report } = this.deps
    this.stop()
    const alive = [...attempts].filter(({ settled }) => !settled)
    if (alive.length > 0) {
      settle(alive.map(({ leaseToken, leaseMs }) => ({ leaseToken, outcome: 'extend', leaseMs })))
        .then((results) => this.extended(alive, results))
        .catch(report)
    }
    for (const attempt of attempts) this.watch(attempt)
  }

  private extended(attempts: ReadonlyArray<RemoteAttempt>, results: ReadonlyArray<SettlementResult>): void {
    const byToken = new Map(results.map((result) => [result.leaseToken, result]))
    for (const attempt of attempts) {
      const result = byToken.get(attempt.leaseToken)
      if (result === undefined || attempt.settled) continue
      if (result.ok) {
        if (result.cancelRequested === true) attempt.abort(new CancelledError())
        continue
      }
      // The message belongs to somebody else now: whatever this handler still does must not count.
      attempt.settled = true
      attempt.abort(new Error('the lease was lost: the message may be running elsewhere'))
      this.deps.report(new Error(`message ${attempt.messageId}: the lease was lost while it ran`))
    }
  }
}
