// Whether a value holds at least what is expected of it: objects may have more fields, everything else is equal.
import { isDeepStrictEqual } from 'node:util'

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const matches = (found: unknown, expected: unknown): boolean => {
  if (Array.isArray(expected)) {
    return (
      Array.isArray(found) &&
      found.length === expected.length &&
      expected.every((item, index) => matches(found[index], item))
    )
  }
  if (!isPlain(expected)) return isDeepStrictEqual(found, expected)
  return isPlain(found) && Object.entries(expected).every(([name, value]) => matches(found[name], value))
}
