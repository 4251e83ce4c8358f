// The fields that bodies and queries are made of: shapes and types, each with the words in which it is refused.
import { isFields } from '../../domain/storedFields.js'
import { accepting, closedRecord } from './closedRecord.js'

export const text = accepting('a string', (value): value is string => typeof value === 'string')
export const flag = accepting('true or false', (value): value is boolean => typeof value === 'boolean')
export const wholeNumber = (from: number, to: number) =>
  accepting(
    to === Number.MAX_SAFE_INTEGER ? `a whole number from ${from}` : `a whole number from ${from} to ${to}`,
    (value): value is number => Number.isSafeInteger(value) && Number(value) >= from && Number(value) <= to,
  )
export const milliseconds = wholeNumber(0, Number.MAX_SAFE_INTEGER)
export const json = accepting('a JSON value', (value): value is unknown => value !== undefined)
export const strings = accepting(
  'an object whose values are strings',
  (value): value is Readonly<Record<string, string>> =>
    isFields(value) && Object.values(value).every((field) => typeof field === 'string'),
)
export const priority = accepting(
  '"high", "normal", "low" or a whole number',
  (value): value is number | 'high' | 'normal' | 'low' =>
    Number.isSafeInteger(value) || value === 'high' || value === 'normal' || value === 'low',
)
export const instant = accepting(
  'an ISO 8601 string with a zone, or milliseconds since 1970',
  (value): value is number | string => typeof value === 'string' || Number.isSafeInteger(value),
)
/** Who asks; where from is what the server sees. */
export const by = closedRecord('an actor', { who: text }, { why: text })
