// What a node says to the cluster stream, given what the stream says so far. Every decision may be made by any node: the expected
// revision lets one of them through, and whoever lost decides again on what stands there then. That one node leads only keeps the
// others from deciding the same at the same time.
import { type Either, left, right } from 'fp-ts/lib/Either.js'
import type { ClusterEvent } from './events.js'
import {
  type ClusterState,
  foldCluster,
  isMember,
  leaderOf,
  levelOf,
  type Member,
  ownerOf,
  type Run,
  unitsOf,
} from './membership.js'
import { type Apart, isMisplaced, isSteady, NOBODY_APART } from './reach.js'

type Events = ReadonlyArray<ClusterEvent>

export type JoinRefusal = Readonly<{ type: 'LevelTooLow'; level: number; needed: number }>

/** Refused for a program that does not understand what the members may already have written (R65). */
export const join = (state: ClusterState, self: Omit<Member, 'joined'>): Either<JoinRefusal, Events> => {
  if (self.level < state.level) return left({ type: 'LevelTooLow', level: self.level, needed: state.level })
  const known = state.members.get(self.node)
  const isKnown =
    known !== undefined &&
    known.incarnation === self.incarnation &&
    known.address === self.address &&
    known.version === self.version &&
    known.level === self.level
  return right(isKnown ? [] : [{ type: 'NodeJoined', ...self }])
}

/** Goodbye: what the node owned goes to the others in the same breath. */
export const leave = (
  state: ClusterState,
  self: Run,
  live: ReadonlySet<string>,
  apart: Apart = NOBODY_APART,
): Events => {
  if (!isMember(state, self)) return []
  const left: ClusterEvent = { type: 'NodeLeft', node: self.node, incarnation: self.incarnation }
  const without = foldCluster(state, [left])
  return [left, ...assignments(without, unitsOf(state, self), othersThan(self, live), apart)]
}

export type LeadersView = Readonly<{
  self: Run
  /** Members of which something was heard lately. */
  live: ReadonlySet<string>
  apart?: Apart
  /** All there are. */
  units: ReadonlySet<string>
  /** Assigned long enough ago to be missed if there is no such thing. */
  settled: (unit: string) => boolean
  /** Nobody older was a member for long enough: one that is only started again has had the time to come back. */
  isLevelSettled: boolean
}>

/** Nothing for everybody but the oldest of the living: who died, what they leave, what is new, what is gone, what all understand. */
export const lead = (
  state: ClusterState,
  { self, live, apart = NOBODY_APART, units, settled, isLevelSettled }: LeadersView,
): Events => {
  const leader = leaderOf(state, live)
  if (leader?.node !== self.node || leader.incarnation !== self.incarnation) return []
  const events: ClusterEvent[] = []
  for (const { node, incarnation } of state.members.values())
    if (!live.has(node)) events.push({ type: 'NodeExpired', node, incarnation, unheardBy: self.node })
  for (const unit of state.assignments.keys())
    if (!units.has(unit) && settled(unit)) events.push({ type: 'UnitReleased', unit })
  const now = foldCluster(state, events)
  const free = [...units].filter((unit) => ownerOf(now, unit) === undefined)
  const level = levelOf(now)
  // Where nothing has been written yet nobody older can have taken part.
  if (level > now.level && (now.level === 0 || isLevelSettled)) events.push({ type: 'LevelRaised', level })
  return [...events, ...assignments(now, free, live, apart)]
}

/** A unit that nobody owns yet, or any more; nothing where it has an owner. */
export const claimUnit = (
  state: ClusterState,
  unit: string,
  live: ReadonlySet<string>,
  apart: Apart = NOBODY_APART,
): Events => (ownerOf(state, unit) === undefined ? assignments(state, [unit], live, apart) : [])

/**
 * What a node with more than its share gives away next, and to whom; it has ended its work on it before it says so, so that nobody is
 * fenced. `movable`: those that it has owned for long enough.
 */
export const giveAway = (
  state: ClusterState,
  self: Run,
  live: ReadonlySet<string>,
  movable: (unit: string) => boolean,
  apart: Apart = NOBODY_APART,
): Readonly<{ unit: string; to: Member }> | undefined => {
  const own = unitsOf(state, self)
  const others = othersThan(self, live)
  for (const unit of [...own].sort()) {
    if (!movable(unit)) continue
    const steady = candidates(state, unit, others).filter(({ node }) => isSteady(apart, unit, node))
    const to = leastLoaded(steady, loadsOf(state))
    if (to !== undefined && own.length - (loadsOf(state).get(to.node) ?? 0) > 1) return { unit, to }
  }
  return undefined
}

/** What a node has and others would have with better luck: it gives them all of it, however short its tenure. */
export const misplaced = (
  state: ClusterState,
  self: Run,
  live: ReadonlySet<string>,
  apart: Apart,
): ReadonlyArray<string> => {
  const others = othersThan(self, live)
  return unitsOf(state, self).filter(
    (unit) =>
      isMisplaced(apart, unit, self.node) &&
      wellPlaced(apart, unit, candidates(state, unit, others)).length > 0,
  )
}

/** Nothing where the unit is not the node's own any more. */
export const handOver = (
  state: ClusterState,
  self: Run,
  unit: string,
  live: ReadonlySet<string>,
  apart: Apart = NOBODY_APART,
): Events => {
  const owner = ownerOf(state, unit)
  if (owner?.node !== self.node || owner.incarnation !== self.incarnation) return []
  return assignments(state, [unit], othersThan(self, live), apart)
}

export const decline = (state: ClusterState, self: Run, unit: string, reason: string): Events => {
  const owner = ownerOf(state, unit)
  if (owner?.node !== self.node || owner.incarnation !== self.incarnation) return []
  return [{ type: 'UnitDeclined', unit, node: self.node, incarnation: self.incarnation, reason }]
}

const othersThan = ({ node }: Run, live: ReadonlySet<string>): ReadonlySet<string> =>
  new Set([...live].filter((name) => name !== node))

const loadsOf = (state: ClusterState): Map<string, number> => {
  const loads = new Map<string, number>()
  for (const unit of state.assignments.keys()) {
    const owner = ownerOf(state, unit)
    if (owner !== undefined) loads.set(owner.node, (loads.get(owner.node) ?? 0) + 1)
  }
  return loads
}

const candidates = (
  { members, declined }: ClusterState,
  unit: string,
  live: ReadonlySet<string>,
): ReadonlyArray<Member> =>
  [...members.values()].filter(
    ({ node, incarnation }) => live.has(node) && declined.get(unit)?.has(incarnation) !== true,
  )

/** Those who can be reached, and of them those who could lately, if there are any. */
const wellPlaced = (apart: Apart, unit: string, members: ReadonlyArray<Member>): ReadonlyArray<Member> => {
  const steady = members.filter(({ node }) => isSteady(apart, unit, node))
  return steady.length > 0 ? steady : members.filter(({ node }) => !isMisplaced(apart, unit, node))
}

/** Of equals the one whose name comes first, so that all decide alike. */
const leastLoaded = (
  members: ReadonlyArray<Member>,
  loads: ReadonlyMap<string, number>,
): Member | undefined => {
  const loadOf = ({ node }: Member): number => loads.get(node) ?? 0
  return [...members].sort((a, b) => loadOf(a) - loadOf(b) || (a.node < b.node ? -1 : 1))[0]
}

const assignments = (
  state: ClusterState,
  units: ReadonlyArray<string>,
  live: ReadonlySet<string>,
  apart: Apart,
): Events => {
  const loads = loadsOf(state)
  return [...units].sort().flatMap((unit): Events => {
    const able = candidates(state, unit, live)
    // Better with one that few can reach than with nobody.
    const to = leastLoaded(wellPlaced(apart, unit, able), loads) ?? leastLoaded(able, loads)
    if (to === undefined) return []
    loads.set(to.node, (loads.get(to.node) ?? 0) + 1)
    return [{ type: 'UnitAssigned', unit, node: to.node, incarnation: to.incarnation }]
  })
}
