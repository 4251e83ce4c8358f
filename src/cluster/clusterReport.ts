// The cluster as one of its nodes sees it: who is there, who lives, who owns what and since when.
import { type ClusterState, unitsOf } from '../../domain/cluster/index.js'

export type NodeReport = Readonly<{
  node: string
  address: string
  version: string
  level: number
  isLive: boolean
  /** Since its last sign of life was seen. */
  silentMs: number
  /** Nodes that live and cannot reach it. */
  unreachedBy: ReadonlyArray<string>
  /** Says who died and who owns what. */
  isLeader: boolean
  units: number
}>

export type UnitReport = Readonly<{
  /** `queue/<name>` or `task/<name>`. */
  unit: string
  /** Undefined = nobody owns it now. */
  node: string | undefined
  tenureMs: number
  /** Nodes that cannot lead it, with their reasons. */
  declined?: Readonly<Record<string, string>>
}>

export type ClusterReport = Readonly<{
  /** Whose view this is. */
  node: string
  /** The events that may be written; all members understand them. */
  level: number
  nodes: ReadonlyArray<NodeReport>
  units: ReadonlyArray<UnitReport>
}>

type View = Readonly<{
  node: string
  live: ReadonlySet<string>
  leader: string | undefined
  silentMs: (node: string) => number
  unreachedBy: (node: string) => ReadonlyArray<string>
  tenureMs: (unit: string) => number
}>

export const clusterReport = (state: ClusterState, view: View): ClusterReport => {
  const nodeOf = new Map([...state.members.values()].map(({ node, incarnation }) => [incarnation, node]))
  const units = [...new Set([...state.assignments.keys(), ...state.declined.keys()])].sort()
  return {
    node: view.node,
    level: state.level,
    nodes: [...state.members.values()].map((member) => {
      const { node, address, version, level } = member
      return {
        node,
        address,
        version,
        level,
        isLive: view.live.has(node),
        silentMs: view.silentMs(node),
        unreachedBy: view.unreachedBy(node),
        isLeader: view.leader === node,
        units: unitsOf(state, member).length,
      }
    }),
    units: units.map((unit) => {
      const declined = state.declined.get(unit)
      return {
        unit,
        node: state.assignments.get(unit)?.node,
        tenureMs: view.tenureMs(unit),
        ...(declined === undefined
          ? {}
          : {
              declined: Object.fromEntries(
                [...declined].map(([incarnation, reason]) => [
                  nodeOf.get(incarnation) ?? incarnation,
                  reason,
                ]),
              ),
            }),
      }
    }),
  }
}
