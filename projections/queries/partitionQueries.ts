// Questions about one partition's state, for statistics and lists. Read-only but for entries of the ready bands that have
// become stale, which are dropped when they are met.
import type { MessageState } from '../../domain/message/index.js'
import { stateAt } from '../../domain/message/index.js'
import * as L from '../messageTable/layout.js'
import type { PartitionState } from '../partition/index.js'

/** How long the oldest message that could run now has been able to, in ms; 0 = none. Delayed ones count from their due time. */
export const oldestClaimableAgeMs = (state: PartitionState, at: number): number => {
  if (state.paused) return 0
  const { table } = state
  let since = Number.POSITIVE_INFINITY
  for (const bands of [state.ready, state.readyInDoubt]) {
    bands.forEachHead(
      (ordinal) => {
        const slot = table.slotOf(ordinal)
        return slot >= 0 && table.hasFlag(slot, L.FLAG_READY)
      },
      (ordinal) => {
        const slot = table.slotOf(ordinal)
        since = Math.min(since, Math.max(table.double(slot, L.ENQUEUED_AT), table.double(slot, L.DUE_AT)))
      },
    )
  }
  return since === Number.POSITIVE_INFINITY ? 0 : Math.max(0, at - since)
}

export type LiveEntry = Readonly<{ ordinal: number; lastRevision: number }>

/**
 * The `limit` newest live messages below ordinal `before`, in the given state if one is given. One pass over the table
 * (about 15 ns a message), so a page costs the same wherever it is.
 */
export const newestLive = (
  state: PartitionState,
  query: Readonly<{ state: MessageState | undefined; before: number; limit: number; at: number }>,
): ReadonlyArray<LiveEntry> => {
  const { table } = state
  const found: LiveEntry[] = []
  for (let slot = 0; slot < table.slotCount; slot++) {
    const tag = table.int(slot, L.TAG)
    if (tag === L.TAG_FREE) continue
    const ordinal = table.double(slot, L.ORDINAL)
    if (ordinal >= query.before) continue
    const least = found[found.length - 1]
    if (found.length === query.limit && least !== undefined && least.ordinal > ordinal) continue
    if (query.state !== undefined && stateAt(table.read(slot), query.at) !== query.state) continue
    insert(found, { ordinal, lastRevision: table.double(slot, L.LAST_REVISION) }, query.limit)
  }
  return found
}

const insert = (found: LiveEntry[], entry: LiveEntry, limit: number): void => {
  let at = found.length
  while (at > 0 && (found[at - 1]?.ordinal ?? 0) < entry.ordinal) at--
  found.splice(at, 0, entry)
  if (found.length > limit) found.pop()
}
