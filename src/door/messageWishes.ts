// The rarer wishes of a sender, checked at the door: what wins over the queue for one message (A13), where it may run (C7), who
// is told of its end (C9).
import { QUEUE_NAME_RULE, QueueNameCodec } from '../../domain/ids.js'
import { LEASE_MS_MAX, LEASE_MS_MIN } from '../../domain/queue/index.js'
import type { EnqueueOptions } from '../api/types/index.js'
import { type DoorRefusal, isClean, NAME_CHARS_MAX } from './doorRules.js'

const FALLBACK_ZONES_MAX = 8
/** Where callbacks by name are run from: the callback's name is the type of the message. */
export const CALLBACKS_QUEUE = 'callbacks'

const invalid = (field: string, problem: string): DoorRefusal => ({ type: 'Invalid', field, problem })

const isName = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= NAME_CHARS_MAX && isClean(value)

/** Writes what was wished for into `found`, the defaults left out; answers the first thing that is wrong. */
export const addWishes = (options: EnqueueOptions, found: Record<string, unknown>): DoorRefusal | undefined =>
  leaseProblem(options, found) ??
  switchesProblem(options, found) ??
  zonesProblem(options, found) ??
  callbackProblem('onSuccess', options, found) ??
  callbackProblem('onFailure', options, found)

const leaseProblem = (
  { leaseMs }: EnqueueOptions,
  found: Record<string, unknown>,
): DoorRefusal | undefined => {
  if (leaseMs === undefined) return undefined
  if (!Number.isInteger(leaseMs) || leaseMs < LEASE_MS_MIN || leaseMs > LEASE_MS_MAX) {
    return invalid('leaseMs', `accepted is a whole number from ${LEASE_MS_MIN} to ${LEASE_MS_MAX}`)
  }
  found.leaseMs = leaseMs
  return undefined
}

const switchesProblem = (
  options: EnqueueOptions,
  found: Record<string, unknown>,
): DoorRefusal | undefined => {
  for (const field of ['retryable', 'batchable', 'cancelable'] as const) {
    const value: unknown = options[field]
    if (value === undefined || value === true) continue
    if (value !== false) return invalid(field, 'accepted are true and false')
    found[field] = false
  }
  const { guarantee } = options
  if (guarantee === undefined || guarantee === 'atLeastOnce') return undefined
  if (guarantee !== 'fireAndForget') return invalid('guarantee', 'accepted are atLeastOnce and fireAndForget')
  found.guarantee = guarantee
  return undefined
}

const zonesProblem = (
  { zone, fallbackZones }: EnqueueOptions,
  found: Record<string, unknown>,
): DoorRefusal | undefined => {
  if (fallbackZones === undefined) return undefined
  const zones: unknown = fallbackZones
  if (!Array.isArray(zones) || zones.length > FALLBACK_ZONES_MAX || !zones.every(isName)) {
    return invalid('fallbackZones', `accepted is a list of at most ${FALLBACK_ZONES_MAX} names of zones`)
  }
  if (zone === undefined) return invalid('fallbackZones', 'they need a zone: the one they stand in for')
  if (new Set([zone, ...zones]).size !== zones.length + 1) return invalid('fallbackZones', 'each zone once')
  if (zones.length > 0) found.fallbackZones = [...zones]
  return undefined
}

const callbackProblem = (
  field: 'onSuccess' | 'onFailure',
  options: EnqueueOptions,
  found: Record<string, unknown>,
): DoorRefusal | undefined => {
  const target: unknown = options[field]
  if (target === undefined) return undefined
  const accepted = 'accepted are { queue, type? } and { callback }'
  if (typeof target !== 'object' || target === null) return invalid(field, accepted)
  const { queue, type, callback, ...others } = target as Record<string, unknown>
  if (Object.keys(others).length > 0) return invalid(field, accepted)
  if (callback !== undefined) {
    if (queue !== undefined || type !== undefined) return invalid(field, accepted)
    if (!isName(callback))
      return invalid(`${field}.callback`, `accepted is text of 1 to ${NAME_CHARS_MAX} characters`)
    found[field] = { queue: CALLBACKS_QUEUE, type: callback }
    return undefined
  }
  if (!QueueNameCodec.is(queue)) return invalid(`${field}.queue`, `accepted are ${QUEUE_NAME_RULE}`)
  if (type !== undefined && !isName(type)) {
    return invalid(`${field}.type`, `accepted is text of 1 to ${NAME_CHARS_MAX} characters`)
  }
  found[field] = type === undefined ? { queue } : { queue, type }
  return undefined
}
