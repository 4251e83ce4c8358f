// Laws for what users write: their retry policies, classifiers, payload codecs and handlers. A law is a name and a check that
// throws with a counterexample, so that each becomes a test of any runner.
import { isDeepStrictEqual } from 'node:util'
import fc, { type Arbitrary, type Parameters } from 'fast-check'
import { isRight } from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import { type Classifier, isFailureType } from '../../../domain/failure/index.js'
import { acceptJson } from '../../../domain/payload/index.js'
import {
  decideRetry,
  delayCapMs,
  delayForAttempt,
  fromJSON,
  RETRIES_MAX,
  type RetryPolicy,
  toJSON,
} from '../../../domain/retry/index.js'
import { thrownValues } from './arbitraries.js'

export type Law = Readonly<{
  name: string
  /** Throws, or rejects, with the smallest counterexample that is found. */
  check: (parameters?: Parameters<unknown>) => void | Promise<void>
}>

const law = <A>(name: string, arbitrary: Arbitrary<A>, holds: (value: A) => boolean): Law => ({
  name,
  check: (parameters) =>
    fc.assert(
      fc.property(arbitrary, (value) => holds(value)),
      parameters as Parameters<[A]> | undefined,
    ),
})

/** All of them, one after the other. */
export const checkLaws = async (
  laws: ReadonlyArray<Law>,
  parameters?: Parameters<unknown>,
): Promise<void> => {
  for (const { name, check } of laws) {
    try {
      await check(parameters)
    } catch (error) {
      throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  }
}

const attempts = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: RETRIES_MAX + 1 }))
const chance = fc.oneof(
  fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  fc.constantFrom(0, 0.5, 1 - 2 ** -53),
)

/** How long a message is tried, from its first failure on, when each failure comes at once. */
const lastsMs = (policy: RetryPolicy, random: number): Readonly<{ ms: number; retries: number }> => {
  let at = 0
  let previousDelayMs = 0
  for (let attempt = 1; ; attempt += 1) {
    const decision = decideRetry(policy, { attempt, firstAt: 0, at, random, previousDelayMs })
    if (decision._tag === 'GiveUp') return { ms: at, retries: attempt - 1 }
    previousDelayMs = decision.delayMs
    at += decision.delayMs
  }
}

export type PolicyExpectations = Readonly<{
  /** It goes on trying for at least so long, whatever chance does: what is down for this time costs no message. */
  outlastsMs?: number
  /** It has given up after so long: nobody waits for longer. */
  endsWithinMs?: number
}>

const expectationLaws = (
  policy: Arbitrary<RetryPolicy>,
  { outlastsMs, endsWithinMs }: PolicyExpectations,
): ReadonlyArray<Law> => {
  const tried = fc.tuple(policy, chance)
  const laws: Law[] = []
  if (outlastsMs !== undefined) {
    const name = `it goes on trying for at least ${outlastsMs} ms`
    laws.push(law(name, tried, ([one, random]) => lastsMs(one, random).ms >= outlastsMs))
  }
  if (endsWithinMs !== undefined) {
    const name = `it has given up after ${endsWithinMs} ms`
    laws.push(law(name, tried, ([one, random]) => lastsMs(one, random).ms <= endsWithinMs))
  }
  return laws
}

/** Of a policy, or of every policy that an arbitrary makes (of a constructor of yours, say). */
export const retryPolicyLaws = (
  policy: RetryPolicy | Arbitrary<RetryPolicy>,
  expectations: PolicyExpectations = {},
): ReadonlyArray<Law> => {
  // Not by its class: a project may have two copies of fast-check.
  const policies = 'generate' in policy ? policy : fc.constant(policy)
  const tried = fc.tuple(policies, attempts, chance)
  return [
    law('it comes back from JSON as it was', policies, (one) => {
      const read = fromJSON(JSON.parse(JSON.stringify(toJSON(one))))
      return isRight(read) && isDeepStrictEqual(read.right, one)
    }),
    law('no delay is negative, or above its cap', tried, ([one, attempt, random]) => {
      const delayMs = delayForAttempt(one, attempt, random)
      return delayMs >= 0 && delayMs <= delayCapMs(one)
    }),
    law('the same random number gives the same delay', tried, ([one, attempt, random]) =>
      Object.is(delayForAttempt(one, attempt, random), delayForAttempt(one, attempt, random)),
    ),
    law(
      'it ends, after as many retries as it says at most',
      fc.tuple(policies, chance),
      ([one, random]) => lastsMs(one, random).retries <= one.retriesMax,
    ),
    law('no retry starts after its budget is spent', fc.tuple(policies, chance), ([one, random]) =>
      one.budgetMs === undefined ? true : lastsMs(one, random).ms <= one.budgetMs,
    ),
    law('without jitter, later delays are not shorter', tried, ([one, attempt, random]) => {
      // A list of delays says what it wants.
      if (one.jitter !== 'none' || one.kind === 'custom') return true
      return delayForAttempt(one, attempt + 1, random) >= delayForAttempt(one, attempt, random)
    }),
    ...expectationLaws(policies, expectations),
  ]
}

/** Of a `classify` option: it answers for whatever is thrown, or says that it has no opinion. */
export const classifierLaws = (
  classifier: Classifier,
  thrown: Arbitrary<unknown> = thrownValues(),
): ReadonlyArray<Law> => [
  law('it answers a failure type, or undefined, and never throws', thrown, (error) => {
    const answer: unknown = classifier(error)
    return answer === undefined || isFailureType(answer)
  }),
  law('it answers the same for the same error', thrown, (error) =>
    Object.is(classifier(error), classifier(error)),
  ),
]

/** Of a payload codec: what is enqueued is what the handler gets. */
export const payloadCodecLaws = <A>(codec: t.Type<A, unknown>, values: Arbitrary<A>): ReadonlyArray<Law> => [
  law('what it encodes is accepted as a payload', values, (value) =>
    isRight(acceptJson(codec.encode(value))),
  ),
  law('what it encodes it decodes to the same, through JSON', values, (value) => {
    const decoded = codec.decode(JSON.parse(JSON.stringify(codec.encode(value))))
    return isRight(decoded) && isDeepStrictEqual(decoded.right, value)
  }),
]
