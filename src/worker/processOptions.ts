// What `process()` may be asked for, wherever the worker runs: the number of slots, and how errors get their failure type.
import { classify, composeClassifiers, type FailureType } from '../../domain/failure/index.js'
import { isFields } from '../../domain/storedFields.js'
import { unknownOption } from '../api/acceptedOptions.js'
import type {
  BatchOptions,
  ProcessOneOptions,
  ProcessOptions,
  Worker,
  WorkerLifecycle,
} from '../api/types/index.js'
import { errorFrom, tell } from '../runtime/tell.js'

const WORKER_NAME = /^[\x21-\x7e]{1,128}$/

/** @throws RangeError outside 1 to `concurrencyMax`. */
export const checkConcurrency = (concurrency: number | undefined, concurrencyMax: number): void => {
  if (concurrency === undefined) return
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > concurrencyMax) {
    throw new RangeError(`concurrency: accepted is a whole number from 1 to ${concurrencyMax}`)
  }
}

type Names<O> = Readonly<Record<keyof O, true>>
const LISTENERS = { name: true, classify: true, onError: true } as const
const ONE: Names<ProcessOneOptions<unknown>> = {
  ...LISTENERS,
  reconcile: true,
  onFailure: true,
  processors: true,
  whenNone: true,
  onHealth: true,
  id: true,
}
const { id: _id, ...SHARED } = ONE
const MANY: Names<ProcessOptions> = { ...SHARED, concurrency: true, autoStart: true }
const BATCHES: Names<BatchOptions> = {
  ...LISTENERS,
  autoStart: true,
  concurrency: true,
  maxBatchSize: true,
  batchTimeoutMs: true,
  dynamic: true,
}
const KNOWN = { process: MANY, processOne: ONE, processBatch: BATCHES } as const
const FUNCTIONS = ['classify', 'reconcile'] as const

/** Of each kind of worker, wherever it runs. @throws RangeError for what is unknown, or of another type */
export const checkProcessOptions = <O extends object>(kind: keyof typeof KNOWN, options: O): O => {
  if (!isFields(options)) throw new RangeError(`${kind}: accepted as options is an object`)
  const unknown = unknownOption(options, Object.keys(KNOWN[kind]))
  if (unknown !== undefined) throw new RangeError(`${unknown.field}: ${unknown.problem}`)
  const { whenNone, onFailure, autoStart } = options as Readonly<Record<string, unknown>>
  if (whenNone !== undefined && whenNone !== 'systemError' && whenNone !== 'release')
    throw new RangeError('whenNone: accepted are systemError and release')
  for (const field of FUNCTIONS) {
    const value = options[field]
    if (value !== undefined && typeof value !== 'function')
      throw new RangeError(`${field}: accepted is a function`)
  }
  if (onFailure !== undefined && !isFields(onFailure))
    throw new RangeError('onFailure: accepted is an object of functions by failure type')
  if (autoStart !== undefined && typeof autoStart !== 'boolean')
    throw new RangeError('autoStart: accepted are true and false')
  return options
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
