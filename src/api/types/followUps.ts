// What happens after a message (C9), as a program that uses ledgerq sees it: follow-up messages that are recorded with its
// end, callbacks by name, and listeners in this process.

/** A message that is enqueued because another one ended. */
export type FollowUpRequest = Readonly<{
  queue: string
  payload: unknown
  type?: string
  delayMs?: number
  headers?: Readonly<Record<string, string>>
}>

/** How a message ended, for listeners in this process. */
export type SettledMessage = Readonly<{
  id: string
  queue: string
  outcome: 'succeeded' | 'dead-lettered' | 'cancelled' | 'expired' | 'purged'
  attempts: number
  /** What its handler returned, when it was kept. */
  result: unknown
  /** Its last failure. */
  error: Readonly<{ type: string; message: string }> | undefined
}>

export type SettledListener = (settled: SettledMessage) => void

/** By name: run by whoever has registered it, under the retry policy of the queue `callbacks`, also after a restart. */
export type NamedCallback = Readonly<{ callback: string }>

export type SettledOperations = Readonly<{
  /**
   * Calls back once when the message has ended: at once if it has already. Best effort: a process that ends takes its
   * listeners along. Resolves with the way to stop listening. Not over HTTP.
   */
  whenSettled: (id: string, listener: SettledListener) => Promise<() => void>
}>

/** What a named callback is given. */
export type CallbackCall = Readonly<{
  operationId: string
  queue: string
  /** Of a success, when it was kept; null otherwise. */
  result?: unknown
  /** Of a dead letter. */
  error?: Readonly<{ type: string; message: string }>
  attempts?: number
}>

export type Callbacks = Readonly<{
  /**
   * From now on messages that name this callback run `run`, at least once each. Throwing is a failure, retried by the
   * policies of the queue `callbacks`. A second registration of a name replaces the first.
   */
  register: (name: string, run: (call: CallbackCall, operationId: string) => unknown) => Promise<void>
  /** False = there is none of that name. What names it waits until it is registered again. */
  unregister: (name: string) => boolean
}>

export type CallbackOperations = Readonly<{ callbacks: Callbacks }>
