// Policies written in code, and the presets of C2. A wrong number here is a mistake of the programmer, found when the
// program starts, so the constructors throw; policies that come from outside go through `fromJSON`.
import { isLeft } from 'fp-ts/lib/Either.js'
import {
  type CustomPolicy,
  describeRetryPolicyRefusal,
  type ExponentialPolicy,
  type FixedPolicy,
  fromJSON,
  type ProgressivePolicy,
  type RetryPolicy,
} from './policy.js'

export class RetryPolicyError extends RangeError {
  override readonly name = 'RetryPolicyError'
}

const checked = <P extends RetryPolicy>(written: Readonly<{ kind: P['kind'] }>): P => {
  const policy = fromJSON(written)
  if (isLeft(policy)) throw new RetryPolicyError(describeRetryPolicyRefusal(policy.left))
  return Object.freeze(policy.right) as P
}

/** Every field may be left out; see `DEFAULT_*` for what is then taken. */
export type FixedOptions = Partial<Omit<FixedPolicy, 'kind'>>
export type ExponentialOptions = Partial<Omit<ExponentialPolicy, 'kind'>>
export type ProgressiveOptions = Partial<Omit<ProgressivePolicy, 'kind'>>
/** The number of delays is the number of retries, so there is no `retriesMax` to give. */
export type CustomOptions = Pick<CustomPolicy, 'delaysMs'> &
  Partial<Pick<CustomPolicy, 'jitter' | 'budgetMs'>>

/** The same delay before every retry. @throws RetryPolicyError */
export const fixed = (options: FixedOptions = {}): FixedPolicy => checked({ ...options, kind: 'fixed' })

/** Delays that multiply by `factor`. @throws RetryPolicyError */
export const exponential = (options: ExponentialOptions = {}): ExponentialPolicy =>
  checked({ ...options, kind: 'exponential' })

/** Delays that grow by `stepMs`. @throws RetryPolicyError */
export const progressive = (options: ProgressiveOptions = {}): ProgressivePolicy =>
  checked({ ...options, kind: 'progressive' })

/** One listed delay per retry. @throws RetryPolicyError */
export const custom = (options: CustomOptions): CustomPolicy => checked({ ...options, kind: 'custom' })

/** 3 retries after 5, 10 and 20 s: what holds where nothing else does (A14). */
export const DEFAULT_RETRY_POLICY: RetryPolicy = exponential()

/**
 * Policies of earlier systems. Their "attempts" counted the tries that a delay precedes, as "as many attempts as
 * delays" for the custom list shows: they are our retries.
 */
export const RETRY_PRESETS = {
  /** 1, 2, 4, 8, 16 s; never above 60 s. */
  exponential: exponential({ baseMs: 1_000, factor: 2, minMs: 1_000, maxMs: 60_000, retriesMax: 5 }),
  /** Five times 5 s. */
  fixed: fixed({ retriesMax: 5 }),
  /** As many retries as delays. */
  custom: (delaysMs: ReadonlyArray<number>): CustomPolicy => custom({ delaysMs }),
  /** `2^n` seconds after the n-th failure: 2, 4, 8 s ..., never above 300 s. */
  powersOfTwo: exponential({ baseMs: 2_000, factor: 2, maxMs: 300_000 }),
} as const
