// Who is in the cluster and who owns what: the fold of the cluster stream. An assignment names the incarnation it was given to, so that
// whoever was expired, has left or was replaced owns nothing, whatever it believes.
import type { ClusterEvent, NodeJoined } from './events.js'

export type Member = Readonly<Omit<NodeJoined, 'type'>> &
  Readonly<{
    /** Rises with each join: the lowest of the living leads. */
    joined: number
  }>

export type Assignment = Readonly<{
  node: string
  incarnation: string
  /** Rises with each assignment in the cluster: two of one unit are told apart by it. */
  term: number
}>

export type ClusterState = Readonly<{
  members: ReadonlyMap<string, Member>
  /** By unit. */
  assignments: ReadonlyMap<string, Assignment>
  /** By unit: the incarnations that cannot lead it, with their reasons. */
  declined: ReadonlyMap<string, ReadonlyMap<string, string>>
  level: number
  /** Events folded. */
  term: number
}>

export const EMPTY_CLUSTER: ClusterState = {
  members: new Map(),
  assignments: new Map(),
  declined: new Map(),
  level: 0,
  term: 0,
}

const QUEUE = 'queue/'
const TASK = 'task/'
export const queueUnit = (queue: string): string => QUEUE + queue
export const taskUnit = (task: string): string => TASK + task
/** Undefined for a task. */
export const queueOfUnit = (unit: string): string | undefined =>
  unit.startsWith(QUEUE) ? unit.slice(QUEUE.length) : undefined
export const taskOfUnit = (unit: string): string | undefined =>
  unit.startsWith(TASK) ? unit.slice(TASK.length) : undefined

type Draft = {
  members: Map<string, Member>
  assignments: Map<string, Assignment>
  declined: Map<string, Map<string, string>>
  level: number
  term: number
}

/** Copied once per call, not once per event. */
export const foldCluster = (
  { members, assignments, declined, level, term }: ClusterState,
  events: ReadonlyArray<ClusterEvent>,
): ClusterState => {
  const draft: Draft = {
    members: new Map(members),
    assignments: new Map(assignments),
    declined: new Map([...declined].map(([unit, reasons]) => [unit, new Map(reasons)])),
    level,
    term,
  }
  for (const event of events) apply(draft, event)
  return draft
}

const apply = (draft: Draft, event: ClusterEvent): void => {
  draft.term += 1
  switch (event.type) {
    case 'NodeJoined': {
      const { type: _type, ...member } = event
      const known = draft.members.get(event.node)
      // What the run before owned is free; a member that only says its address again keeps its place and what it owns.
      const isSameRun = known?.incarnation === event.incarnation
      if (!isSameRun) remove(draft, event.node)
      draft.members.set(event.node, { ...member, joined: isSameRun ? known.joined : draft.term })
      return
    }
    case 'NodeLeft':
    case 'NodeExpired':
      if (draft.members.get(event.node)?.incarnation === event.incarnation) remove(draft, event.node)
      return
    case 'UnitAssigned': {
      const { unit, node, incarnation } = event
      draft.assignments.set(unit, { node, incarnation, term: draft.term })
      return
    }
    case 'UnitDeclined': {
      const { unit, incarnation, reason } = event
      if (draft.assignments.get(unit)?.incarnation === incarnation) draft.assignments.delete(unit)
      const reasons = draft.declined.get(unit) ?? new Map<string, string>()
      draft.declined.set(unit, reasons.set(incarnation, reason))
      return
    }
    case 'UnitReleased':
      draft.assignments.delete(event.unit)
      draft.declined.delete(event.unit)
      return
    case 'LevelRaised':
      draft.level = Math.max(draft.level, event.level)
  }
}

const remove = (draft: Draft, node: string): void => {
  const incarnation = draft.members.get(node)?.incarnation
  draft.members.delete(node)
  for (const [unit, assignment] of draft.assignments)
    if (assignment.node === node) draft.assignments.delete(unit)
  if (incarnation === undefined) return
  for (const [unit, reasons] of draft.declined) {
    reasons.delete(incarnation)
    if (reasons.size === 0) draft.declined.delete(unit)
  }
}

/** The member that owns the unit. */
export const ownerOf = (state: ClusterState, unit: string): Member | undefined => {
  const assignment = state.assignments.get(unit)
  if (assignment === undefined) return undefined
  const member = state.members.get(assignment.node)
  return member?.incarnation === assignment.incarnation ? member : undefined
}

export const unitsOf = (state: ClusterState, { node, incarnation }: Run): ReadonlyArray<string> =>
  [...state.assignments]
    .filter(([, owner]) => owner.node === node && owner.incarnation === incarnation)
    .map(([unit]) => unit)

/** One run of one node. */
export type Run = Readonly<{ node: string; incarnation: string }>

export const isMember = (state: ClusterState, { node, incarnation }: Run): boolean =>
  state.members.get(node)?.incarnation === incarnation

/** What all members understand. */
export const levelOf = ({ members }: ClusterState): number =>
  members.size === 0 ? 0 : Math.min(...[...members.values()].map(({ level }) => level))

/** The oldest of those that live. */
export const leaderOf = (state: ClusterState, live: ReadonlySet<string>): Member | undefined => {
  let leader: Member | undefined
  for (const member of state.members.values())
    if (live.has(member.node) && (leader === undefined || member.joined < leader.joined)) leader = member
  return leader
}
