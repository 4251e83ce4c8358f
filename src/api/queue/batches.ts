// Batch handlers of a ledger in this process (B6): the worker and where its messages come from.
import type * as t from 'io-ts'
import type { QueueEngine } from '../../engine/queueEngine.js'
import type { Clock } from '../../ports/clock.js'
import { BatchWorker } from '../../worker/batchWorker.js'
import { LocalBatchSource } from '../../worker/localBatchSource.js'
import { reporterOf } from '../../worker/processOptions.js'
import type { Quarantine } from '../../worker/quarantine.js'
import type { BatchHandler, BatchOptions, BatchWorker as PublicBatchWorker } from '../types/batches.js'

export type StartBatchWorker = (
  engine: QueueEngine,
  handler: BatchHandler<never>,
  codec: unknown,
  options: BatchOptions,
) => PublicBatchWorker

/** @throws RangeError for an option that is not accepted */
export const localBatchWorker = (
  deps: Readonly<{ engine: QueueEngine; clock: Clock; quarantine: Quarantine; name: string }>,
  handler: BatchHandler<never>,
  codec: unknown,
  options: BatchOptions,
): PublicBatchWorker => {
  const { engine, clock, name } = deps
  const source = new LocalBatchSource<never>({
    ...deps,
    codec: codec as t.Type<never, unknown> | undefined,
    report: reporterOf(options),
  })
  return new BatchWorker(name, engine.name, clock, source, handler, options)
}
