// Which messages are meant (A8, C3): a filter of plain facts, asked of live messages straight from their records, and of
// finished ones from what their history says. Both must agree; test/api/listing.test.ts holds them to one naive filter.
import { generatedIdPrefix, type PartitionRef } from '../../domain/ids.js'
import { type MessageState, SYSTEM_FAILURE, type Wishes } from '../../domain/message/index.js'
import type { EpochMs } from '../../domain/time.js'
import * as L from '../messageTable/layout.js'
import type { MessageTable } from '../messageTable/messageTable.js'

/** Fields that must be equal, each a text that came with the message. */
export const FILTER_TEXTS = ['type', 'topic', 'group', 'tenant', 'zone', 'gate'] as const

export type MessageFilter = Readonly<
  Partial<Record<(typeof FILTER_TEXTS)[number], string>> & {
    /** Any of these. */
    states?: ReadonlyArray<MessageState>
    /** Both ends belong to the range. */
    priorityMin?: number
    priorityMax?: number
    /** From the first instant, and before the second. */
    enqueuedFrom?: EpochMs
    enqueuedTo?: EpochMs
    idPrefix?: string
    /** Of the last failed attempt. */
    failureType?: string
    /** Of dead letters: failures of the system (no handler, a payload that cannot be read) or all others. */
    kind?: 'system' | 'business'
    /** Of dead letters: when they died. From the first instant, and before the second. */
    deadFrom?: EpochMs
    deadTo?: EpochMs
  }
>

export type FilteredFacts = Readonly<{
  id: string
  state: MessageState
  wishes: Pick<Wishes, (typeof FILTER_TEXTS)[number]>
  priority: number
  enqueuedAt: EpochMs
  failureType: string | undefined
  /** Of dead letters. */
  deadAt: EpochMs | undefined
}>

const isWithin = (value: number, from: number | undefined, to: number | undefined): boolean =>
  (from === undefined || value >= from) && (to === undefined || value < to)

/** Asks about dead letters only, so that nothing else can match. */
const isAboutDeaths = ({ kind, deadFrom, deadTo }: MessageFilter): boolean =>
  kind !== undefined || deadFrom !== undefined || deadTo !== undefined

const kindOf = (failureType: string | undefined): 'system' | 'business' =>
  failureType === SYSTEM_FAILURE ? 'system' : 'business'

export const matches = (filter: MessageFilter, facts: FilteredFacts): boolean => {
  const { state, priority } = facts
  if (filter.states !== undefined && !filter.states.includes(state)) return false
  if (priority < (filter.priorityMin ?? priority) || priority > (filter.priorityMax ?? priority)) return false
  if (!isWithin(facts.enqueuedAt, filter.enqueuedFrom, filter.enqueuedTo)) return false
  if (filter.idPrefix !== undefined && !facts.id.startsWith(filter.idPrefix)) return false
  if (filter.failureType !== undefined && facts.failureType !== filter.failureType) return false
  for (const name of FILTER_TEXTS) {
    if (filter[name] !== undefined && facts.wishes[name] !== filter[name]) return false
  }
  if (!isAboutDeaths(filter)) return true
  if (facts.deadAt === undefined) return false
  if (filter.kind !== undefined && kindOf(facts.failureType) !== filter.kind) return false
  return isWithin(facts.deadAt, filter.deadFrom, filter.deadTo)
}

/** What {@link stateAt} says, straight from the record. */
export const stateOfSlot = (table: MessageTable, slot: number, at: EpochMs): MessageState => {
  const tag = table.int(slot, L.TAG)
  if (tag === L.TAG_LEASED) return 'processing'
  if (tag === L.TAG_DEAD) return 'dead-lettered'
  if (table.double(slot, L.DUE_AT) <= at) return 'pending'
  return table.int(slot, L.FAILURE_TYPE) === 0 ? 'scheduled' : 'retrying'
}

/**
 * The same of a live message, cheapest questions first: most are turned away by their numbers, before their texts are
 * looked for. Its state is not asked again: the caller has it.
 */
export const matchesSlot = (
  filter: MessageFilter,
  table: MessageTable,
  slot: number,
  ref: PartitionRef,
): boolean => {
  const priority = table.int(slot, L.PRIORITY)
  if (priority < (filter.priorityMin ?? priority) || priority > (filter.priorityMax ?? priority)) return false
  if (!isWithin(table.double(slot, L.ENQUEUED_AT), filter.enqueuedFrom, filter.enqueuedTo)) return false
  const failureNumber = table.int(slot, L.FAILURE_TYPE)
  const failureType = failureNumber === 0 ? undefined : table.failureTypes.name(failureNumber)
  if (filter.failureType !== undefined && failureType !== filter.failureType) return false
  if (isAboutDeaths(filter)) {
    if (table.int(slot, L.TAG) !== L.TAG_DEAD) return false
    if (filter.kind !== undefined && kindOf(failureType) !== filter.kind) return false
    if (!isWithin(table.double(slot, L.DUE_AT), filter.deadFrom, filter.deadTo)) return false
  }
  const { wishes, callerId } = table.cold(slot)
  for (const name of FILTER_TEXTS) {
    if (filter[name] !== undefined && wishes[name] !== filter[name]) return false
  }
  if (filter.idPrefix === undefined) return true
  const id = callerId ?? generatedIdPrefix(ref) + table.double(slot, L.ORDINAL).toString(36)
  return id.startsWith(filter.idPrefix)
}
