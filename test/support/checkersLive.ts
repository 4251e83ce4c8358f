// What the checkers know of a live message, from the log alone.
import type { MessageAttributes } from '../../domain/message/index.js'

export type Live = {
  readonly ordinal: number
  readonly callerId: string | undefined
  readonly enqueuedAt: number
  payload: string
  attributes: MessageAttributes
  /** The one it waits for now. */
  gate: string | undefined
  priority: number
  situation: 'waiting' | 'leased' | 'dead'
  dueAt: number
  expiresAt: number
  fence: number
  attempts: number
  firstStartedAt: number
  inDoubt: boolean
  /** What it holds has changed since it was enqueued. */
  wasEdited: boolean
  cancelRequested: boolean
  failureType: string | undefined
  /** Who has it, or had it last. */
  worker: string
  /** An attempt ended, and what follows was not said yet. */
  undecided: boolean
  /** Of a running attempt: when its lease was granted last, and for how long. */
  startedAt: number
  grantedAt: number
  leaseMs: number
}

/** Messages of one lane are handed out in the queue's order; between lanes there are turns. */
export const laneOf = ({ attributes, gate }: Live): string =>
  JSON.stringify([attributes.tenant, attributes.zone, attributes.fallbackZones, gate])
