// The door for follow-ups (C9): what the end of a message may ask for, checked before that end is recorded, since afterwards
// nobody is there who could be refused.
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import { QUEUE_NAME_RULE, QueueNameCodec } from '../../domain/ids.js'
import { FOLLOW_UPS_MAX, type FollowUp } from '../../domain/message/index.js'
import { acceptJson, DEFAULT_PAYLOAD_LIMITS, describePayloadRefusal } from '../../domain/payload/index.js'
import { DURATION_MS_MAX } from '../../domain/queue/index.js'
import { isFields } from '../../domain/storedFields.js'
import { type DoorRefusal, isClean, NAME_CHARS_MAX } from './doorRules.js'
import { headersProblem } from './newMessage.js'

/** Payloads of all follow-ups of one end together: they stand in one event with it. */
const FOLLOW_UPS_BYTES_MAX = 256 * 1_024
const FIELDS = ['queue', 'payload', 'type', 'delayMs', 'headers'] as const
const FIELD_NAMES: ReadonlySet<string> = new Set(FIELDS)

const invalid = (field: string, problem: string): Either<DoorRefusal, never> =>
  left({ type: 'Invalid', field, problem })

export const acceptFollowUps = (
  wished: unknown,
): Either<DoorRefusal, ReadonlyArray<FollowUp> | undefined> => {
  if (wished === undefined) return right(undefined)
  if (!Array.isArray(wished) || wished.length > FOLLOW_UPS_MAX)
    return invalid('followUps', `accepted is a list of at most ${FOLLOW_UPS_MAX} messages`)
  const followUps: FollowUp[] = []
  let bytes = 0
  for (const [index, one] of wished.entries()) {
    const accepted = acceptFollowUp(one, `followUps[${index}]`)
    if (isLeft(accepted)) return accepted
    bytes += Buffer.byteLength(accepted.right.payload)
    if (bytes > FOLLOW_UPS_BYTES_MAX)
      return invalid('followUps', `accepted are payloads of at most ${FOLLOW_UPS_BYTES_MAX} bytes in all`)
    followUps.push(accepted.right)
  }
  return right(followUps.length === 0 ? undefined : followUps)
}

const acceptFollowUp = (wished: unknown, at: string): Either<DoorRefusal, FollowUp> => {
  if (!isFields(wished)) return invalid(at, `accepted is an object with ${FIELDS.join(', ')}`)
  const strange = Object.keys(wished).find((name) => !FIELD_NAMES.has(name))
  if (strange !== undefined) return invalid(`${at}.${strange}`, `unknown; known are ${FIELDS.join(', ')}`)
  const { queue, payload, type, delayMs, headers } = wished
  if (!QueueNameCodec.is(queue)) return invalid(`${at}.queue`, `accepted are ${QUEUE_NAME_RULE}`)
  const text = acceptJson(payload, DEFAULT_PAYLOAD_LIMITS)
  if (isLeft(text)) return invalid(`${at}.payload`, describePayloadRefusal(text.left))
  if (type !== undefined && !isName(type))
    return invalid(
      `${at}.type`,
      `accepted is text of 1 to ${NAME_CHARS_MAX} characters without control characters`,
    )
  if (delayMs !== undefined && !isDelay(delayMs))
    return invalid(`${at}.delayMs`, `accepted is a whole number of milliseconds from 0 to ${DURATION_MS_MAX}`)
  const problem = headers === undefined ? undefined : headersProblem(headers)
  if (problem !== undefined) return invalid(`${at}.headers`, problem)
  return right({
    queue,
    payload: text.right,
    ...(type === undefined ? {} : { type }),
    ...(delayMs === undefined ? {} : { delayMs }),
    ...(headers === undefined ? {} : { headers: { ...(headers as Record<string, string>) } }),
  })
}

const isName = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= NAME_CHARS_MAX && isClean(value)

const isDelay = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= DURATION_MS_MAX
