// Live messages that a filter means, in steps: each looks at a bounded number of records, so that a list of a million
// messages is a row of short looks and not one long one. Read-only.
import type { PartitionRef } from '../../domain/ids.js'
import type { MessageState } from '../../domain/message/index.js'
import type { EpochMs } from '../../domain/time.js'
import * as L from '../messageTable/layout.js'
import type { PartitionState } from '../partition/index.js'
import { type MessageFilter, matchesSlot, stateOfSlot } from './messageFilter.js'

/** Records one step looks at: a few milliseconds. */
export const SCAN_STEP = 10_000

export type LiveEntry = Readonly<{
  partition: number
  ordinal: number
  lastRevision: number
  enqueuedAt: EpochMs
  priority: number
  state: MessageState
}>

export type ScanWish = Readonly<{
  ref: PartitionRef
  filter: MessageFilter
  at: EpochMs
  /** The first ordinal to look at. */
  from: number
  /** 1 = upwards, to newer ones. */
  step: 1 | -1
  /** Answer when so many were found. */
  limit: number
  /** Look at no more than this many records. */
  scanMax: number
}>

export type Scanned = Readonly<{
  found: ReadonlyArray<LiveEntry>
  scanned: number
  /** Where to go on; undefined = there is nothing beyond. */
  next: number | undefined
}>

export const scanLive = (state: PartitionState, wish: ScanWish): Scanned => {
  const { filter, from, step } = wish
  const found: LiveEntry[] = []
  let scanned = 0
  let next: number | undefined
  const visit = (ordinal: number, slot: number): boolean => {
    if (found.length === wish.limit || scanned === wish.scanMax) {
      next = ordinal
      return false
    }
    // Ordinals rise with the time of the enqueue, so beyond the end of the range there is nothing more.
    if (isPast(filter, state.table.double(slot, L.ENQUEUED_AT), step)) return false
    scanned++
    const entry = entryOf(state, slot, wish)
    if (entry !== undefined) found.push(entry)
    return true
  }
  const few = processing(state, filter)
  if (isOnly(filter, 'dead-lettered'))
    state.deadLetters.walk(from, step, (ordinal) => visit(ordinal, state.table.slotOf(ordinal)))
  else if (few === undefined) state.table.walk(from, step, visit)
  else {
    few.sort()
    const places = step === 1 ? [...few.keys()] : [...few.keys()].reverse()
    for (const place of places) {
      const ordinal = few[place]!
      if (step === 1 ? ordinal < from : ordinal > from) continue
      if (!visit(ordinal, state.table.slotOf(ordinal))) break
    }
  }
  return { found, scanned, next }
}

const isPast = ({ enqueuedFrom, enqueuedTo }: MessageFilter, enqueuedAt: EpochMs, step: 1 | -1): boolean =>
  step === 1
    ? enqueuedTo !== undefined && enqueuedAt >= enqueuedTo
    : enqueuedFrom !== undefined && enqueuedAt < enqueuedFrom

const isOnly = ({ states }: MessageFilter, state: MessageState): boolean =>
  states?.length === 1 && states[0] === state

/** Like dead letters, running messages are known by themselves: they are not looked for among millions that wait. */
const processing = (state: PartitionState, filter: MessageFilter): Float64Array | undefined => {
  if (!isOnly(filter, 'processing')) return undefined
  return Float64Array.from(state.leases.members(), (slot) => state.table.double(slot, L.ORDINAL))
}

const entryOf = (
  { table }: PartitionState,
  slot: number,
  { ref, filter, at }: Pick<ScanWish, 'ref' | 'filter' | 'at'>,
): LiveEntry | undefined => {
  const state = stateOfSlot(table, slot, at)
  if (filter.states !== undefined && !filter.states.includes(state)) return undefined
  if (!matchesSlot(filter, table, slot, ref)) return undefined
  return {
    partition: ref.partition,
    ordinal: table.double(slot, L.ORDINAL),
    lastRevision: table.double(slot, L.LAST_REVISION),
    enqueuedAt: table.double(slot, L.ENQUEUED_AT),
    priority: table.int(slot, L.PRIORITY),
    state,
  }
}

export type PriorityPlace = Pick<LiveEntry, 'priority' | 'enqueuedAt' | 'partition' | 'ordinal'>

/** Higher priority first, and inside a priority the one enqueued first. */
const comesBefore = (a: PriorityPlace, b: PriorityPlace): boolean => {
  if (a.priority !== b.priority) return a.priority > b.priority
  if (a.enqueuedAt !== b.enqueuedAt) return a.enqueuedAt < b.enqueuedAt
  return a.partition === b.partition ? a.ordinal < b.ordinal : a.partition < b.partition
}

/**
 * Of the records in the slots from `fromSlot` on, as many as a step may look at, those that come first by priority behind
 * `after`; `kept` are those of the steps before, of whatever partition, and go on being the first `limit`.
 */
export const scanByPriority = (
  state: PartitionState,
  wish: Pick<ScanWish, 'ref' | 'filter' | 'at' | 'limit'> & Readonly<{ after: PriorityPlace | undefined }>,
  fromSlot: number,
  kept: LiveEntry[],
): { nextSlot: number | undefined; scanned: number } => {
  const { table } = state
  const end = Math.min(table.slotCount, fromSlot + SCAN_STEP)
  let scanned = 0
  for (let slot = fromSlot; slot < end; slot++) {
    if (table.int(slot, L.TAG) === L.TAG_FREE) continue
    scanned++
    const place = {
      priority: table.int(slot, L.PRIORITY),
      enqueuedAt: table.double(slot, L.ENQUEUED_AT),
      partition: wish.ref.partition,
      ordinal: table.double(slot, L.ORDINAL),
    }
    if (wish.after !== undefined && !comesBefore(wish.after, place)) continue
    const worst = kept[kept.length - 1]
    if (kept.length >= wish.limit && worst !== undefined && !comesBefore(place, worst)) continue
    const entry = entryOf(state, slot, wish)
    if (entry === undefined) continue
    let at = kept.length
    while (at > 0 && comesBefore(entry, kept[at - 1]!)) at--
    kept.splice(at, 0, entry)
    if (kept.length > wish.limit) kept.pop()
  }
  return { nextSlot: end < table.slotCount ? end : undefined, scanned }
}
