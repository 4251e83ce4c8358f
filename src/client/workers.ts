// Workers of a queue behind HTTP: they run in this process, and claim and settle over the wire.
import type * as t from 'io-ts'
import type { QueueView, WorkerLifecycle, WorkerOperations } from '../api/types/index.js'
import { throughSandboxes, withSandboxes } from '../sandbox/sandboxedWorker.js'
import { checkProcessOptions } from '../worker/processOptions.js'
import { processOneRemotely } from './remoteProcessOne.js'
import { RemoteWorker, type RemoteWorkerDeps } from './remoteWorker.js'
import type { Transport } from './transport.js'

export type WorkerHostDeps = Readonly<{
  worker: Pick<RemoteWorkerDeps, 'clock' | 'uniqueId'>
  nextWorkerName: (queue: string) => string
  started: (worker: WorkerLifecycle) => void
  ended: (worker: WorkerLifecycle) => void
}>

export const workerCalls = <A>(
  deps: WorkerHostDeps,
  queue: Readonly<{ name: string; path: string; call: Transport['call'] }> &
    Pick<RemoteWorkerDeps, 'claim' | 'settle'>,
  codec: t.Type<A, unknown> | undefined,
): WorkerOperations<A> => {
  const { name, path, call, claim, settle } = queue
  const workerDeps = (workerName: string | undefined): RemoteWorkerDeps => ({
    ...deps.worker,
    claim,
    settle,
    queue: name,
    name: workerName ?? deps.nextWorkerName(name),
    concurrency: async () => ((await call('GET', path)) as QueueView).config.concurrency,
    setZoneHealth: async (zone, healthy, why) => {
      // What an operator has forced stays as it is.
      const body = { by: { who: 'processor health', why }, ownOnly: true }
      const verb = healthy ? 'auto' : 'open'
      await call('POST', `${path}/circuits/${encodeURIComponent(zone)}:${verb}`, { body })
    },
  })
  return {
    process: (handlers, options = {}) => {
      const worker = withSandboxes(
        handlers,
        checkProcessOptions('process', options),
        (asked) => new RemoteWorker<A>(workerDeps(asked.name), handlers, codec, asked),
      )
      deps.started(worker)
      return worker
    },
    processOne: async (handlers, options = {}) => {
      checkProcessOptions('processOne', options)
      const { started, ended } = deps
      return throughSandboxes(handlers, () =>
        processOneRemotely({ ...workerDeps(options.name), started, ended }, handlers, codec, options),
      )
    },
  }
}
