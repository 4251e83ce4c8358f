// Whom the nodes can reach, apart from who lives: a node may read and write the log and still be cut off from the others, one way or
// both. Each says in its signs of life whom it cannot reach; what follows from that is decided here, the same by whoever looks.
import { taskOfUnit } from './membership.js'

/** The way from this node to another, as the answers to its own calls tell. */
export type Link = Readonly<{
  /** Looked at without an answer for so long. */
  silentMs: number
  /** Not silent for so long. */
  steadyMs: number
  /** It was silent, and has not been steady since. */
  isUnsteady: boolean
}>

export type LinkTimes = Readonly<{ lostAfterMs: number; steadyAfterMs: number }>

/** Whoever has just joined may not listen yet, and is not missed for a while. */
export const newLink = ({ steadyAfterMs }: LinkTimes): Link => ({
  silentMs: -steadyAfterMs,
  steadyMs: 0,
  isUnsteady: false,
})

/** After a look at it, `ms` after the last one. */
export const lookedAt = (link: Link, answered: boolean, ms: number, times: LinkTimes): Link => {
  const silentMs = answered ? 0 : link.silentMs + ms
  const isOver = silentMs >= times.lostAfterMs
  const steadyMs = isOver ? 0 : link.steadyMs + ms
  const isUnsteady = isOver || (link.isUnsteady && steadyMs < times.steadyAfterMs)
  return { silentMs, steadyMs, isUnsteady }
}

/** No call gets through now. */
export const isSilent = ({ silentMs }: Link, { lostAfterMs }: LinkTimes): boolean => silentMs >= lostAfterMs

/** What each of the living says of whom. */
export type Said = ReadonlyMap<string, ReadonlySet<string>>

type Placement = Readonly<{
  /** More than half of the others cannot reach them: requests for their queues get nowhere. */
  secluded: ReadonlySet<string>
  /** They cannot reach more than half of the others: what they do for all gets nowhere. */
  blind: ReadonlySet<string>
}>

/** Nodes that some units are better not with: `now` they leave, and `lately` they are given nothing new, or they would go back and forth. */
export type Apart = Readonly<{ now: Placement; lately: Placement }>

const NOBODY: Placement = { secluded: new Set(), blind: new Set() }
export const NOBODY_APART: Apart = { now: NOBODY, lately: NOBODY }

/** One alone is not believed, except where there are only two. What is true of all is no reason to move anything. */
const placementOf = (live: ReadonlySet<string>, said: Said): Placement => {
  const cannotReach = (from: string, to: string): boolean => from !== to && said.get(from)?.has(to) === true
  const mostOf = (isSo: (other: string) => boolean): boolean =>
    2 * [...live].filter(isSo).length > live.size - 1
  const unlessAll = (nodes: ReadonlyArray<string>): ReadonlySet<string> =>
    new Set(nodes.length === live.size ? [] : nodes)
  const nodes = [...live]
  return {
    secluded: unlessAll(nodes.filter((node) => mostOf((other) => cannotReach(other, node)))),
    blind: unlessAll(nodes.filter((node) => mostOf((other) => cannotReach(node, other)))),
  }
}

/** `unreached`: to whom no call gets through; `unsteady`: of them those, too, to whom calls get through again, but not for long. */
export const apartOf = (live: ReadonlySet<string>, unreached: Said, unsteady: Said): Apart => ({
  now: placementOf(live, unreached),
  lately: placementOf(live, unsteady),
})

/** A queue belongs where others can reach it, a task where it can reach others. */
const isIn = ({ secluded, blind }: Placement, unit: string, node: string): boolean =>
  (taskOfUnit(unit) === undefined ? secluded : blind).has(node)

export const isMisplaced = ({ now }: Apart, unit: string, node: string): boolean => isIn(now, unit, node)

/** It may be given more. */
export const isSteady = ({ now, lately }: Apart, unit: string, node: string): boolean =>
  !isIn(now, unit, node) && !isIn(lately, unit, node)
