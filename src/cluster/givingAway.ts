// What this node owns and gives to others: too much of it for one, or what others would have with better luck. Its work on it ends before
// anybody else begins, so that nobody is fenced.
import {
  type Apart,
  type ClusterState,
  giveAway,
  handOver,
  misplaced,
  type Run,
} from '../../domain/cluster/index.js'
import type { ClusterStream } from './clusterStream.js'
import type { HeldUnits } from './heldUnits.js'
import type { SignsOfLife } from './signsOfLife.js'

type Live = ReadonlySet<string>

export class GivingAway {
  private readonly units = new Set<string>()

  constructor(
    private readonly deps: Readonly<{
      self: Run
      stream: ClusterStream
      held: HeldUnits
      signs: SignsOfLife
      tenureMs: number
      tell: (message: string) => void
    }>,
  ) {}

  /** It answers for it no more. */
  has(unit: string): boolean {
    return this.units.has(unit)
  }

  /** Ends the work on one for good. */
  async end(unit: string): Promise<void> {
    this.units.add(unit)
    await this.deps.held.release(unit)
  }

  /** What is misplaced here, all at once and however short its tenure; otherwise one of those that are too many. */
  async balance(live: Live, apart: Apart): Promise<void> {
    const { stream, self, held, tenureMs } = this.deps
    if (this.units.size > 0) return
    const away = misplaced(stream.state, self, live, apart)
    if (away.length > 0) {
      this.deps.tell(`${this.why(live)}: others take over ${away.join(', ')}`)
      await Promise.all(away.map((unit) => this.give(unit, live, apart)))
      return
    }
    const next = giveAway(stream.state, self, live, (unit) => held.heldMs(unit) > tenureMs, apart)
    if (next !== undefined) await this.give(next.unit, live, apart)
  }

  private why(live: Live): string {
    const by = this.deps.signs.unreachedBy(this.deps.self.node, live)
    return by.length === 0 ? 'this node cannot reach others' : `${by.join(', ')} cannot reach this node`
  }

  private async give(unit: string, live: Live, apart: Apart): Promise<void> {
    const { self, stream } = this.deps
    try {
      await this.end(unit)
      await stream.change((state: ClusterState) => handOver(state, self, unit, live, apart))
    } finally {
      this.units.delete(unit)
    }
  }
}
