// Keeps the leases alive that a batch worker holds, of gathered and of running messages (B6): one heartbeat for all of them.
import { LEASE_MS_MAX, LEASE_MS_MIN } from '../../domain/queue/index.js'
import { type Clock, TIMER_MS_MAX } from '../ports/clock.js'
import type { HeldMessage } from './batchSource.js'

const HEARTBEATS_PER_LEASE = 3
const HEARTBEAT_MS_MIN = 10

type Deps<Held> = Readonly<{
  clock: Clock
  /** Answers the ones whose leases are lost. */
  extend: (held: ReadonlyArray<Held>, leaseMs: number | undefined) => Promise<ReadonlyArray<Held>>
  report: (error: unknown) => void
  someLost: () => void
}>

export class BatchLeases<
  Held extends Pick<HeldMessage<unknown>, 'id' | 'leaseMs' | 'settled' | 'isLost' | 'heldUntilTick'>,
> {
  private readonly inHand = new Set<Held>()
  private cancelHeartbeat: (() => void) | undefined
  private beatAtTick = 0

  constructor(private readonly deps: Deps<Held>) {}

  add(held: Held): void {
    this.inHand.add(held)
    this.beat()
  }

  remove(held: Held): void {
    this.inHand.delete(held)
  }

  [Symbol.iterator](): IterableIterator<Held> {
    return this.inHand.values()
  }

  holds(held: Held): boolean {
    return this.inHand.has(held)
  }

  stop(): void {
    this.cancelHeartbeat?.()
    this.cancelHeartbeat = undefined
  }

  async extendByHandler(held: ReadonlyArray<Held>, leaseMs: number): Promise<void> {
    if (!Number.isInteger(leaseMs) || leaseMs < LEASE_MS_MIN || leaseMs > LEASE_MS_MAX) {
      throw new RangeError(`leaseMs: accepted is a whole number from ${LEASE_MS_MIN} to ${LEASE_MS_MAX}`)
    }
    const untilTick = this.deps.clock.tickMs() + leaseMs
    const ours = held.filter((one) => this.inHand.has(one))
    await this.extend(ours, leaseMs)
    for (const one of ours) one.heldUntilTick = untilTick
  }

  private async extend(held: ReadonlyArray<Held>, leaseMs: number | undefined): Promise<void> {
    const { extend, report, someLost } = this.deps
    for (const lost of await extend(held, leaseMs)) {
      if (lost.settled) continue
      // The message belongs to somebody else now: whatever this handler still does with it must not count.
      lost.settled = true
      lost.isLost = true
      this.inHand.delete(lost)
      report(new Error(`message ${lost.id}: the lease was lost`))
    }
    someLost()
  }

  /** One timer for all leases, by the shortest of them; none while nothing is held. */
  private beat(): void {
    if (this.inHand.size === 0) return
    const { clock } = this.deps
    let leaseMs = TIMER_MS_MAX
    for (const held of this.inHand) leaseMs = Math.min(leaseMs, held.leaseMs)
    const everyMs = Math.max(HEARTBEAT_MS_MIN, Math.floor(leaseMs / HEARTBEATS_PER_LEASE))
    const atTick = clock.tickMs() + everyMs
    // A lease that is shorter than those before it must not wait for their heartbeat.
    if (this.cancelHeartbeat !== undefined && this.beatAtTick <= atTick) return
    this.cancelHeartbeat?.()
    this.beatAtTick = atTick
    this.cancelHeartbeat = clock.after(everyMs, () => this.beatNow())
  }

  private beatNow(): void {
    this.cancelHeartbeat = undefined
    const tick = this.deps.clock.tickMs()
    const due = [...this.inHand].filter(({ heldUntilTick, leaseMs }) => heldUntilTick < tick + leaseMs)
    if (due.length > 0) this.extend(due, undefined).catch(this.deps.report)
    this.beat()
  }
}
