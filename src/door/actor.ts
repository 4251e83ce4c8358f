// Who asks for an operation, and why, as it is recorded. It stands in the event, which must be readable again: what a
// program passes here unchecked would stop the stream for good.
import { type Either, left, right } from 'fp-ts/lib/Either.js'
import type { Actor } from '../../domain/message/index.js'
import { isFields } from '../../domain/storedFields.js'
import { type DoorRefusal, isClean, NAME_CHARS_MAX } from './doorRules.js'

/** A reason may name a file, or say what a probe threw. */
const WHY_CHARS_MAX = 8_192
const HALF_PAIR = /\p{Cs}/u

const invalid = (field: string, problem: string): Either<DoorRefusal, never> =>
  left({ type: 'Invalid', field, problem: `accepted is ${problem}` })

const isName = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= NAME_CHARS_MAX && isClean(value)

const isReason = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= WHY_CHARS_MAX && !HALF_PAIR.test(value)

export const checkedActor = (by: unknown): Either<DoorRefusal, Actor | undefined> => {
  if (by === undefined) return right(undefined)
  if (!isFields(by)) return invalid('by', 'an object with who, and why if you like')
  const { who, why, from } = by
  const name = `text of 1 to ${NAME_CHARS_MAX} characters without control characters`
  if (!isName(who)) return invalid('by.who', name)
  if (why !== undefined && !isReason(why))
    return invalid('by.why', `text of up to ${WHY_CHARS_MAX} characters`)
  if (from !== undefined && !isName(from)) return invalid('by.from', name)
  return right({ who, ...(why === undefined ? {} : { why }), ...(from === undefined ? {} : { from }) })
}
