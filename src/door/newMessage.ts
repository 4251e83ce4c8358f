// The door for new messages: what a caller may ask for, checked once, with an answer that names the field, what was found
// and what is accepted. Nothing behind it checks again.
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import { CALLER_ID_RULE, isCallerId } from '../../domain/ids.js'
import {
  type MessageAttributes,
  PRIORITY_MAX,
  PRIORITY_MIN,
  PRIORITY_NAMES,
} from '../../domain/message/index.js'
import {
  acceptJson,
  DEFAULT_PAYLOAD_LIMITS,
  describePayloadRefusal,
  type PayloadLimits,
} from '../../domain/payload/index.js'
import { DURATION_MS_MAX } from '../../domain/queue/index.js'
import { describeRetryPolicyRefusal, fromJSON } from '../../domain/retry/index.js'
import { isFields } from '../../domain/storedFields.js'
import type { EnqueueOptions } from '../api/types/index.js'
import type { NewMessage } from '../engine/requests.js'
import { type DoorRefusal, isClean, NAME_CHARS_MAX } from './doorRules.js'
import { addWishes } from './messageWishes.js'

export type { DoorRefusal } from './doorRules.js'

const invalid = (field: string, problem: string): Either<DoorRefusal, never> =>
  left({ type: 'Invalid', field, problem })

const KEY_CHARS_MAX = 512
const HEADERS_MAX = 64
const HEADERS_CHARS_MAX = 16_384

/** Every option, with how many characters it takes if it is text that is kept as it came; 0 = of another kind. */
const OPTIONS: Readonly<Record<keyof EnqueueOptions, number>> = {
  id: 0,
  type: NAME_CHARS_MAX,
  topic: NAME_CHARS_MAX,
  headers: 0,
  priority: 0,
  delayMs: 0,
  notBefore: 0,
  group: NAME_CHARS_MAX,
  dedupKey: KEY_CHARS_MAX,
  idempotencyKey: KEY_CHARS_MAX,
  ttlMs: 0,
  timeoutMs: 0,
  retry: 0,
  correlationId: NAME_CHARS_MAX,
  causationId: NAME_CHARS_MAX,
  dedupMode: 0,
  tenant: NAME_CHARS_MAX,
  zone: NAME_CHARS_MAX,
  fallbackZones: 0,
  gate: NAME_CHARS_MAX,
  leaseMs: 0,
  retryable: 0,
  batchable: 0,
  cancelable: 0,
  guarantee: 0,
  onSuccess: 0,
  onFailure: 0,
  rerunOf: NAME_CHARS_MAX,
}
const CHARS_MAX: ReadonlyMap<string, number> = new Map(Object.entries(OPTIONS))

/** `payload` is any JSON value; it is kept as JSON text. */
export const newMessage = (
  payload: unknown,
  options: EnqueueOptions | undefined,
  limits: PayloadLimits = DEFAULT_PAYLOAD_LIMITS,
): Either<DoorRefusal, NewMessage> => {
  const text = acceptJson(payload, limits)
  if (isLeft(text)) return invalid('payload', describePayloadRefusal(text.left))
  if (options === undefined) return right(messageOf(text.right, undefined, 0, undefined))
  if (!isFields(options)) return invalid('options', 'accepted is an object')
  const found: Record<string, unknown> = {}
  const others = takeTexts(options, found)
  if (typeof others === 'object') return left(others)
  return others > 0
    ? withOptions(text.right, options, found)
    : right(messageOf(text.right, undefined, 0, attributesIn(found)))
}

const messageOf = (
  payload: string,
  callerId: string | undefined,
  priority: number,
  attributes: MessageAttributes | undefined,
) => ({ callerId, payload, priority, delayMs: 0, notBefore: 0, ttlMs: 0, attributes })

const attributesIn = (found: Readonly<Record<string, unknown>>): MessageAttributes | undefined => {
  for (const _any in found) return found
  return undefined
}

/**
 * Texts go into `found`; answers how many options of other kinds there are. It looks at what was given only, not at all that could
 * have been given: most messages have one or two options.
 */
const takeTexts = (options: EnqueueOptions, found: Record<string, unknown>): DoorRefusal | number => {
  let others = 0
  for (const name in options) {
    const charsMax = CHARS_MAX.get(name)
    if (charsMax === undefined) {
      // What an object inherits it does not ask for.
      if (!Object.hasOwn(options, name)) continue
      const problem = `unknown; known are ${[...CHARS_MAX.keys()].join(', ')}`
      return { type: 'Invalid', field: name, problem }
    }
    if (charsMax === 0) {
      others++
      continue
    }
    const value: unknown = options[name as keyof EnqueueOptions]
    if (value === undefined) continue
    if (typeof value !== 'string' || value.length === 0 || value.length > charsMax || !isClean(value)) {
      const problem = `accepted is text of 1 to ${charsMax} characters without control characters`
      return { type: 'Invalid', field: name, problem }
    }
    found[name] = value
  }
  return others
}

const withOptions = (
  payload: string,
  options: EnqueueOptions,
  found: Record<string, unknown>,
): Either<DoorRefusal, NewMessage> => {
  const { id } = options
  if (id !== undefined && !(typeof id === 'string' && isCallerId(id)))
    return invalid('id', `accepted are ${CALLER_ID_RULE}`)
  const priority = priorityOf(options.priority)
  if (priority === undefined) {
    return invalid('priority', PRIORITY_ACCEPTED)
  }
  for (const field of ['delayMs', 'ttlMs', 'timeoutMs'] as const) {
    const value = options[field]
    const from = field === 'delayMs' ? 0 : 1
    if (value !== undefined && !isWhole(value, from, DURATION_MS_MAX)) {
      return invalid(field, `accepted is a whole number of milliseconds from ${from} to ${DURATION_MS_MAX}`)
    }
  }
  const notBefore = instantOf(options.notBefore)
  if (notBefore === undefined) {
    return invalid(
      'notBefore',
      'accepted are a Date, milliseconds since the epoch, or an ISO 8601 instant with a zone',
    )
  }
  if (options.delayMs !== undefined && options.notBefore !== undefined) {
    return invalid('notBefore', 'give delayMs or notBefore, not both')
  }
  const { dedupMode, dedupKey } = options
  if (dedupMode !== undefined && dedupMode !== 'replace' && dedupMode !== 'debounce') {
    return invalid('dedupMode', 'accepted are replace and debounce')
  }
  if (dedupMode !== undefined && dedupKey === undefined) {
    return invalid('dedupMode', 'it needs a dedupKey: that of the message whose place is taken')
  }
  const problem = wishesProblem(options, found)
  if (problem !== undefined) return left(problem)
  const { delayMs = 0, ttlMs = 0 } = options
  const message = { ...messageOf(payload, id, priority, attributesIn(found)), delayMs, notBefore, ttlMs }
  return right(dedupMode === undefined ? message : { ...message, dedupMode })
}

const isWhole = (value: unknown, from: number, to: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to

export const PRIORITY_ACCEPTED = `accepted are high, normal, low and whole numbers from ${PRIORITY_MIN} to ${PRIORITY_MAX}`

export const priorityOf = (priority: unknown): number | undefined => {
  if (priority === undefined) return 0
  if (priority === 'high' || priority === 'normal' || priority === 'low') return PRIORITY_NAMES[priority]
  return isWhole(priority, PRIORITY_MIN, PRIORITY_MAX) ? priority : undefined
}

const ISO_INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)$/
const INSTANT_MS_MAX = 8_640_000_000_000_000

/** Not a number, too, for a day that its month does not have: `Date.parse` would take the 30th of February for the 2nd of March. */
const isoInstant = (text: string): number => {
  const ms = ISO_INSTANT.test(text) ? Date.parse(text) : Number.NaN
  const [day = ''] = text.split('T')
  const isDay = !Number.isNaN(ms) && new Date(day).toISOString().startsWith(day)
  return isDay ? ms : Number.NaN
}

/** 0 = none was given; undefined = no instant. */
export const instantOf = (instant: unknown): number | undefined => {
  if (instant === undefined) return 0
  let ms: unknown = instant
  if (instant instanceof Date) ms = instant.getTime()
  else if (typeof instant === 'string') ms = isoInstant(instant)
  return isWhole(ms, 1, INSTANT_MS_MAX) ? ms : undefined
}

/** Puts what is no text into `found`, which holds the texts already; answers the first thing that is wrong. */
const wishesProblem = (options: EnqueueOptions, found: Record<string, unknown>): DoorRefusal | undefined => {
  const { timeoutMs, retry, headers } = options
  if (timeoutMs !== undefined) found.timeoutMs = timeoutMs
  if (retry !== undefined) {
    const read = fromJSON(retry)
    if (isLeft(read))
      return { type: 'Invalid', field: 'retry', problem: describeRetryPolicyRefusal(read.left) }
    found.retry = read.right
  }
  if (headers !== undefined) {
    const problem = headersProblem(headers)
    if (problem !== undefined) return { type: 'Invalid', field: 'headers', problem }
    found.headers = { ...headers }
  }
  return addWishes(options, found)
}

export const headersProblem = (headers: unknown): string | undefined => {
  const accepted = `accepted is an object of at most ${HEADERS_MAX} texts, ${HEADERS_CHARS_MAX} characters in all, without control characters`
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) return accepted
  const entries = Object.entries(headers)
  let chars = 0
  for (const [name, value] of entries) {
    if (name === '__proto__' || name.length === 0 || typeof value !== 'string') return accepted
    if (!isClean(name) || !isClean(value)) return accepted
    chars += name.length + value.length
  }
  return entries.length > HEADERS_MAX || chars > HEADERS_CHARS_MAX ? accepted : undefined
}
