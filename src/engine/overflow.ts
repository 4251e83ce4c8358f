// Which waiting messages make room for new ones (A9). Finding them is one pass over the table (about 15 ns a message), so the
// next thousand are found at once and used up by later calls: at a million messages that is 15 µs a drop, not 15 ms.
import type { Overflow } from '../../domain/queue/index.js'
import * as L from '../../projections/messageTable/layout.js'
import type { PartitionState } from '../../projections/partition/index.js'

const FOUND_AT_ONCE = 1_024

type Found = { readonly overflow: Overflow; readonly ordinals: number[]; readonly upToOrdinal: number }

/** Candidates found by the last pass, per state: a state that is rebuilt begins anew. */
const candidates = new WeakMap<PartitionState, Found>()

/**
 * `count` slots, or undefined when there are not so many: running messages are never dropped, and for `dropLowestPriority`
 * only messages of a lower priority than `priority`. "Oldest" and "lowest" hold as of the last pass, at most a thousand drops ago.
 */
export const overflowVictims = (
  state: PartitionState,
  overflow: Overflow,
  count: number,
  priority: number,
): number[] | undefined => {
  const below = overflow === 'dropLowestPriority' ? priority : Number.POSITIVE_INFINITY
  const known = candidates.get(state)
  const chosen =
    known !== undefined && isCurrent(state, known, overflow) ? take(state, known, count, below) : []
  if (chosen.length < count) {
    const found: Found = {
      overflow,
      ordinals: findFirst(state, overflow, Math.max(FOUND_AT_ONCE, count)),
      upToOrdinal: state.nextOrdinal,
    }
    candidates.set(state, found)
    chosen.splice(0)
    chosen.push(...take(state, found, count, below))
  }
  return chosen.length < count ? undefined : chosen
}

/** A newer message is never the oldest, but it may have the lowest priority: then every candidate is weighed again. */
const isCurrent = (state: PartitionState, found: Found, overflow: Overflow): boolean =>
  found.overflow === overflow && (overflow === 'dropOldest' || found.upToOrdinal === state.nextOrdinal)

const take = (state: PartitionState, { ordinals }: Found, count: number, below: number): number[] => {
  const { table } = state
  const slots: number[] = []
  while (slots.length < count) {
    const ordinal = ordinals.pop()
    if (ordinal === undefined) break
    const slot = table.slotOf(ordinal)
    if (slot < 0 || table.int(slot, L.TAG) !== L.TAG_WAITING) continue
    if (table.int(slot, L.PRIORITY) >= below) {
      ordinals.push(ordinal)
      break
    }
    slots.push(slot)
  }
  return slots
}

/** The first to go stands last, where it is taken without moving the others. */
const findFirst = (state: PartitionState, overflow: Overflow, max: number): number[] => {
  const { table } = state
  const byPriority = overflow === 'dropLowestPriority'
  const waiting: Array<{ ordinal: number; priority: number }> = []
  for (let slot = 0; slot < table.slotCount; slot++) {
    if (table.int(slot, L.TAG) !== L.TAG_WAITING) continue
    waiting.push({ ordinal: table.double(slot, L.ORDINAL), priority: table.int(slot, L.PRIORITY) })
  }
  waiting.sort((a, b) => (byPriority ? a.priority - b.priority : 0) || a.ordinal - b.ordinal)
  return waiting
    .slice(0, max)
    .reverse()
    .map(({ ordinal }) => ordinal)
}
