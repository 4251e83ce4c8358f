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
import { CLEAN_TEXT, type DoorRefusal, NAME_CHARS_MAX } from './doorRules.js'
import { addWishes } from './messageWishes.js'

export type { DoorRefusal } from './doorRules.js'

const invalid = (field: string, problem: string): Either<DoorRefusal, never> =>
  left({ type: 'Invalid', field, problem })

const KEY_CHARS_MAX = 512
const HEADERS_MAX = 64
const HEADERS_CHARS_MAX = 16_384

const OPTION_NAMES: ReadonlySet<string> = new Set<keyof EnqueueOptions>([
  'id',
  'type',
  'topic',
  'headers',
  'priority',
  'delayMs',
  'notBefore',
  'group',
  'dedupKey',
  'idempotencyKey',
  'ttlMs',
  'timeoutMs',
  'retry',
  'correlationId',
  'causationId',
  'dedupMode',
  'tenant',
  'zone',
  'fallbackZones',
  'gate',
  'leaseMs',
  'retryable',
  'batchable',
  'cancelable',
  'guarantee',
  'onSuccess',
  'onFailure',
  'rerunOf',
])

/** `payload` is any JSON value; it is kept as JSON text. */
export const newMessage = (
  payload: unknown,
  options: EnqueueOptions | undefined,
  limits: PayloadLimits = DEFAULT_PAYLOAD_LIMITS,
): Either<DoorRefusal, NewMessage> => {
  const text = acceptJson(payload, limits)
  if (isLeft(text)) return invalid('payload', describePayloadRefusal(text.left))
  if (options === undefined) {
    return right({
      callerId: undefined,
      payload: text.right,
      priority: 0,
      delayMs: 0,
      notBefore: 0,
      ttlMs: 0,
      attributes: undefined,
    })
  }
  if (!isFields(options)) return invalid('options', 'accepted is an object')
  return withOptions(text.right, options)
}

const withOptions = (payload: string, options: EnqueueOptions): Either<DoorRefusal, NewMessage> => {
  for (const name of Object.keys(options)) {
    if (!OPTION_NAMES.has(name)) return invalid(name, `unknown; known are ${[...OPTION_NAMES].join(', ')}`)
  }
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
  const attributes = attributesOf(options)
  if (isLeft(attributes)) return attributes
  return right({
    callerId: id,
    payload,
    priority,
    delayMs: options.delayMs ?? 0,
    notBefore,
    ttlMs: options.ttlMs ?? 0,
    attributes: attributes.right,
    ...(options.dedupMode === undefined ? {} : { dedupMode: options.dedupMode }),
  })
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

const attributesOf = (options: EnqueueOptions): Either<DoorRefusal, MessageAttributes | undefined> => {
  const found: Record<string, unknown> = {}
  const limits = {
    type: NAME_CHARS_MAX,
    topic: NAME_CHARS_MAX,
    group: NAME_CHARS_MAX,
    correlationId: NAME_CHARS_MAX,
    causationId: NAME_CHARS_MAX,
    dedupKey: KEY_CHARS_MAX,
    idempotencyKey: KEY_CHARS_MAX,
    tenant: NAME_CHARS_MAX,
    zone: NAME_CHARS_MAX,
    gate: NAME_CHARS_MAX,
    rerunOf: NAME_CHARS_MAX,
  } as const
  for (const [field, charsMax] of Object.entries(limits)) {
    const value = options[field as keyof typeof limits]
    if (value === undefined) continue
    if (
      typeof value !== 'string' ||
      value.length === 0 ||
      value.length > charsMax ||
      !CLEAN_TEXT.test(value)
    ) {
      return invalid(field, `accepted is text of 1 to ${charsMax} characters without control characters`)
    }
    found[field] = value
  }
  if (options.timeoutMs !== undefined) {
    found.timeoutMs = options.timeoutMs
  }
  if (options.retry !== undefined) {
    const retry = fromJSON(options.retry)
    if (isLeft(retry)) return invalid('retry', describeRetryPolicyRefusal(retry.left))
    found.retry = retry.right
  }
  if (options.headers !== undefined) {
    const problem = headersProblem(options.headers)
    if (problem !== undefined) return invalid('headers', problem)
    found.headers = { ...options.headers }
  }
  const wishes = addWishes(options, found)
  if (wishes !== undefined) return left(wishes)
  return right(Object.keys(found).length === 0 ? undefined : (found as MessageAttributes))
}

export const headersProblem = (headers: unknown): string | undefined => {
  const accepted = `accepted is an object of at most ${HEADERS_MAX} texts, ${HEADERS_CHARS_MAX} characters in all, without control characters`
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) return accepted
  const entries = Object.entries(headers)
  let chars = 0
  for (const [name, value] of entries) {
    if (name === '__proto__' || name.length === 0 || typeof value !== 'string') return accepted
    if (!CLEAN_TEXT.test(name) || !CLEAN_TEXT.test(value)) return accepted
    chars += name.length + value.length
  }
  return entries.length > HEADERS_MAX || chars > HEADERS_CHARS_MAX ? accepted : undefined
}
