// What a ledger tells of the cluster that its process is a node of.
import type { ClusterNode } from '../../cluster/clusterNode.js'

export type { ClusterReport, NodeReport, UnitReport } from '../../cluster/clusterReport.js'

export type ClusterOperations = Readonly<{
  /** This process as a node; undefined outside of a cluster, and for a ledger behind HTTP. */
  cluster?: ClusterNode | undefined
}>
