// Batch handlers for a queue behind HTTP (B6): the same worker as in process, fed by long polls.
import type * as t from 'io-ts'
import type { BatchOperations } from '../api/types/index.js'
import { BatchWorker } from '../worker/batchWorker.js'
import { checkProcessOptions, reporterOf } from '../worker/processOptions.js'
import { type RemoteBatchDeps, RemoteBatchSource } from './remoteBatchSource.js'
import type { WorkerHostDeps } from './workers.js'

export const batchCalls = <A>(
  deps: WorkerHostDeps,
  queue: Readonly<{ name: string }> & Pick<RemoteBatchDeps<A>, 'claim' | 'settle' | 'view'>,
  codec: t.Type<A, unknown> | undefined,
): BatchOperations<A> => ({
  processBatch: (handler, options = {}) => {
    checkProcessOptions('processBatch', options)
    const { name: queueName, ...calls } = queue
    const name = options.name ?? deps.nextWorkerName(queueName)
    const report = reporterOf(options)
    const source = new RemoteBatchSource<A>({ ...deps.worker, ...calls, name, codec, report })
    const worker = new BatchWorker(name, queueName, deps.worker.clock, source, handler, options)
    deps.started(worker)
    return worker
  },
})
