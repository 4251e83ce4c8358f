// Which partition a new message goes to (§4.1). Messages that belong together by a key have one home at a time: the oldest layout
// that holds something of theirs, else the active one (ADR 0013). Asked in that order, each partition decides for itself whether it
// holds it; one that drains and does not answers "not here", and never will. Who names no key goes round the active partitions.
import { isLeft } from 'fp-ts/lib/Either.js'
import { Defect } from '../../domain/invariant.js'
import type { Layout } from '../../domain/queue/index.js'
import type { LayoutsInUse } from './layoutsInUse.js'
import type { Failure, Reply } from './replies.js'
import type { Enqueued, NewMessage } from './requests.js'

export type RoutedQueue = Readonly<{
  layouts: LayoutsInUse
  /** In the active layout. */
  route: (message: NewMessage) => number
  enqueue: (
    partition: number,
    messages: ReadonlyArray<NewMessage>,
  ) => Promise<Reply<ReadonlyArray<Enqueued | undefined>>>
}>

/** By index; whatever one partition refuses of a call it refuses whole. */
export type Routed = Enqueued | Failure

export const isFailure = (routed: Routed): routed is Failure => 'kind' in routed

export const keyOf = ({ callerId, attributes }: NewMessage): string | undefined =>
  attributes?.group ?? attributes?.dedupKey ?? callerId ?? attributes?.idempotencyKey

/** Partitions of older layouts that are asked for the message before the active one is. */
export const olderHomesOf = ({ layouts }: RoutedQueue, message: NewMessage): ReadonlyArray<number> => {
  const key = keyOf(message)
  if (key === undefined) return []
  const older = layouts.inUse.slice(0, -1).filter((layout) => !layouts.isSpent(layout))
  return older.map((layout) => layouts.homeIn(layout, key))
}

type Call = { readonly places: number[]; readonly messages: NewMessage[] }

/**
 * All or nothing for what one partition is asked: what a partition refuses of its part, because of those that belong to it, goes to no
 * other. `homes` = by `route`, when they had to be known before.
 */
export const enqueueRouted = async (
  queue: RoutedQueue,
  messages: ReadonlyArray<NewMessage>,
  homes: ReadonlyArray<number> = messages.map(queue.route),
): Promise<ReadonlyArray<Routed>> => {
  const { layouts } = queue
  const routed = new Array<Routed>(messages.length)
  let open = messages.map((_, place) => place)
  for (let n = 0; open.length > 0; n++) {
    const failure = n < layouts.count ? undefined : await openMore(layouts, n)
    const layout = layouts.inUse[n]
    if (layout === undefined || failure !== undefined) {
      for (const place of open) routed[place] = failure ?? STILL_OPENING
      return routed
    }
    const isLast = n === layouts.count - 1
    if (!isLast && layouts.isSpent(layout)) continue
    const calls = new Map<number, Call>()
    const later: number[] = []
    for (const place of open) {
      const message = messages[place]
      if (message === undefined) continue
      const home = homeIn(queue, layout, isLast, message, homes[place] ?? -1)
      if (home === undefined) later.push(place)
      else addTo(calls, home, place, message)
    }
    open = later.concat(await askAll(queue, calls, routed))
    if (!isLast) open.sort((one, other) => one - other)
  }
  return routed
}

const STILL_OPENING: Failure = {
  kind: 'unavailable',
  reason: 'the new partitions of the queue are being opened',
}

/** The newest layout in use is drained from under us: there is a newer one. */
const openMore = async (layouts: LayoutsInUse, n: number): Promise<Failure | undefined> => {
  try {
    await layouts.advance()
  } catch (error) {
    // Whatever the log cannot do now: others of this call may be in it already, and are told so.
    if (error instanceof Defect) throw error
    return STILL_OPENING
  }
  return n < layouts.count ? undefined : STILL_OPENING
}

/** Who names no key has no home but in the newest layout. */
const homeIn = (
  { layouts, route }: RoutedQueue,
  layout: Layout,
  isLast: boolean,
  message: NewMessage,
  chosen: number,
): number | undefined => {
  if (chosen >= layout.first && chosen < layout.first + layout.partitions) return chosen
  const key = keyOf(message)
  if (key !== undefined) return layouts.homeIn(layout, key)
  return isLast ? route(message) : undefined
}

const addTo = (calls: Map<number, Call>, home: number, place: number, message: NewMessage): void => {
  const call = calls.get(home)
  if (call === undefined) calls.set(home, { places: [place], messages: [message] })
  else {
    call.places.push(place)
    call.messages.push(message)
  }
}

/** Answers the places of those that are not where they were looked for. */
const askAll = async (
  queue: RoutedQueue,
  calls: ReadonlyMap<number, Call>,
  routed: Routed[],
): Promise<number[]> => {
  const elsewhere: number[] = []
  await Promise.all(
    [...calls].map(async ([partition, { places, messages }]) => {
      const reply = await queue.enqueue(partition, messages)
      places.forEach((place, i) => {
        const one = isLeft(reply) ? reply.left : reply.right.value[i]
        if (one === undefined) elsewhere.push(place)
        else routed[place] = one
      })
    }),
  )
  return elsewhere
}
