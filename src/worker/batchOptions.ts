// What `processBatch` may be asked for (B6), wherever the worker runs.
import { BATCH_SIZE_MAX } from '../../domain/batching/batchSize.js'
import { DURATION_MS_MAX } from '../../domain/queue/index.js'
import type { BatchOptions } from '../api/types/batches.js'

const CONCURRENCY_MAX = 1_000

/** @throws RangeError for what is not accepted */
export const checkBatchOptions = (options: BatchOptions): void => {
  const whole = (name: string, value: number | undefined, from: number, to: number): void => {
    if (value === undefined || (Number.isInteger(value) && value >= from && value <= to)) return
    throw new RangeError(`${name}: accepted is a whole number from ${from} to ${to}`)
  }
  whole('concurrency', options.concurrency, 1, CONCURRENCY_MAX)
  whole('maxBatchSize', options.maxBatchSize, 1, BATCH_SIZE_MAX)
  whole('batchTimeoutMs', options.batchTimeoutMs, 0, DURATION_MS_MAX)
  if (options.dynamic !== undefined)
    whole('dynamic.targetMs', options.dynamic.targetMs ?? Number.NaN, 1, DURATION_MS_MAX)
}
