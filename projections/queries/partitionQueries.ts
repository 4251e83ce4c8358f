// Questions about one partition's state, for statistics and lists. Read-only but for entries of the ready bands that have
// become stale, which are dropped when they are met.
import type { PartitionState } from '../partition/index.js'

/** How long the oldest message that could run now has been able to, in ms; 0 = none. Delayed ones count from their due time. */
export const oldestClaimableAgeMs = (state: PartitionState, at: number): number => {
  if (state.paused) return 0
  const since = state.oldestReadySince()
  return since === Number.POSITIVE_INFINITY ? 0 : Math.max(0, at - since)
}
