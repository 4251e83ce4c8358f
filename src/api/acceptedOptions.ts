// What a program without types may pass at the door of the library: no object, or an option by a name that is none. Each is
// refused by name, before anything is done.
import { isFields } from '../../domain/storedFields.js'
import { nearestName } from '../config/nearestName.js'
import { SELECTION_FIELDS } from '../door/selection.js'
import { errorOf } from './refusals.js'

const OPERATION_FIELDS = ['dryRun', 'by', 'onProgress', 'signal', 'limit', 'cursor']
const DEAD_FIELDS = SELECTION_FIELDS.filter((field) => field !== 'state')

/** What each call takes that means messages by a filter. */
export const SELECTION_OPTIONS = {
  list: [...SELECTION_FIELDS, 'sort', 'cursor', 'limit'],
  count: SELECTION_FIELDS,
  deadLetters: [...DEAD_FIELDS, 'cursor', 'limit'],
  clear: [...SELECTION_FIELDS, ...OPERATION_FIELDS],
  redrive: [...DEAD_FIELDS, ...OPERATION_FIELDS, 'ids', 'ratePerSecond'],
  discardAll: [...DEAD_FIELDS, ...OPERATION_FIELDS],
  rerun: [...SELECTION_FIELDS, ...OPERATION_FIELDS, 'ids', 'operation', 'reconcile', 'ratePerSecond'],
} as const

/** Why an option is refused; undefined = all of them are known. One that is undefined was left out. */
export const unknownOption = (
  options: object,
  known: ReadonlyArray<string>,
): Readonly<{ field: string; problem: string }> | undefined => {
  for (const [field, value] of Object.entries(options)) {
    if (value === undefined || known.includes(field)) continue
    const nearest = nearestName(field, known)
    const hint = nearest === undefined ? '' : `; the nearest known one is ${nearest}`
    return { field, problem: `unknown option${hint}; accepted are ${known.join(', ')}` }
  }
  return undefined
}

/** @throws RefusedError (`invalid`) unless it is an object, with no options but the known ones where these are given */
export const accepted = <A>(field: string, value: A, known?: ReadonlyArray<string>): A => {
  if (!isFields(value)) throw errorOf({ type: 'Invalid', field, problem: 'accepted is an object' })
  const unknown = known === undefined ? undefined : unknownOption(value, known)
  if (unknown !== undefined) throw errorOf({ type: 'Invalid', ...unknown })
  return value
}

/** @throws RefusedError (`invalid`) unless it is a list of objects */
export const acceptedList = <A>(field: string, values: ReadonlyArray<A>): ReadonlyArray<A> => {
  if (!Array.isArray(values)) throw errorOf({ type: 'Invalid', field, problem: 'accepted is a list' })
  const other = values.findIndex((value) => !isFields(value))
  if (other >= 0) accepted(`${field}[${other}]`, values[other])
  return values
}
