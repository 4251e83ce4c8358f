// Any policy the constructors accept, built from its bounds so that nothing has to be filtered away.
import fc from 'fast-check'
import {
  BUDGET_MS_MAX,
  CUSTOM_DELAYS_MAX,
  custom,
  DELAY_MS_MAX,
  exponential,
  FACTOR_MAX,
  fixed,
  type Jitter,
  progressive,
  RETRIES_MAX,
  type RetryPolicy,
} from '../../../domain/retry/index.js'

const jitter: fc.Arbitrary<Jitter> = fc.constantFrom('none', 'full', 'equal', 'decorrelated')
const limits = fc.record(
  {
    retriesMax: fc.integer({ min: 0, max: RETRIES_MAX }),
    budgetMs: fc.integer({ min: 0, max: BUDGET_MS_MAX }),
  },
  { requiredKeys: ['retriesMax'] },
)
/** Small delays as often as big ones: that is where rounding shows. */
const delay = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: DELAY_MS_MAX }))
const factor = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.double({ min: 1, max: FACTOR_MAX, noNaN: true }))
const budgetOf = (budgetMs: number | undefined) => (budgetMs === undefined ? {} : { budgetMs })

export const retryPolicy: fc.Arbitrary<RetryPolicy> = fc.oneof(
  fc.tuple(delay, jitter, limits).map(([delayMs, jitter, limits]) => fixed({ delayMs, jitter, ...limits })),
  fc.tuple(delay, delay, delay, factor, jitter, limits).map(([a, b, c, factor, jitter, limits]) => {
    const maxMs = Math.max(a, b, c)
    return exponential({ baseMs: a, minMs: b, maxMs, factor, jitter, ...limits })
  }),
  fc.tuple(delay, delay, delay, jitter, limits).map(([a, b, stepMs, jitter, limits]) => {
    return progressive({ baseMs: Math.min(a, b), maxMs: Math.max(a, b), stepMs, jitter, ...limits })
  }),
  fc
    .tuple(fc.array(delay, { maxLength: CUSTOM_DELAYS_MAX }), jitter, limits)
    .map(([delaysMs, jitter, { budgetMs }]) => custom({ delaysMs, jitter, ...budgetOf(budgetMs) })),
)

export const attempt = fc.integer({ min: 1, max: RETRIES_MAX + 1 })
export const random = fc.oneof(
  fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  fc.constantFrom(0, 1 - 2 ** -53),
)
