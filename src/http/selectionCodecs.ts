// Filters in queries and bodies (A8, C3). What a filter may ask is the ledger's to say; here it is only read: lists and
// numbers stand as text in a query, and as themselves in a body.
import * as t from 'io-ts'
import { MESSAGE_STATES } from '../../domain/message/index.js'
import { FILTER_TEXTS } from '../../projections/queries/messageFilter.js'
import type { MessageState, Priority } from '../api/types/index.js'
import { accepting, closedRecord, listOf } from './closedRecord.js'
import { by, flag, text } from './fields.js'
import { BATCH_MESSAGES_MAX, LIST_LIMIT_MAX, OPERATION_STEP_MAX } from './limits.js'

const ids = listOf(text, 1, BATCH_MESSAGES_MAX)
export const count = (to: number) =>
  accepting(
    `a whole number from 1 to ${to}`,
    (value): value is number => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= to,
  )

/** From a query everything comes as text; numbers are read from it where they may stand. */
const readText = <A>(expected: string, read: (text: string) => A | undefined): t.Type<A, unknown, unknown> =>
  new t.Type<A, unknown, unknown>(
    expected,
    (value): value is A => value !== undefined,
    (value, context) => {
      const found = typeof value === 'string' ? read(value) : undefined
      return found === undefined ? t.failure(value, context, `expected ${expected}`) : t.success(found)
    },
    t.identity,
  )
const numberIn = (value: string): number | undefined =>
  /^-?\d{1,16}$/.test(value) ? Number(value) : undefined
const isState = (value: unknown): value is MessageState => MESSAGE_STATES.some((state) => state === value)
const STATES = MESSAGE_STATES.join(', ')
const states = readText(`one of ${STATES}, or several, separated by commas`, (value) => {
  const found = value.split(',')
  return found.every(isState) ? found : undefined
})
const instantText = readText<string | number>('an instant', (value) => numberIn(value) ?? value)
const priorityText = readText<Priority>(
  '"high", "normal", "low" or a whole number',
  (value) => numberIn(value) ?? (/^(?:high|normal|low)$/.test(value) ? (value as Priority) : undefined),
)
const limitText = readText(`a whole number from 1 to ${LIST_LIMIT_MAX}`, (value) => {
  const limit = numberIn(value) ?? 0
  return limit >= 1 && limit <= LIST_LIMIT_MAX ? limit : undefined
})
const sort = accepting(
  'one of newest, oldest, priority',
  (value): value is 'newest' | 'oldest' | 'priority' =>
    ['newest', 'oldest', 'priority'].includes(String(value)),
)

const kind = accepting(
  'system or business',
  (value): value is 'system' | 'business' => value === 'system' || value === 'business',
)
const texts = Object.fromEntries(
  [...FILTER_TEXTS, 'idPrefix', 'failureType'].map((field) => [field, text]),
) as Record<(typeof FILTER_TEXTS)[number] | 'idPrefix' | 'failureType', typeof text>

const messageQuery = {
  ...texts,
  state: states,
  priorityMin: priorityText,
  priorityMax: priorityText,
  enqueuedFrom: instantText,
  enqueuedTo: instantText,
}
export const ListQuery = closedRecord(
  'a list query',
  {},
  { ...messageQuery, sort, cursor: text, limit: limitText },
)
export const CountQuery = closedRecord('a count query', {}, messageQuery)
const { state: _state, ...deadTexts } = messageQuery
export const DeadQuery = closedRecord(
  'a dead-letter query',
  {},
  { ...deadTexts, kind, deadFrom: instantText, deadTo: instantText, cursor: text, limit: limitText },
)

const instant = accepting(
  'an ISO 8601 string with a zone, or milliseconds since 1970',
  (value): value is number | string => typeof value === 'string' || Number.isSafeInteger(value),
)
const priority = accepting(
  '"high", "normal", "low" or a whole number',
  (value): value is Priority => Number.isSafeInteger(value) || /^(?:high|normal|low)$/.test(String(value)),
)
const oneState = accepting(`one of ${STATES}`, isState)
export const stateOrStates: t.Type<MessageState | ReadonlyArray<MessageState>, unknown, unknown> = new t.Type(
  'a state, or a list of states',
  (value): value is MessageState | ReadonlyArray<MessageState> => value !== undefined,
  (value, context) =>
    typeof value === 'string'
      ? oneState.validate(value, context)
      : listOf(oneState, 1, 16).validate(value, context),
  t.identity,
)
export const messageFields = {
  ...texts,
  priorityMin: priority,
  priorityMax: priority,
  enqueuedFrom: instant,
  enqueuedTo: instant,
}
const deadFields = { ...messageFields, kind, deadFrom: instant, deadTo: instant }
const operation = { dryRun: flag, limit: count(OPERATION_STEP_MAX), cursor: text, by }

export const ClearBody = closedRecord(
  'a clearing',
  {},
  { ...messageFields, state: stateOrStates, ...operation },
)
export const RedriveBody = closedRecord('a redrive', {}, { ...deadFields, ids, ...operation })
export const DeadBody = closedRecord('a discard', {}, { ...deadFields, ...operation })
