// Which nodes live, as far as this one can tell: by its own monotonic clock since it last saw a new beat of theirs (§4.13). Time in
// which it could not look does not count: a node that was frozen, or whose log was away, must not take the others for dead when it
// comes back.
import type { Beat } from '../ports/heartbeats.js'

type Seen = { beat: string; silentMs: number }

export class Liveness {
  private readonly seen = new Map<string, Seen>()
  private lookedAt: number | undefined

  constructor(
    private readonly deadAfterMs: number,
    /** Between two looks no more than this counts. */
    private readonly lookMsMax: number,
  ) {}

  /** `beats`: of each node that could be asked, its last; a node that is missing could not be asked. */
  looked(tick: number, members: Iterable<string>, beats: ReadonlyMap<string, Beat | undefined>): void {
    const sinceMs = Math.min(this.lookMsMax, Math.max(0, tick - (this.lookedAt ?? tick)))
    this.lookedAt = tick
    const known = new Set(members)
    for (const node of this.seen.keys()) if (!known.has(node)) this.seen.delete(node)
    for (const node of known) {
      if (!beats.has(node)) continue
      const last = beats.get(node)
      const beat = last === undefined ? '' : `${last.incarnation} ${last.count}`
      const seen = this.seen.get(node)
      if (seen?.beat === beat) seen.silentMs += sinceMs
      else this.seen.set(node, { beat, silentMs: 0 })
    }
  }

  silentMs(node: string): number {
    return Math.round(this.seen.get(node)?.silentMs ?? 0)
  }

  isLive(node: string): boolean {
    return (this.seen.get(node)?.silentMs ?? 0) < this.deadAfterMs
  }
}
