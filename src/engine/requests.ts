// What the writer of a partition can be asked for. Everything here has passed the door: sizes, names and numbers are within
// their bounds, and payloads are JSON text.
import type { Either } from 'fp-ts/lib/Either.js'
import type { Contents, FollowUp, MessageAttributes } from '../../domain/message/index.js'
import type { DecisionContext } from './decideRequests.js'
import type { Answer, PartitionRefusal } from './replies.js'

export type NewMessage = Readonly<{
  callerId: string | undefined
  payload: string
  priority: number
  /** Milliseconds from now; 0 = the queue's default. Wins over `notBefore`. */
  delayMs: number
  /** An instant; 0 = none. */
  notBefore: number
  /** 0 = the queue's default. */
  ttlMs: number
  attributes: MessageAttributes | undefined
  /** A waiting message with the same dedup key gets these contents (A11); absent = it stays as it is. */
  dedupMode?: 'replace' | 'debounce'
}>

export type Enqueued = Readonly<{
  id: string
  position: number
  duplicate: boolean
  /** The earlier message has these contents now. */
  replaced?: true
}>

export type LeaseName = Readonly<{ ordinal: number; fence: number }>

export type Settlement = LeaseName &
  (
    | Readonly<{
        outcome: 'ack'
        result: string | undefined
        followUps?: ReadonlyArray<FollowUp>
        /** The handler did not run: the effect of an earlier attempt was found (C5). */
        reconciled?: true
      }>
    | Readonly<{
        outcome: 'fail'
        failureType: string
        message: string
        retryable: boolean
        delayMs: number | undefined
      }>
    | Readonly<{ outcome: 'release'; delayMs: number }>
    | Readonly<{ outcome: 'extend'; leaseMs: number }>
  )

/** `Right` = recorded, or already so. */
export type Settled = Either<PartitionRefusal, void>

/**
 * A message handed to a worker, durable as an attempt. `enqueued` is the event that says its contents: payload, headers, type.
 */
export type Delivery = Readonly<{
  ordinal: number
  fence: number
  attempt: number
  leaseMs: number
  enqueuedAt: number
  timeoutMs: number | undefined
  /** Its last attempt ended without a word from its worker: the effect may have happened (C5). */
  inDoubt: boolean
  enqueued: Contents
}>

export type Claimed = Readonly<{
  deliveries: ReadonlyArray<Delivery>
  /** The one delivery was in doubt after a crash: nothing else should run beside it (§4.5). */
  alone: boolean
  /** In-doubt messages are ready; they are given out only one at a time to a claim with `mayRunInDoubt`. */
  inDoubtWaiting: boolean
}>

export type ClaimRequest = Readonly<{
  /** Read when the claim is served: a worker may have more free slots by then. 0 = only say when something is ready. */
  max: () => number
  worker: string
  /** undefined = the message's wish, or the queue's setting. */
  leaseMs: number | undefined
  claimId: string | undefined
  /** Wait this long for a message to become ready; 0 = answer at once. */
  waitMs: number
  mayRunInDoubt: boolean
  /** This message and no other; refused when it cannot be claimed now. */
  ordinal?: number
  /** True = whoever asked has gone: nothing is handed out, the answer is empty. */
  cancelled: () => boolean
  answer: Answer<Claimed>
}>

export type EnqueueRequest = Readonly<{
  messages: ReadonlyArray<NewMessage>
  /** Undefined = not here: the partition drains, and holds nothing that the message belongs to. */
  answer: Answer<ReadonlyArray<Enqueued | undefined>>
}>

export type SettleRequest = Readonly<{
  settlements: ReadonlyArray<Settlement>
  answer: Answer<ReadonlyArray<Settled>>
}>

/** `discard` = only a dead letter; `purge` = waiting messages, too. */
/** Discarded are dead letters, cleared is what waits, purged either. */
export type OperatorCommand = 'cancel' | 'redrive' | 'discard' | 'clear' | 'purge'

/**
 * A rule of its own, decided like everything else: it sees the state, may add events, and is answered when they are
 * durable. A look at the state that adds nothing waits behind the reply barrier all the same (§4.4).
 */
export type ActRequest = Readonly<{
  act: (context: DecisionContext) => unknown
  answer: Answer<unknown>
}>
