// What `process()` may be asked for, wherever the worker runs: the number of slots, and how errors get their failure type.
import { classify, composeClassifiers, type FailureType } from '../../domain/failure/index.js'
import type { ProcessOptions } from '../api/types.js'

export const DEFAULT_CONCURRENCY = 10

/** @throws RangeError outside 1 to `concurrencyMax`. */
export const concurrencyOf = (
  { concurrency = DEFAULT_CONCURRENCY }: ProcessOptions,
  concurrencyMax: number,
): number => {
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > concurrencyMax) {
    throw new RangeError(`concurrency: accepted is a whole number from 1 to ${concurrencyMax}`)
  }
  return concurrency
}

/** The user's classifier first, where there is one. */
export const classifierOf = (options: ProcessOptions): ((error: unknown) => FailureType) =>
  options.classify === undefined ? classify : composeClassifiers(options.classify, classify)
