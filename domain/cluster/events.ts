// What the cluster stream records: which nodes there are, who owns what, and what all of them understand. A unit is what is owned as a
// whole: `queue/<name>`, with its control stream, partitions and schedules, or `task/<name>`, work that one node does for all.

/** An incarnation is one run of a process: the same node comes back with another one. */
type OfNode = Readonly<{ node: string; incarnation: string }>

export type NodeJoined = OfNode &
  Readonly<{
    type: 'NodeJoined'
    /** Where the other nodes reach it. */
    address: string
    version: string
    /** Up to which level of the log's events it understands. */
    level: number
  }>
/** It said goodbye: what it owned is free. */
export type NodeLeft = OfNode & Readonly<{ type: 'NodeLeft' }>
/** Another one has not heard of it for too long. */
export type NodeExpired = OfNode & Readonly<{ type: 'NodeExpired'; unheardBy: string }>
export type UnitAssigned = OfNode & Readonly<{ type: 'UnitAssigned'; unit: string }>
/** The node cannot lead it: a fault of the log, or events that it does not know. It is not offered to this incarnation again. */
export type UnitDeclined = OfNode & Readonly<{ type: 'UnitDeclined'; unit: string; reason: string }>
/** There is no such queue or task any more. */
export type UnitReleased = Readonly<{ type: 'UnitReleased'; unit: string }>
/** All members understand this level: what is new in it may be written from now on, and an older program may not join. */
export type LevelRaised = Readonly<{ type: 'LevelRaised'; level: number }>

export type ClusterEvent =
  | NodeJoined
  | NodeLeft
  | NodeExpired
  | UnitAssigned
  | UnitDeclined
  | UnitReleased
  | LevelRaised
