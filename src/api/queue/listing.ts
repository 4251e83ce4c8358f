// Lists of messages (A8, C3): pages in one order over all partitions, of those that a filter means. A page looks at a bounded
// number of messages; when that is not enough to fill it, it is short and its cursor says where to go on.
import { isLeft } from 'fp-ts/lib/Either.js'
import {
  type LiveEntry,
  type PriorityPlace,
  SCAN_STEP,
  scanByPriority,
  scanLive,
} from '../../../projections/queries/liveScan.js'
import type { MessageFilter } from '../../../projections/queries/messageFilter.js'
import { messageFilter } from '../../door/selection.js'
import { errorOf, errorOfFailure } from '../refusals.js'
import type {
  DeadLetterOptions,
  DeadLetters,
  Listed,
  ListOptions,
  MessageCounts,
  MessageSelection,
} from '../types/index.js'
import { LIVE_STATES, ListingSource, type Row, type ScanBudget, type Seen } from './listingSource.js'
import { deadLetterOf } from './messageViews.js'
import { type ReadDeps, viewAt } from './queueReads.js'

export const LIST_LIMIT_MAX = 500
const LIST_LIMIT_DEFAULT = 50
/** Records of live messages that one page looks at, and finished ones, whose histories it has to read. */
const PAGE_SCAN: ScanBudget = { live: 100_000, finished: 1_000, scanned: 0 }
const CURSOR_CHARS_MAX = 16_384

type Page = Readonly<{
  seen: ReadonlyArray<Seen>
  cursor: string | undefined
  scanned: number
  position: number
}>

const invalid = (field: string, problem: string): Error => errorOf({ type: 'Invalid', field, problem })

export const checkedFilter = (selection: Parameters<typeof messageFilter>[0]): MessageFilter => {
  const filter = messageFilter(selection)
  if (isLeft(filter)) throw errorOf(filter.left)
  return filter.right
}

export const listMessages = async (deps: ReadDeps, options: ListOptions): Promise<Listed> => {
  const filter = checkedFilter(options)
  const limit = limitOf(options.limit)
  const { sort = 'newest', cursor } = options
  if (sort !== 'newest' && sort !== 'oldest' && sort !== 'priority')
    throw invalid('sort', 'accepted is one of newest, oldest, priority')
  const page =
    sort === 'priority'
      ? await pageByPriority(deps, filter, cursor, limit)
      : await pageByTime(deps, filter, sort, cursor, limit)
  const { seen, ...rest } = page
  return { messages: seen.map(({ view }) => view), ...rest }
}

export const listDeadLetters = async (deps: ReadDeps, options: DeadLetterOptions): Promise<DeadLetters> => {
  const filter: MessageFilter = { ...checkedFilter(options), states: ['dead-lettered'] }
  const page = await pageByTime(deps, filter, 'newest', options.cursor, limitOf(options.limit))
  const { seen, ...rest } = page
  return { messages: seen.map(({ view, history }) => deadLetterOf(view, history)), ...rest }
}

const limitOf = (limit: number | undefined): number => {
  if (limit === undefined) return LIST_LIMIT_DEFAULT
  if (Number.isInteger(limit) && limit >= 1 && limit <= LIST_LIMIT_MAX) return limit
  throw invalid('limit', `accepted is a whole number from 1 to ${LIST_LIMIT_MAX}`)
}

const noCursor = (): Error =>
  invalid('cursor', 'accepted is a cursor of an earlier answer to the same question')

/** `n.` or `o.`, then for each partition the ordinal to go on at: none = its beginning, `-` = nothing more. */
const placesOf = (
  cursor: string | undefined,
  letter: string,
  partitions: number,
): ReadonlyArray<number | 'done' | undefined> => {
  if (cursor === undefined) return new Array<undefined>(partitions).fill(undefined)
  const [first, ...texts] = cursor.length > CURSOR_CHARS_MAX ? [] : cursor.split('.')
  if (first !== letter || texts.length === 0 || texts.length > partitions) throw noCursor()
  // Opened by a resize since: what they hold came later than anything that is still to be listed newest first.
  const opened = Array.from({ length: partitions - texts.length }, () => (letter === 'n' ? '-' : ''))
  return [...texts, ...opened].map((text) => {
    if (text === '-') return 'done'
    if (text === '') return undefined
    if (!/^[0-9a-z]{1,11}$/.test(text)) throw noCursor()
    return Number.parseInt(text, 36)
  })
}

export const pageByTime = async (
  deps: ReadDeps,
  filter: MessageFilter,
  sort: 'newest' | 'oldest',
  cursor: string | undefined,
  limit: number,
): Promise<Page> => {
  const { partitions } = deps.engine
  const step = sort === 'newest' ? -1 : 1
  const letter = sort === 'newest' ? 'n' : 'o'
  const places = placesOf(cursor, letter, partitions.length)
  const sources = places.map((place, partition) => {
    const source = new ListingSource(deps, partition, filter, step, place === 'done' ? undefined : place)
    source.isDone = place === 'done'
    return source
  })
  const budget = { ...PAGE_SCAN }
  const want = Math.ceil(limit / partitions.length) + 1
  const rows: Row[] = []
  while (rows.length < limit) {
    const next = await nextSource(sources, step, want, budget)
    const row = next?.rows.shift()
    if (row === undefined) break
    rows.push(row)
  }
  const seen: Seen[] = []
  for (const row of rows) {
    const one = row.seen ?? (await viewAt(deps, row))
    if (one !== undefined) seen.push(one)
  }
  const isMore = sources.some((source) => !source.isDone || source.rows.length > 0)
  const texts = sources.map((source) =>
    source.isDone && source.rows.length === 0 ? '-' : (source.next?.toString(36) ?? ''),
  )
  return {
    seen,
    cursor: isMore ? [letter, ...texts].join('.') : undefined,
    scanned: budget.scanned,
    position: Math.max(-1, ...sources.map(({ position }) => position)),
  }
}

/** The one whose first row comes next; undefined = none has any, or not all of them could be asked. */
const nextSource = async (
  sources: ReadonlyArray<ListingSource>,
  step: 1 | -1,
  want: number,
  budget: ScanBudget,
): Promise<ListingSource | undefined> => {
  let best: ListingSource | undefined
  for (const source of sources) {
    if (!(await source.fill(want, budget))) return undefined
    const [row] = source.rows
    const [bestRow] = best?.rows ?? []
    if (row === undefined) continue
    if (bestRow === undefined || step * (row.enqueuedAt - bestRow.enqueuedAt) < 0) best = source
  }
  return best
}

const PRIORITY_CURSOR = /^p\.(-?\d{1,4})\.([0-9a-z]{1,11})\.(\d{1,5})\.([0-9a-z]{1,11})$/

const priorityCursor = ({ priority, enqueuedAt, partition, ordinal }: PriorityPlace): string =>
  `p.${priority}.${enqueuedAt.toString(36)}.${partition}.${ordinal.toString(36)}`

/** Needs all of them: the first by priority may be any. */
const pageByPriority = async (
  deps: ReadDeps,
  filter: MessageFilter,
  cursor: string | undefined,
  limit: number,
): Promise<Page> => {
  if (filter.states?.some((state) => !LIVE_STATES.includes(state)) === true)
    throw invalid('sort', 'by priority only messages can be sorted that have not finished')
  const [, priority, enqueuedAt = '', partition, ordinal = ''] = PRIORITY_CURSOR.exec(cursor ?? '') ?? []
  if (cursor !== undefined && priority === undefined) throw noCursor()
  const after: PriorityPlace | undefined =
    cursor === undefined
      ? undefined
      : {
          priority: Number(priority),
          enqueuedAt: Number.parseInt(enqueuedAt, 36),
          partition: Number(partition),
          ordinal: Number.parseInt(ordinal, 36),
        }
  const kept: LiveEntry[] = []
  let scanned = 0
  let position = -1
  let lastAt = 0
  for (const { ref } of deps.engine.partitions) {
    for (let slot: number | undefined = 0; slot !== undefined; ) {
      const from: number = slot
      const seen = await deps.engine.look(ref.partition, (state, at) => ({
        at,
        ...scanByPriority(state, { ref, filter, at, limit, after }, from, kept),
      }))
      if (isLeft(seen)) throw errorOfFailure(seen.left)
      lastAt = Math.max(lastAt, seen.right.value.at)
      slot = seen.right.value.nextSlot
      scanned += seen.right.value.scanned
      position = Math.max(position, seen.right.position)
    }
  }
  const seen: Seen[] = []
  for (const entry of kept) {
    const { ref } = deps.engine.partition(entry.partition)
    const one = await viewAt(deps, { ...entry, ref, at: lastAt, position })
    if (one !== undefined) seen.push(one)
  }
  const last = kept.length < limit ? undefined : kept[kept.length - 1]
  return { seen, cursor: last === undefined ? undefined : priorityCursor(last), scanned, position }
}

/** Of messages that have not finished, in short looks. */
export const countMessages = async (deps: ReadDeps, selection: MessageSelection): Promise<MessageCounts> => {
  const filter = checkedFilter(selection)
  if (filter.states?.some((state) => !LIVE_STATES.includes(state)) === true)
    throw invalid('state', `counted are messages that have not finished: ${LIVE_STATES.join(', ')}`)
  const counts: Record<string, number> = Object.fromEntries(LIVE_STATES.map((state) => [state, 0]))
  let total = 0
  let position = -1
  for (const { ref } of deps.engine.partitions) {
    for (let place: number | undefined = 1; place !== undefined; ) {
      const from: number = place
      const seen = await deps.engine.look(ref.partition, (state, at) =>
        scanLive(state, { ref, filter, at, from, step: 1, limit: SCAN_STEP, scanMax: SCAN_STEP }),
      )
      if (isLeft(seen)) throw errorOfFailure(seen.left)
      for (const { state } of seen.right.value.found) counts[state] = (counts[state] ?? 0) + 1
      total += seen.right.value.found.length
      place = seen.right.value.next
      position = Math.max(position, seen.right.position)
    }
  }
  return { ...(counts as Omit<MessageCounts, 'total' | 'position'>), total, position }
}
