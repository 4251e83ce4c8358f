// The layouts of a queue (ADR 0013) as far as this process has got with them. A layout is opened when every older partition has
// recorded that it drains: from then on whoever comes too late is told "not here" by the partition itself, also a process that was
// the owner before. What is claimed from a new layout waits until the older partitions run no more than their smaller shares allow,
// and an older layout that holds nothing any more is said to be drained, once.
import { isLeft } from 'fp-ts/lib/Either.js'
import { partitionOf } from '../../domain/ids.js'
import { invariant } from '../../domain/invariant.js'
import {
  type ControlEvent,
  drainLayout,
  type Layout,
  type Layouts,
  partitionsIn,
  type QueueControl,
} from '../../domain/queue/index.js'
import type { PartitionState } from '../../projections/partition/index.js'
import type { Clock } from '../ports/clock.js'
import type { Partition } from './partition.js'
import type { Reply } from './replies.js'

const RETRY_PAUSE_MS = 250

/** What it needs of its queue. */
export type LayoutedQueue = Readonly<{
  control: QueueControl
  partitions: ReadonlyArray<Partition>
  clock: Clock
  /** Opens the next partition and puts it behind the others. */
  openNext: () => Promise<void>
  look: <A>(partition: number, look: (state: PartitionState) => A) => Promise<Reply<A>>
  changeControl: (decide: (control: QueueControl) => ReadonlyArray<ControlEvent>) => Promise<unknown>
  /** What claims look at is another now. */
  changed: () => void
}>

/** A partition did not answer; what was asked for is tried again. */
class LayoutPending extends Error {
  override readonly name = 'LayoutPending'
}

export class LayoutsInUse {
  private opened = 0
  /** The first so many layouts may be claimed from. */
  private claimable = 1
  private opening: Promise<void> | undefined
  private keepingUp: Promise<void> | undefined
  private isStale = false
  private isClosed = false
  /** Rises when claims have other partitions to ask. */
  changes = 0

  constructor(private readonly queue: LayoutedQueue) {}

  /** Messages are routed by these; the last one takes what is new. */
  get inUse(): Layouts {
    return this.queue.control.layouts.slice(0, this.opened)
  }

  /** It takes what is new. */
  get active(): Layout {
    const active = this.queue.control.layouts[this.opened - 1]
    invariant(active !== undefined, 'a queue that is open has a layout')
    return active
  }

  /** Nothing but the one layout that the queue was created with: the usual case, on the path of every message. */
  get isOne(): boolean {
    return this.opened === 1
  }

  get count(): number {
    return this.opened
  }

  /** Opens what the control stream has and is not open here. Rejects when a partition does not answer. */
  async advance(): Promise<void> {
    while (this.opened < this.queue.control.layouts.length && !this.isClosed) {
      this.opening ??= this.openNext().finally(() => {
        this.opening = undefined
      })
      await this.opening
    }
  }

  private async openNext(): Promise<void> {
    const { queue, opened } = this
    const { layouts } = queue.control
    const next = layouts[opened]
    if (next === undefined) return
    const older = queue.partitions.slice(0, next.first)
    // The look is decided after the partition has adopted what the control stream says, and answered when that is durable.
    const seen = await Promise.all(older.map((_, n) => queue.look(n, (state) => state.layouts.length)))
    if (seen.some((reply) => isLeft(reply) || reply.right.value <= opened))
      throw new LayoutPending('a partition has not recorded yet that it drains')
    while (queue.partitions.length < partitionsIn([next]) && !this.isClosed) await queue.openNext()
    if (this.isClosed) return
    this.opened++
    this.tellClaims()
  }

  private tellClaims(): void {
    this.changes++
    this.queue.changed()
  }

  /** After each change: goes on by itself until there is nothing left to do. */
  keepUp(): void {
    this.isStale = true
    this.keepingUp ??= this.keepingOn().finally(() => {
      this.keepingUp = undefined
      if (this.isStale && !this.isClosed) this.keepUp()
    })
  }

  private async keepingOn(): Promise<void> {
    while (this.isStale && !this.isClosed) {
      this.isStale = false
      try {
        await this.advance()
        await this.recordDrained()
        if (this.someAreAway()) throw new LayoutPending('a partition is being opened')
      } catch {
        // Whatever it is, the log or a partition that is being opened: what is missing is still missing after a pause.
        this.isStale = true
        await new Promise<void>((resolve) => void this.queue.clock.after(RETRY_PAUSE_MS, resolve))
      }
    }
  }

  /** Something happened in this partition: perhaps that was the last of its layout. */
  note(partition: number): void {
    if (this.opened < 2) return
    const layout = this.queue.control.layouts.find(
      ({ first, partitions }) => partition >= first && partition < first + partitions,
    )
    if (layout === undefined || layout.isDrained) return
    const { state } = this.queue.partitions[partition] ?? {}
    if (state === undefined || this.seemsEmpty(layout)) this.keepUp()
  }

  private seemsEmpty(layout: Layout): boolean {
    if (layout.isDrained) return false
    return this.partitionsOf(layout).every(({ state }) => state?.isDraining === true && state.isEmpty)
  }

  /** What they hold cannot be told now. */
  private someAreAway(): boolean {
    return this.inUse
      .slice(0, -1)
      .some(
        (layout) =>
          !layout.isDrained && this.partitionsOf(layout).some(({ state, isFinal }) => !state && !isFinal),
      )
  }

  private partitionsOf({ first, partitions }: Layout): ReadonlyArray<Partition> {
    return this.queue.partitions.slice(first, first + partitions)
  }

  private async recordDrained(): Promise<void> {
    const { queue } = this
    for (const layout of this.inUse) {
      if (!this.seemsEmpty(layout)) continue
      const numbers = this.partitionsOf(layout).map(({ ref }) => ref.partition)
      const seen = await Promise.all(
        numbers.map((n) => queue.look(n, (state) => state.isDraining && state.isEmpty)),
      )
      if (seen.some(isLeft)) throw new LayoutPending('a partition does not answer')
      if (seen.every((reply) => !isLeft(reply) && reply.right.value))
        await queue.changeControl((control) => drainLayout(control, layout.first))
    }
  }

  /** Nothing that it remembers can matter to a new message any more. Asked only of layouts that are drained. */
  isSpent(layout: Layout): boolean {
    if (!layout.isDrained) return false
    const { clock, control } = this.queue
    const now = clock.wallMs()
    return this.partitionsOf(layout).every(
      ({ state }) =>
        state !== undefined && (state.dedup.size === 0 || state.lastAt + control.config.dedupWindowMs <= now),
    )
  }

  /** Where a message with this key belongs, if it is in this layout. */
  homeIn({ first, partitions }: Layout, key: string): number {
    return first + partitionOf(key, partitions)
  }

  /** Numbers of the partitions that claims may ask: those that drain, and the active ones. */
  async claimed(): Promise<Readonly<{ draining: ReadonlyArray<number>; active: ReadonlyArray<number> }>> {
    if (this.claimable < this.opened) await this.openForClaims()
    const draining: number[] = []
    const active: number[] = []
    this.inUse.slice(0, this.claimable).forEach((layout, n) => {
      if (layout.isDrained) return
      const numbers = Array.from({ length: layout.partitions }, (_, i) => layout.first + i)
      if (n === this.opened - 1) active.push(...numbers)
      else draining.push(...numbers)
    })
    return { draining, active }
  }

  /** Some partitions may not be claimed from yet: it is worth asking again soon. */
  get isHeldBack(): boolean {
    return this.claimable < this.opened
  }

  private async openForClaims(): Promise<void> {
    const { queue } = this
    while (this.claimable < this.opened) {
      const { claimable } = this
      const next = queue.control.layouts[claimable]
      if (next === undefined) return
      if (hasCaps(queue.control)) {
        const older = queue.partitions.slice(0, next.first)
        const seen = await Promise.all(older.map((_, n) => queue.look(n, (state) => state.isOverShare)))
        if (seen.some((reply) => isLeft(reply) || reply.right.value)) return
      }
      // Another claim may have found the same meanwhile.
      if (this.claimable > claimable) continue
      this.claimable++
      this.tellClaims()
    }
  }

  /** Whether one message of this partition may be claimed. */
  async mayClaimFrom(partition: number): Promise<boolean> {
    if (!this.isHeldBack) return true
    await this.openForClaims()
    const layout = this.queue.control.layouts[this.claimable]
    return !this.isHeldBack || layout === undefined || partition < layout.first
  }

  async close(): Promise<void> {
    this.isClosed = true
    await this.opening?.catch(() => undefined)
  }
}

const hasCaps = ({ config: { limits } }: QueueControl): boolean =>
  limits.concurrencyMax !== undefined || limits.perTenant?.concurrencyMax !== undefined
