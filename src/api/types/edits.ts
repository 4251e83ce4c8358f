// Changing a waiting message (A11), and waiting for the end of one (A10).
import type { Actor, Enqueued, EnqueueOptions } from './index.js'

/** What is left out stays as it is. */
export type MessageChanges<A> = Readonly<{
  payload?: A
  priority?: EnqueueOptions['priority']
  /** From now. Give this or `notBefore`. */
  delayMs?: number
  notBefore?: EnqueueOptions['notBefore']
  /** From now; 0 = it never expires. */
  ttlMs?: number
  headers?: Readonly<Record<string, string>>
}>

/** How a message ended. `ended: false` = not within the time that was waited. */
export type MessageResult =
  | Readonly<{ id: string; ended: false; state: string; result?: undefined; error?: undefined }>
  | Readonly<{
      id: string
      ended: true
      state: 'succeeded' | 'dead-lettered' | 'cancelled' | 'expired' | 'purged'
      attempts: number
      /** What the handler returned, when it was kept (16 KiB of JSON at most). */
      result: unknown
      error: Readonly<{ type: string; message: string }> | undefined
    }>

export type ResultOptions = Readonly<{
  /** Default 20 s, up to an hour; over HTTP one request waits up to 20 s and is repeated. 0 = look once. */
  waitMs?: number
}>

export type EditOperations<A> = Readonly<{
  /** Gives a waiting message new contents; refused once it runs or has ended (`message_not_editable`). */
  edit: (id: string, changes: MessageChanges<A>, by?: Actor) => Promise<void>
  /** Waits for the end of a message. */
  result: (id: string, options?: ResultOptions) => Promise<MessageResult>
  /** Enqueues and waits: rejects as `enqueue` does, resolves as `result` does. */
  enqueueAndWait: (
    payload: A,
    options?: EnqueueOptions,
    wait?: ResultOptions,
  ) => Promise<Enqueued & MessageResult>
}>
