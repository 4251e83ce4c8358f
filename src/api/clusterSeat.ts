// The ledger of one node takes its seat in the cluster: which log it may sit at, and what it does for the queues that it is given.
import type { Catalog } from '../../domain/queue/index.js'
import { ClusterNode, type ClusterNodeDeps } from '../cluster/clusterNode.js'
import { type ClusterOptions, clusterTimes, isNodeName, NODE_NAME_RULE } from '../cluster/options.js'
import { Peers, SECRET_CHARS_MIN } from '../cluster/peers.js'
import { LogFault } from '../engine/recovery.js'
import type { EventLog } from '../ports/eventLog.js'
import { errorOf } from './refusals.js'

/** Damage, or an event of a later version: another node may know it, this one will not come to. */
const cannotLead = (error: unknown): boolean => error instanceof LogFault && error.fault.type === 'LogCorrupt'

export type Seat = Readonly<{ log: EventLog; options: ClusterOptions }>

type SeatDeps = Pick<ClusterNodeDeps, 'clock' | 'ids' | 'work' | 'deliver' | 'onTrouble' | 'refreshQueues'> &
  Readonly<{ node: string; incarnation: string; catalog: () => Catalog }>

const present = (catalog: Catalog): ReadonlySet<string> =>
  new Set([...catalog.values()].filter(({ deleted }) => !deleted).map(({ queue }) => queue))

/** @throws RefusedError for a log that one process has for itself, a name or times that are not accepted */
export const takeSeat = ({ log, options }: Seat, deps: SeatDeps): ClusterNode => {
  const { node, incarnation, catalog, ...rest } = deps
  const { heartbeats } = log
  const invalid = (field: string, problem: string): Error => errorOf({ type: 'Invalid', field, problem })
  if (heartbeats === undefined)
    throw invalid('cluster', 'accepted is a log that several processes can share: EventStoreDB')
  if (!isNodeName(node)) throw invalid('node', `accepted are ${NODE_NAME_RULE}`)
  if (typeof options.secret !== 'string' || options.secret.length < SECRET_CHARS_MIN)
    throw invalid('cluster.secret', `accepted are at least ${SECRET_CHARS_MIN} characters`)
  const times = clusterTimes(options)
  const self = {
    node,
    incarnation,
    address: new URL(options.address).origin,
    version: options.version ?? 'unknown',
  }
  const queues = (): ReadonlySet<string> => present(catalog())
  const peers = new Peers(node, options.secret)
  const reaches: ClusterNodeDeps['reaches'] = (member) => peers.reaches(member, times.deadAfterMs)
  return new ClusterNode({ ...rest, log, heartbeats, self, times, peers, reaches, queues, cannotLead })
}
