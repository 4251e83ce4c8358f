// Which messages an event asks for because another one ended, and by which name each of them is enqueued. The name is a
// function of the event's place in the log alone: whoever enqueues it again, after whatever crash, enqueues the same message.
import type { LedgerEvent } from '../batch.js'
import { generatedId, type PartitionRef } from '../ids.js'
import type { FollowUp } from '../message/index.js'

export type RecordedFollowUp = Readonly<{
  /** `<generated id of the message that ended>~then.<revision of the event>.<n>`, both numbers in base 36. */
  name: string
  /** Generated id of the message that ended. */
  origin: string
  followUp: FollowUp
}>

/** Undefined for nearly every event: one comparison or two. */
export const followUpsOf = (event: LedgerEvent): ReadonlyArray<FollowUp> | undefined =>
  event.type === 'AttemptSucceeded' || event.type === 'MessageDeadLettered' ? event.followUps : undefined

/**
 * In the order in which they are to be enqueued. The revision stands in the name because a message may end more than once
 * (it is redriven and dies again), and each end is told; its own id would not do, as callers' ids are unique in one queue only.
 */
export const namedFollowUps = (
  ref: PartitionRef,
  ordinal: number,
  revision: number,
  followUps: ReadonlyArray<FollowUp>,
): ReadonlyArray<RecordedFollowUp> => {
  const origin = generatedId(ref, ordinal)
  const name = `${origin}~then.${revision.toString(36)}.`
  return followUps.map((followUp, n) => ({ name: name + n.toString(36), origin, followUp }))
}
