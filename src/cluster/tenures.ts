// How long each unit has been with its owner, by this node's clock since it heard of it.
import type { ClusterState } from '../../domain/cluster/index.js'

export class Tenures {
  private readonly seen = new Map<string, { term: number; tick: number }>()

  constructor(private readonly tickMs: () => number) {}

  note({ assignments }: ClusterState): void {
    const tick = this.tickMs()
    for (const [unit, { term }] of assignments)
      if (this.seen.get(unit)?.term !== term) this.seen.set(unit, { term, tick })
    for (const unit of this.seen.keys()) if (!assignments.has(unit)) this.seen.delete(unit)
  }

  ms(unit: string): number {
    const seen = this.seen.get(unit)
    return seen === undefined ? 0 : Math.round(this.tickMs() - seen.tick)
  }

  /** Whether it was assigned so long before this tick. */
  wasOlder(unit: string, ms: number, atTick: number): boolean {
    const seen = this.seen.get(unit)
    return seen !== undefined && atTick > seen.tick + ms
  }
}
