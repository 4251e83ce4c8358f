// Membership and assignment: the only import path from outside.
export { claimUnit, decline, giveAway, handOver, join, lead, leave, misplaced } from './decide.js'
export type { ClusterEvent } from './events.js'
export {
  type ClusterState,
  EMPTY_CLUSTER,
  foldCluster,
  isMember,
  leaderOf,
  levelOf,
  type Member,
  ownerOf,
  queueOfUnit,
  queueUnit,
  type Run,
  taskOfUnit,
  taskUnit,
  unitsOf,
} from './membership.js'
export {
  type Apart,
  apartOf,
  isSilent,
  type Link,
  type LinkTimes,
  lookedAt,
  newLink,
  type Said,
} from './reach.js'
