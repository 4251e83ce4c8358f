// The ledger behind HTTP: the same interface as `openLedger`, against a server.
import { randomBytes } from 'node:crypto'
import { accepted } from '../api/acceptedOptions.js'
import { callbacksOn } from '../api/callbacks.js'
import type {
  ClusterReport,
  EventsPage,
  HistoryEntry,
  Ledger,
  LedgerStats,
  Queue,
  QueueOptions,
  QueueView,
  RecoveryReport,
  RelayStatus,
  WorkerLifecycle,
} from '../api/types/index.js'
import { processFolder } from '../handlers/processFolder.js'
import { systemClock } from '../runtime/systemClock.js'
import { isWorker } from '../worker/processOptions.js'
import { blobCalls } from './blobCalls.js'
import { lifecycleCalls } from './lifecycle.js'
import { queuePath, type RemoteDeps, remoteQueue } from './remoteQueue.js'
import { type ClientOptions, transport } from './transport.js'

export type { ClientOptions } from './transport.js'

export type RemoteLedger = Ledger &
  Readonly<{
    /** The handle of a queue that should be there: asks nothing, creates nothing; calls answer `queue_not_found`. */
    knownQueue: (name: string) => Queue<unknown>
    /** The nodes of the cluster and what they lead, as the node that answers sees it. `no_cluster` for a server on its own. */
    clusterReport: () => Promise<ClusterReport>
  }>

/**
 * Nothing is sent yet: a server that is not there is found by the first call, which rejects with UnavailableError.
 *
 * @throws RangeError when `url` is none
 */
export const connectLedger = (options: ClientOptions): RemoteLedger => {
  const connection = transport(options)
  const { call } = connection
  const workers = new Set<WorkerLifecycle>()
  let workerCount = 0
  // Names of workers of two processes must differ, or the log could not tell who held a lease.
  const incarnation = randomBytes(6).toString('base64url')
  const deps: RemoteDeps = {
    transport: connection,
    worker: { clock: systemClock, uniqueId: () => randomBytes(16).toString('base64url') },
    nextWorkerName: () => `remote:${incarnation}:${++workerCount}`,
    started: (worker) => {
      workers.add(worker)
    },
    ended: (worker) => {
      workers.delete(worker)
    },
  }
  const ledger: RemoteLedger = {
    queue: async <A>(name: string, queueOptions: QueueOptions<A> = {}) => {
      const { payload, ...settings } = accepted('options', queueOptions)
      await call('PUT', queuePath(name), { body: settings })
      return remoteQueue<A>(deps, name, payload)
    },
    ...lifecycleCalls(call, queuePath, (name, payload) => remoteQueue(deps, name, payload)),
    knownQueue: (name) => remoteQueue<unknown>(deps, name, undefined),
    clusterReport: async () => (await call('GET', '/api/v1/cluster')) as ClusterReport,
    queues: async () =>
      ((await call('GET', '/api/v1/queues')) as { queues: ReadonlyArray<QueueView> }).queues,
    deleteQueue: async (name, { evenIfNotEmpty, by } = {}) => {
      const query = {
        ...(evenIfNotEmpty === true ? { evenIfNotEmpty: 'true' } : {}),
        ...(by === undefined ? {} : { who: by.who, why: by.why }),
      }
      await call('DELETE', queuePath(name), { query })
    },
    history: async (id) => {
      const answer = await call('GET', `/api/v1/messages/${encodeURIComponent(id)}/history`)
      return (answer as { events: ReadonlyArray<HistoryEntry> }).events
    },
    events: async ({ from, limit } = {}) =>
      (await call('GET', '/api/v1/events', { query: { from, limit } })) as EventsPage,
    stats: async () => (await call('GET', '/api/v1/stats')) as LedgerStats,
    health: async () => (await call('GET', '/api/v1/health')) as Awaited<ReturnType<Ledger['health']>>,
    relay: async () => (await call('GET', '/api/v1/relay')) as RelayStatus,
    ...blobCalls(call),
    callbacks: callbacksOn((name) => ledger.queue(name)),
    close: async () => {
      await Promise.all([...workers].map((worker) => worker.stop()))
      workers.clear()
      connection.closeIdle()
    },
    processFolder: (directory, folderOptions) => processFolder(ledger, directory, folderOptions),
    workerStatuses: () => [...workers].flatMap((worker) => (isWorker(worker) ? [worker.status()] : [])),
    recovery: async () => (await call('GET', '/api/v1/recovery')) as RecoveryReport,
    recover: async () => (await call('POST', '/api/v1/recovery')) as RecoveryReport,
  }
  return ledger
}
