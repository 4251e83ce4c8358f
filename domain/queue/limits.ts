// Caps and rates of a queue and of each tenant in it (B8): what may stand in them. How they are counted is decided in
// projections/limits.
import * as t from 'io-ts'

/** At most `count` starts in any `perMs`; `count` of them may come at once. */
export type Rate = Readonly<{ count: number; perMs: number }>
export type Cap = Readonly<{
  /** Messages in work at once. */
  concurrencyMax?: number
  rate?: Rate
}>
export type Limits = Cap & Readonly<{ perTenant?: Cap }>

export const NO_LIMITS: Limits = Object.freeze({})
export const CONCURRENCY_CAP_MAX = 1_000_000
export const RATE_COUNT_MAX = 1_000_000_000
export const RATE_PER_MS_MAX = 366 * 24 * 3_600_000

type Problem = Readonly<{ field: string; accepted: string }>
type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const wholeNumber = (field: string, value: unknown, to: number): Problem | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= to
    ? undefined
    : { field, accepted: `a whole number from 1 to ${to}` }

/** What is wrong first, with its place; undefined = nothing. */
export const limitsProblem = (value: unknown, field = 'limits'): Problem | undefined => {
  const names = field === 'limits' ? ['concurrencyMax', 'rate', 'perTenant'] : ['concurrencyMax', 'rate']
  if (!isFields(value)) return { field, accepted: `an object with ${names.join(', ')}` }
  for (const [name, part] of Object.entries(value)) {
    if (part === undefined) continue
    if (!names.includes(name)) return { field: `${field}.${name}`, accepted: `one of ${names.join(', ')}` }
    const problem = partProblem(`${field}.${name}`, name, part)
    if (problem !== undefined) return problem
  }
  return undefined
}

const partProblem = (field: string, name: string, part: unknown): Problem | undefined => {
  if (name === 'concurrencyMax') return wholeNumber(field, part, CONCURRENCY_CAP_MAX)
  if (name === 'perTenant') return limitsProblem(part, field)
  if (!isFields(part) || Object.keys(part).some((key) => key !== 'count' && key !== 'perMs')) {
    return { field, accepted: 'an object with count and perMs' }
  }
  return (
    wholeNumber(`${field}.count`, part.count, RATE_COUNT_MAX) ??
    wholeNumber(`${field}.perMs`, part.perMs, RATE_PER_MS_MAX)
  )
}

const spelt = ({ concurrencyMax, rate }: Cap): Cap => ({
  ...(concurrencyMax === undefined ? {} : { concurrencyMax }),
  ...(rate === undefined ? {} : { rate: { count: rate.count, perMs: rate.perMs } }),
})

/** One text for equal limits. */
export const LimitsCodec = new t.Type<Limits, unknown, unknown>(
  'Limits',
  (value): value is Limits => limitsProblem(value) === undefined,
  (value, context) => {
    const problem = limitsProblem(value)
    return problem === undefined
      ? t.success(value as Limits)
      : t.failure(value, context, `${problem.field}: accepted is ${problem.accepted}`)
  },
  (limits) => ({
    ...spelt(limits),
    ...(limits.perTenant === undefined ? {} : { perTenant: spelt(limits.perTenant) }),
  }),
)
