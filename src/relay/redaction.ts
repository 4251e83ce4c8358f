// Takes configured fields out of an event's data before anything leaves (F7). A path begins with a field of the event: `payload` and
// `result` go on inside the JSON of users, `attributes` inside what travels with a message; `*` is any key, and arrays are gone
// through. What was there reads `[redacted]`, so that its reader can tell it from nothing. Payloads of follow-ups are payloads.
import { isFields } from '../../domain/storedFields.js'

export const REDACTED = '[redacted]'

/** What of an event may be taken out: texts of users, and nothing that says what happened. */
const ROOTS = ['payload', 'result', 'attributes', 'message', 'by'] as const
type Root = (typeof ROOTS)[number]
/** Of attributes, those that are free text; the others are settings with forms of their own. */
const ATTRIBUTES: ReadonlySet<string> = new Set([
  ...['type', 'topic', 'headers', 'group', 'dedupKey', 'idempotencyKey', 'correlationId', 'causationId'],
  ...['tenant', 'zone', 'gate'],
])
const ACTOR: ReadonlySet<string> = new Set(['who', 'why', 'from'])
const SEGMENT = /^[^.]+$/

export const REDACT_RULE =
  'paths such as payload, payload.card.number, payload.*.email, result.token, attributes.headers.authorization, attributes.tenant, message, by.who'

type Path = Readonly<{ root: Root; rest: ReadonlyArray<string> }>

const parsedPath = (path: string): Path | undefined => {
  const [first, ...rest] = path.split('.')
  const root = ROOTS.find((name) => name === first)
  if (root === undefined || !rest.every((segment) => SEGMENT.test(segment))) return undefined
  const [field, ...deeper] = rest
  switch (root) {
    case 'message':
      return rest.length === 0 ? { root, rest } : undefined
    case 'by':
      return field !== undefined && ACTOR.has(field) && deeper.length === 0 ? { root, rest } : undefined
    case 'attributes': {
      if (field === undefined || !ATTRIBUTES.has(field)) return undefined
      return deeper.length === (field === 'headers' ? 1 : 0) ? { root, rest } : undefined
    }
    default:
      return { root, rest }
  }
}

export const isRedactPath = (path: string): boolean => parsedPath(path) !== undefined

/** The value without what the path names; the same object where there is nothing. */
const without = (value: unknown, path: ReadonlyArray<string>, from: number): unknown => {
  if (from === path.length) return REDACTED
  if (Array.isArray(value)) {
    const items = value.map((item) => without(item, path, from))
    return items.some((item, index) => item !== value[index]) ? items : value
  }
  if (!isFields(value)) return value
  const segment = path[from] as string
  let changed: Record<string, unknown> | undefined
  for (const key of segment === '*' ? Object.keys(value) : [segment]) {
    if (!Object.hasOwn(value, key)) continue
    const next = without(value[key], path, from + 1)
    if (next === value[key]) continue
    changed ??= { ...value }
    changed[key] = next
  }
  return changed ?? value
}

/** JSON that would not come back as it was stands as text beside its name (domain/message/codecs.ts). */
const withoutInText = (text: unknown, path: ReadonlyArray<string>): unknown => {
  if (typeof text !== 'string') return text
  const value: unknown = JSON.parse(text)
  const kept = without(value, path, 0)
  return kept === value ? text : JSON.stringify(kept)
}

const withoutField = (data: unknown, { root, rest }: Path): unknown => {
  if (!isFields(data)) return data
  let kept = data
  const textField = `${root}Text`
  if (Object.hasOwn(data, root)) kept = without(kept, [root, ...rest], 0) as typeof data
  if (Object.hasOwn(data, textField)) kept = { ...kept, [textField]: withoutInText(data[textField], rest) }
  if (root !== 'payload' && root !== 'attributes') return kept
  const { followUps, enqueued } = data
  if (Array.isArray(followUps) && root === 'payload')
    kept = { ...kept, followUps: followUps.map((followUp) => withoutField(followUp, { root, rest })) }
  // A message that was carried to the head of the log holds the event that brought it.
  if (enqueued !== undefined) kept = { ...kept, enqueued: withoutField(enqueued, { root, rest }) }
  return kept
}

/** @throws RangeError for what is no path */
export const redaction = (paths: ReadonlyArray<string>): ((data: unknown) => unknown) => {
  const parsed = paths.map((path) => {
    const known = parsedPath(path)
    if (known === undefined) throw new RangeError(`redact: ${path}: accepted are ${REDACT_RULE}`)
    return known
  })
  return (data) => parsed.reduce(withoutField, data)
}
