// The situations a message can be in. This is the first file to read: everything else moves a message between these.
//
//   Absent ──enqueue──> Waiting ──claim──> Leased ──ack──> Finished (succeeded)
//                          ^                  │ fail / lease ran out / worker lost
//                          ├── retry, release ┤
//                          │                  └──> Dead ──redrive──> Waiting
//                          └── cancel, expire ───> Finished (cancelled, expired); Dead ──purge──> Finished (purged)
//
// The nine states users see (A3) are read off these situations and the time: see `stateAt`.
import type { DurationMs, EpochMs } from '../time.js'
import type { Actor, MessageAttributes } from './events.js'

/** What came with a message and bears on decisions about it; most messages have none of it. */
export type Wishes = Readonly<
  Pick<
    MessageAttributes,
    | 'type'
    | 'topic'
    | 'group'
    | 'tenant'
    | 'zone'
    | 'fallbackZones'
    | 'gate'
    | 'retry'
    | 'timeoutMs'
    | 'leaseMs'
    | 'retryable'
    | 'cancelable'
    | 'guarantee'
    | 'onSuccess'
    | 'onFailure'
  >
>
export const NO_WISHES: Wishes = Object.freeze({})

const WISH_NAMES = [
  'type',
  'topic',
  'group',
  'tenant',
  'zone',
  'fallbackZones',
  'gate',
  'retry',
  'timeoutMs',
  'leaseMs',
  'retryable',
  'cancelable',
  'guarantee',
  'onSuccess',
  'onFailure',
] as const satisfies ReadonlyArray<keyof Wishes>

const WISHES: ReadonlySet<string> = new Set(WISH_NAMES)

/** Only what is there: a message with a group alone keeps one field, not fifteen. */
export const wishesOf = (attributes: MessageAttributes | undefined): Wishes => {
  if (attributes === undefined) return NO_WISHES
  // Most attributes are one or two, and keys are no wishes: fifteen look-ups by name cost more than the rest of the event.
  let found = 0
  for (const name in attributes) if (WISHES.has(name)) found++
  if (found === 0) return NO_WISHES
  const wishes: Record<string, unknown> = {}
  for (const name of WISH_NAMES) {
    const wish = attributes[name]
    if (wish === undefined) continue
    wishes[name] = wish
    if (--found === 0) break
  }
  return wishes as Wishes
}

/** What stays the same, or only accumulates, while a message lives. */
export type MessageFacts = Readonly<{
  /** The how-manieth message its partition accepted, from 1. It names the message inside the partition. */
  ordinal: number
  /** Only when the caller chose the id; otherwise the id is generated from partition and ordinal. */
  callerId: string | undefined
  /** Its `gate` is the one it waits for now: a failure for want of a resource may have named another (C15). */
  wishes: Wishes
  /** Higher first; 0 is normal. */
  priority: number
  enqueuedAt: EpochMs
  /** Never started at or after this instant; 0 = never expires. */
  expiresAt: EpochMs
  /** Claims that count: a claim adds one, a release takes it back, a redrive starts again from 0 (I4). */
  attempts: number
  /** When the first counted attempt started (0 = none yet): where the retry budget starts. */
  firstStartedAt: EpochMs
  /** The last retry delay in ms: decorrelated jitter grows from it. */
  previousDelayMs: DurationMs
  /** Failure type of the last failed attempt; undefined = none failed since enqueue or redrive. */
  failureType: string | undefined
}>

export type AbsentMessage = Readonly<{ tag: 'Absent' }>
export type WaitingMessage = MessageFacts &
  Readonly<{
    tag: 'Waiting'
    /** Not claimable before this instant; 0 = at once. Passing it is no event: nothing was decided. */
    dueAt: EpochMs
    /** Its last attempt was running when its worker died: it runs alone until an attempt ends otherwise (§4.5). */
    inDoubt: boolean
  }>
export type LeasedMessage = MessageFacts &
  Readonly<{
    tag: 'Leased'
    fence: number
    leaseMs: DurationMs
    /** When this attempt started. */
    startedAt: EpochMs
    worker: string
    inDoubt: boolean
    /** Set = whatever ends this attempt but success cancels the message. */
    cancelRequested: Readonly<{ by: Actor | undefined }> | undefined
  }>
export type DeadMessage = MessageFacts & Readonly<{ tag: 'Dead'; deadAt: EpochMs }>
export type Outcome = 'succeeded' | 'cancelled' | 'expired' | 'purged'
export type FinishedMessage = Readonly<{
  tag: 'Finished'
  ordinal: number
  outcome: Outcome
  /** Fence of the attempt that finished it, 0 if none did: lets a repeated ack be told from a late one. */
  fence: number
}>

export type Message = AbsentMessage | WaitingMessage | LeasedMessage | DeadMessage | FinishedMessage

export const ABSENT: AbsentMessage = { tag: 'Absent' }

/** The states of A3. `scheduled` and `retrying` become `pending` by the passing of time alone. */
export type MessageState = 'scheduled' | 'pending' | 'retrying' | 'processing' | 'dead-lettered' | Outcome

export const MESSAGE_STATES: ReadonlyArray<MessageState> = [
  'scheduled',
  'pending',
  'retrying',
  'processing',
  'dead-lettered',
  'succeeded',
  'cancelled',
  'expired',
  'purged',
]

export const stateAt = (message: Exclude<Message, AbsentMessage>, at: EpochMs): MessageState => {
  switch (message.tag) {
    case 'Waiting':
      if (message.dueAt <= at) return 'pending'
      return message.failureType === undefined ? 'scheduled' : 'retrying'
    case 'Leased':
      return 'processing'
    case 'Dead':
      return 'dead-lettered'
    case 'Finished':
      return message.outcome
  }
}

export const PRIORITY_MIN = -1_000
export const PRIORITY_MAX = 1_000
/** Names for the numbers that most users need (B2). */
export const PRIORITY_NAMES = { high: 10, normal: 0, low: -10 } as const
