// What a caller is told (I1): ok, a definite failure, or unknown. Ok is durable; a definite failure never shows up in the
// log later; unknown may be asked again with the same idempotency key or claim id.
import { type Either, left, right } from 'fp-ts/lib/Either.js'
import type { MessageRefusal } from '../../domain/message/index.js'

export type PartitionRefusal =
  | MessageRefusal
  | Readonly<{ type: 'QueueFull'; maxSize: number; size: number }>
  | Readonly<{ type: 'LoadShed'; maxSize: number; size: number; shedBelowPriority: number }>
  | Readonly<{ type: 'Overloaded'; pending: number; pendingMax: number }>
  | Readonly<{ type: 'BatchTooLarge'; bytes: number; bytesMax: number }>

export type Failure =
  | Readonly<{ kind: 'refused'; refusal: PartitionRefusal }>
  /** Definite, and no fault of the caller's: the log cannot take it now. */
  | Readonly<{ kind: 'unavailable'; reason: string }>
  | Readonly<{ kind: 'unknown'; reason: string }>

export type Answered<A> = Readonly<{
  value: A
  /** Revision of the partition's stream at which the answer holds, durable when the caller sees it (§4.4). */
  revision: number
  /** The same in the order of the whole log; -1 when nothing has been appended yet. */
  position: number
}>

export type Reply<A> = Either<Failure, Answered<A>>
export type Answer<A> = (reply: Reply<A>) => void

export const refused = (refusal: PartitionRefusal): Reply<never> => left({ kind: 'refused', refusal })
export const unavailable = (reason: string): Reply<never> => left({ kind: 'unavailable', reason })
export const unknown = (reason: string): Reply<never> => left({ kind: 'unknown', reason })
export const answered = <A>(value: A, revision: number, position: number): Reply<A> =>
  right({ value, revision, position })
