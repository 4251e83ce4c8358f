// Quantiles of a list of measured values: the smallest value that at least the given share of them does not exceed.

/** Sorts `values` in place, once; rounded to microseconds when they are milliseconds. */
export const quantileOf = (values: Float64Array): ((share: number) => number) => {
  values.sort()
  return (share) => Number((values[Math.max(0, Math.ceil(share * values.length) - 1)] ?? 0).toFixed(3))
}
