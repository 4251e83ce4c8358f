// One text for each JSON value, whatever order its keys came in: that of RFC 8785. Two payloads are the same content when
// these texts are equal (A6).

/** `text` is JSON that the door has accepted, so it is not deeper than the door allows. */
export const canonicalText = (text: string): string => written(JSON.parse(text))

const written = (value: unknown): string => {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(written).join(',')}]`
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${written(field)}`).join(',')}}`
}
