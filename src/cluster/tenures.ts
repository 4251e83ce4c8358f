// How long each unit has been with its owner, and all members understand what they understand, by this node's clock since it heard of it.
import { type ClusterState, levelOf } from '../../domain/cluster/index.js'

export class Tenures {
  private readonly seen = new Map<string, { term: number; tick: number }>()

  private level = { level: 0, tick: Number.POSITIVE_INFINITY }

  constructor(private readonly tickMs: () => number) {}

  note(state: ClusterState): void {
    const { assignments } = state
    const tick = this.tickMs()
    const level = levelOf(state)
    if (level !== this.level.level) this.level = { level, tick }
    for (const [unit, { term }] of assignments)
      if (this.seen.get(unit)?.term !== term) this.seen.set(unit, { term, tick })
    for (const unit of this.seen.keys()) if (!assignments.has(unit)) this.seen.delete(unit)
  }

  ms(unit: string): number {
    const seen = this.seen.get(unit)
    return seen === undefined ? 0 : Math.round(this.tickMs() - seen.tick)
  }

  /** Since the last member came or went that had made a difference. */
  get levelMs(): number {
    return this.tickMs() - this.level.tick
  }

  /** Whether it was assigned so long before this tick. */
  wasOlder(unit: string, ms: number, atTick: number): boolean {
    const seen = this.seen.get(unit)
    return seen !== undefined && atTick > seen.tick + ms
  }
}
