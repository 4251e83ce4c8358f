// Why a message command was refused: a closed set, each with the facts the caller needs to act on it.
import type { Message } from './message.js'

export type MessageRefusal =
  | Readonly<{ type: 'MessageNotFound' }>
  | Readonly<{ type: 'MessageExists' }>
  /** The lease named by the command is not the live one (I3): who holds the message now, if anybody. */
  | Readonly<{ type: 'LeaseNotHeld'; fence: number; now: Message['tag']; heldBy: string | undefined }>
  /** Not claimable: already leased, finished, dead, or not yet due. */
  | Readonly<{ type: 'MessageNotClaimable'; now: Message['tag'] }>
  | Readonly<{ type: 'MessageNotCancellable'; now: Message['tag'] }>
  | Readonly<{ type: 'MessageNotDead'; now: Message['tag'] }>
  | Readonly<{ type: 'MessageNotExpired'; now: Message['tag'] }>
  /** The message says that it is not to be cancelled (A13). */
  | Readonly<{ type: 'MessageNotCancelable' }>
  /** Only waiting messages can be given new contents. */
  | Readonly<{ type: 'MessageNotEditable'; now: Message['tag'] }>
  /** What the caller saw has changed since. */
  | Readonly<{ type: 'MessageChanged' }>
  /** Only waiting messages and dead letters can be purged. */
  | Readonly<{ type: 'MessageNotPurgeable'; now: Message['tag'] }>
  /** The attempt has held its lease as long as one may (A14). */
  | Readonly<{ type: 'LeaseLimitReached'; heldMs: number; messageTimeoutMs: number }>
  | Readonly<{ type: 'FollowUpsInvalid'; problem: string }>

export const messageNotFound: MessageRefusal = { type: 'MessageNotFound' }

export const leaseNotHeld = (fence: number, message: Message): MessageRefusal => ({
  type: 'LeaseNotHeld',
  fence,
  now: message.tag,
  heldBy: message.tag === 'Leased' ? message.worker : undefined,
})
