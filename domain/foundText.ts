// What was found instead of what is accepted, as refusals say it: short, on one line, and harmless in a log.

const FOUND_CHARS_MAX = 60

export const foundText = (value: unknown): string => {
  if (value === null) return 'null'
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === 'object' || typeof value === 'function') return `a value of type ${typeof value}`
  // The text is quoted as JSON so that control characters do not reach a log line.
  if (typeof value === 'string') return JSON.stringify(value.slice(0, FOUND_CHARS_MAX))
  return String(value)
}
