// The door for filters: what a caller may ask of messages, checked once, field by field, with what is accepted.
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import { MESSAGE_STATES, type MessageState } from '../../domain/message/index.js'
import { FILTER_TEXTS, type MessageFilter } from '../../projections/queries/messageFilter.js'
import type { DeadLetterSelection, MessageSelection } from '../api/types/selection.js'
import { type DoorRefusal, isClean, NAME_CHARS_MAX } from './doorRules.js'
import { instantOf, PRIORITY_ACCEPTED, priorityOf } from './newMessage.js'

type Selection = MessageSelection & DeadLetterSelection

const TEXTS = [...FILTER_TEXTS, 'idPrefix', 'failureType'] as const
const INSTANTS = ['enqueuedFrom', 'enqueuedTo', 'deadFrom', 'deadTo'] as const
const PRIORITIES = ['priorityMin', 'priorityMax'] as const
/** In one order, so that two spellings of one filter are one text. */
export const SELECTION_FIELDS = ['state', ...TEXTS, ...INSTANTS, ...PRIORITIES, 'kind'] as const

const invalid = (field: string, problem: string): Either<DoorRefusal, never> =>
  left({ type: 'Invalid', field, problem })

/** Fields that are no part of a selection are not looked at: they belong to the call it came with. */
export const messageFilter = (selection: Selection): Either<DoorRefusal, MessageFilter> => {
  const filter: Record<string, unknown> = {}
  const states = statesOf(selection.state)
  if (isLeft(states)) return states
  if (states.right !== undefined) filter.states = states.right
  for (const field of TEXTS) {
    const value = selection[field]
    if (value === undefined) continue
    if (typeof value !== 'string' || value === '' || value.length > NAME_CHARS_MAX || !isClean(value))
      return invalid(
        field,
        `accepted is text of 1 to ${NAME_CHARS_MAX} characters without control characters`,
      )
    filter[field] = value
  }
  for (const field of PRIORITIES) {
    if (selection[field] === undefined) continue
    const priority = priorityOf(selection[field])
    if (priority === undefined) return invalid(field, PRIORITY_ACCEPTED)
    filter[field] = priority
  }
  for (const field of INSTANTS) {
    if (selection[field] === undefined) continue
    const instant = instantOf(selection[field])
    if (instant === undefined)
      return invalid(
        field,
        'accepted are a Date, milliseconds since the epoch, or an ISO 8601 instant with a zone',
      )
    filter[field] = instant
  }
  const { kind } = selection
  if (kind !== undefined && kind !== 'system' && kind !== 'business')
    return invalid('kind', 'accepted are system and business')
  if (kind !== undefined) filter.kind = kind
  return right(filter as MessageFilter)
}

const statesOf = (
  state: MessageState | ReadonlyArray<MessageState> | undefined,
): Either<DoorRefusal, ReadonlyArray<MessageState> | undefined> => {
  if (state === undefined) return right(undefined)
  const states = typeof state === 'string' ? [state] : [...new Set(state)]
  const areKnown = states.length > 0 && states.every((one) => MESSAGE_STATES.includes(one))
  return areKnown
    ? right(states)
    : invalid('state', `accepted is one of ${MESSAGE_STATES.join(', ')}, or several`)
}
