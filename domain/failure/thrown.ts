// Reading what a handler threw. It may be anything, also an object whose getters throw or a proxy that was revoked,
// and whoever looks at a failure must not fail: an unreadable field counts as absent.

/** Wrappers around wrappers: enough for real code, and a bound for causes that point at each other. */
export const CAUSES_MAX = 8

export const fieldOf = (thrown: unknown, field: string): unknown => {
  if ((typeof thrown !== 'object' && typeof thrown !== 'function') || thrown === null) return undefined
  try {
    return (thrown as Readonly<Record<string, unknown>>)[field]
  } catch {
    return undefined
  }
}

export const textOf = (thrown: unknown, field: string): string | undefined => {
  const value = fieldOf(thrown, field)
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** What was thrown, then what caused it; of an AggregateError the first of its errors. Outermost first. */
export const causesOf = (thrown: unknown): ReadonlyArray<unknown> => {
  const causes: unknown[] = []
  let next: unknown = thrown
  while (causes.length < CAUSES_MAX) {
    causes.push(next)
    next = fieldOf(next, 'cause') ?? fieldOf(fieldOf(next, 'errors'), '0')
    if (next === undefined || next === null) break
  }
  return causes
}
