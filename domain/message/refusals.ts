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

export const messageNotFound: MessageRefusal = { type: 'MessageNotFound' }

export const leaseNotHeld = (fence: number, message: Message): MessageRefusal => ({
  type: 'LeaseNotHeld',
  fence,
  now: message.tag,
  heldBy: message.tag === 'Leased' ? message.worker : undefined,
})
