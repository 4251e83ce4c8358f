// What `process()` may be asked for, wherever the worker runs: the number of slots, and how errors get their failure type.
import { classify, composeClassifiers, type FailureType } from '../../domain/failure/index.js'
import type { ProcessOptions, Worker, WorkerLifecycle } from '../api/types/index.js'
import { errorFrom, tell } from '../runtime/tell.js'

const WORKER_NAME = /^[\x21-\x7e]{1,128}$/

/** @throws RangeError outside 1 to `concurrencyMax`. */
export const checkConcurrency = (concurrency: number | undefined, concurrencyMax: number): void => {
  if (concurrency === undefined) return
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > concurrencyMax) {
    throw new RangeError(`concurrency: accepted is a whole number from 1 to ${concurrencyMax}`)
  }
}

/** It stands in the log with each attempt. @throws RangeError */
export const checkWorkerName = (name: unknown): void => {
  if (name === undefined || (typeof name === 'string' && WORKER_NAME.test(name))) return
  throw new RangeError('name: accepted are 1 to 128 printable ASCII characters without spaces')
}

/** The user's classifier first, where there is one. */
export const classifierOf = ({
  classify: users,
}: Pick<ProcessOptions, 'classify'>): ((error: unknown) => FailureType) =>
  users === undefined ? classify : composeClassifiers(users, classify)

/** A mistake in the user's listener must not reach whoever reports to it. */
export const reporterOf =
  ({ onError }: Pick<ProcessOptions, 'onError'>): ((error: unknown) => void) =>
  (error) =>
    tell(onError, errorFrom(error))

/** Of what a ledger has to stop, only these run single messages. */
export const isWorker = (worker: WorkerLifecycle): worker is Worker => 'addProcessor' in worker
