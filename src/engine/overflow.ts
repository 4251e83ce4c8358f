// Which waiting messages make room for new ones (A9). Finding them is one pass over the table (about 20 ns a message), so the
// next thousand are found at once and used up by later calls: at a million messages that is 20 µs a drop, not 20 ms.
import type { Overflow } from '../../domain/queue/index.js'
import * as L from '../../projections/messageTable/layout.js'
import type { PartitionState } from '../../projections/partition/index.js'

const FOUND_AT_ONCE = 1_024

type Candidate = Readonly<{ ordinal: number; priority: number }>
type Found = {
  readonly overflow: Overflow
  /** The first to go stands last, where it is taken without moving the others. */
  readonly candidates: Candidate[]
  /** Messages from this ordinal on have not been weighed yet. */
  upToOrdinal: number
}

/** Candidates found by the last pass, per state: a state that is rebuilt begins anew. */
const lastFound = new WeakMap<PartitionState, Found>()

/**
 * `count` slots, or undefined when there are not so many: running messages are never dropped, nor those in `kept`, and for
 * `dropLowestPriority` only messages of a lower priority than `priority`. "Oldest" and "lowest" hold as of the last pass, at
 * most a thousand drops ago, and for all that was enqueued since.
 */
export const overflowVictims = (
  state: PartitionState,
  overflow: Overflow,
  count: number,
  priority: number,
  kept: ReadonlySet<number>,
): number[] | undefined => {
  const below = overflow === 'dropLowestPriority' ? priority : Number.POSITIVE_INFINITY
  const known = lastFound.get(state)
  if (known?.overflow === overflow && state.nextOrdinal - known.upToOrdinal <= FOUND_AT_ONCE) {
    if (overflow === 'dropLowestPriority') weighNewer(state, known)
    const chosen = take(state, known, count, below, kept)
    if (chosen !== undefined) return chosen
  }
  const found: Found = {
    overflow,
    candidates: firstToGo(state, overflow, Math.max(FOUND_AT_ONCE, count + kept.size)),
    upToOrdinal: state.nextOrdinal,
  }
  lastFound.set(state, found)
  return take(state, found, count, below, kept)
}

/** The candidates are used up only when there are enough of them: a call that is refused changes nothing. */
const take = (
  state: PartitionState,
  { overflow, candidates }: Found,
  count: number,
  below: number,
  kept: ReadonlySet<number>,
): number[] | undefined => {
  const { table } = state
  const slots: number[] = []
  const passedOver: Candidate[] = []
  let left = candidates.length
  while (slots.length < count) {
    const candidate = candidates[--left]
    if (candidate === undefined) return undefined
    const slot = table.slotOf(candidate.ordinal)
    if (slot < 0 || table.int(slot, L.TAG) !== L.TAG_WAITING) continue
    // Edited since: it stands at a place that is no longer its own.
    if (overflow === 'dropLowestPriority' && table.int(slot, L.PRIORITY) !== candidate.priority) continue
    if (candidate.priority >= below) return undefined
    if (kept.has(candidate.ordinal)) passedOver.push(candidate)
    else slots.push(slot)
  }
  candidates.length = left
  candidates.push(...passedOver.reverse())
  return slots
}

/** A newer message is never the oldest, but it may have a lower priority than those that were found. */
const weighNewer = (state: PartitionState, found: Found): void => {
  const { table } = state
  const { overflow, candidates } = found
  for (; found.upToOrdinal < state.nextOrdinal && candidates.length > 0; found.upToOrdinal++) {
    const slot = table.slotOf(found.upToOrdinal)
    if (slot < 0) continue
    const candidate = { ordinal: found.upToOrdinal, priority: table.int(slot, L.PRIORITY) }
    const place = candidates.findIndex((other) => goesBefore(overflow, other, candidate))
    if (place < 0) candidates.push(candidate)
    // Behind all of them it is none: what was passed over in the last pass may stand between.
    else if (place > 0) candidates.splice(place, 0, candidate)
  }
}

const goesBefore = (overflow: Overflow, one: Candidate, other: Candidate): boolean =>
  overflow === 'dropLowestPriority' && one.priority !== other.priority
    ? one.priority < other.priority
    : one.ordinal < other.ordinal

/** The `max` that go first, the very first last. Keeps twice as many at most, so a million messages cost no million objects. */
const firstToGo = (state: PartitionState, overflow: Overflow, max: number): Candidate[] => {
  const { table } = state
  const byTurn = (one: Candidate, other: Candidate): number => (goesBefore(overflow, one, other) ? -1 : 1)
  const kept: Candidate[] = []
  let last: Candidate | undefined
  const byPriority = overflow === 'dropLowestPriority'
  for (let slot = 0; slot < table.slotCount; slot++) {
    if (table.int(slot, L.TAG) !== L.TAG_WAITING) continue
    const priority = table.int(slot, L.PRIORITY)
    const ordinal = table.double(slot, L.ORDINAL)
    if (last !== undefined) {
      // Written out: most messages end here, and an object for each would cost more than all else.
      if (byPriority && priority !== last.priority ? priority > last.priority : ordinal > last.ordinal)
        continue
    }
    const candidate = { ordinal, priority }
    kept.push(candidate)
    if (kept.length < 2 * max) continue
    kept.sort(byTurn)
    kept.length = max
    last = kept[max - 1]
  }
  return kept.sort(byTurn).slice(0, max).reverse()
}
