// The names of failure types and the retry policy behind each (C1, A14). Users add their own types and replace ours;
// what has no rule follows UNKNOWN.
import * as t from 'io-ts'
import { exponential, fixed, progressive, type RetryPolicy, RetryPolicyCodec } from '../retry/index.js'

/** Built-in types. The retries behind them are defaults, see {@link DEFAULT_FAILURE_RULES}. */
export const BUILT_IN_FAILURE_TYPES = [
  'TIMEOUT',
  'NETWORK',
  'DATABASE',
  'VALIDATION',
  'RESOURCE',
  'BUSINESS',
  'CRASH',
  'UNKNOWN',
] as const
export type BuiltInFailureType = (typeof BUILT_IN_FAILURE_TYPES)[number]
/** A built-in type or one of the user's; the intersection keeps the built-in names in editors' suggestions. */
export type FailureType = BuiltInFailureType | (string & Record<never, never>)

const FAILURE_TYPE = /^[A-Z][A-Z0-9_]{0,63}$/
export const FAILURE_TYPE_RULE = 'a capital letter, then up to 63 capital letters, digits and "_"'
export const isFailureType = (name: unknown): name is FailureType =>
  typeof name === 'string' && FAILURE_TYPE.test(name)
export const FailureTypeCodec = new t.Type<FailureType, string, unknown>(
  'FailureType',
  isFailureType,
  (value, context) =>
    isFailureType(value)
      ? t.success(value)
      : t.failure(value, context, `A failure type is ${FAILURE_TYPE_RULE}.`),
  t.identity,
)

/** One retry policy per failure type. */
export type FailureRules = Readonly<Record<string, RetryPolicy>>
/** A rule table stands in the queue's configuration events, so it stays small. */
export const FAILURE_RULES_MAX = 100
const RESOURCE_DELAY_MS = 60_000

const UNKNOWN_RULE: RetryPolicy = exponential({ retriesMax: 3 })

export const DEFAULT_FAILURE_RULES: FailureRules = Object.freeze({
  TIMEOUT: exponential({ retriesMax: 3 }),
  NETWORK: progressive({ retriesMax: 5 }),
  DATABASE: exponential({ retriesMax: 3 }),
  // Once more, as the reference data it was checked against may have been late; after that it needs a person.
  VALIDATION: fixed({ retriesMax: 1 }),
  // Disks, memory and rate limits recover in minutes, not in seconds.
  RESOURCE: fixed({ delayMs: RESOURCE_DELAY_MS, retriesMax: 2 }),
  // The business said no; asking again gives the same answer.
  BUSINESS: fixed({ retriesMax: 0 }),
  // The worker died, mostly by a deploy or the out-of-memory killer, and the message is innocent: it returns at once.
  // A message that kills its workers counts itself out by the same number (I4), so there is nothing to wait for.
  CRASH: fixed({ delayMs: 0, retriesMax: 3 }),
  UNKNOWN: UNKNOWN_RULE,
} satisfies Record<BuiltInFailureType, RetryPolicy>)

const rulesProblem = (rules: Readonly<Record<string, unknown>>): string | undefined => {
  const names = Object.keys(rules)
  if (names.length > FAILURE_RULES_MAX) {
    return `Found ${names.length} failure types, accepted are at most ${FAILURE_RULES_MAX}.`
  }
  const wrong = names.find((name): boolean => !isFailureType(name))
  return wrong === undefined
    ? undefined
    : `Failure type ${JSON.stringify(wrong.slice(0, 80))}: accepted is ${FAILURE_TYPE_RULE}.`
}

/** The user's rules over the defaults. @throws RangeError on a name that is no failure type, or too many of them */
export const failureRules = (overrides: FailureRules): FailureRules => {
  const problem = rulesProblem(overrides)
  if (problem !== undefined) throw new RangeError(problem)
  return { ...DEFAULT_FAILURE_RULES, ...overrides }
}

/** The policy for failures of `type`; a type that nobody has defined is retried like UNKNOWN. */
export const ruleFor = (rules: FailureRules, type: FailureType): RetryPolicy =>
  // hasOwn: `type` comes from outside, and "constructor" must not find what every object inherits.
  (Object.hasOwn(rules, type) ? rules[type] : undefined) ?? rules.UNKNOWN ?? UNKNOWN_RULE

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Rules as written by a user (a few) or stored in an event (all of them); merging is {@link failureRules}' task. */
export const FailureRulesCodec = new t.Type<FailureRules, FailureRules, unknown>(
  'FailureRules',
  (value): value is FailureRules =>
    isRecord(value) && rulesProblem(value) === undefined && Object.values(value).every(RetryPolicyCodec.is),
  (value, context) => {
    if (!isRecord(value)) return t.failure(value, context, 'Failure rules are an object of retry policies.')
    const problem = rulesProblem(value)
    if (problem !== undefined) return t.failure(value, context, problem)
    const rules: Record<string, RetryPolicy> = {}
    for (const [name, json] of Object.entries(value)) {
      const policy = RetryPolicyCodec.validate(json, t.appendContext(context, name, RetryPolicyCodec, json))
      if (policy._tag === 'Left') return policy
      rules[name] = policy.right
    }
    return t.success(rules)
  },
  (rules) =>
    Object.fromEntries(
      Object.entries(rules).map(([name, policy]) => [name, RetryPolicyCodec.encode(policy)]),
    ),
)
