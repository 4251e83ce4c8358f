// The life of queues beside `ledger.queue(name)`, which does what is needed: opening without creating, creating with a word
// about what is there already, and whether queues come into being by being used at all.
import type * as t from 'io-ts'
import type { Actor, Queue, QueueOptions } from './index.js'

export type OpenQueueOptions<A> = Readonly<{ payload?: t.Type<A, unknown> }>

export type LifecycleOperations = Readonly<{
  /** The queue, as it is. Never creates one: rejects with NotFoundError (`queue_not_found`). */
  openQueue: <A = unknown>(name: string, options?: OpenQueueOptions<A>) => Promise<Queue<A>>
  /**
   * Creates the queue, whatever the policy. One that was created with the same settings is "already so"; with others it is
   * refused (`queue_exists`), and nothing is changed.
   */
  createQueue: <A = unknown>(name: string, options?: QueueOptions<A>, by?: Actor) => Promise<Queue<A>>
}>

export type LifecycleOptions = Readonly<{
  /**
   * Whether `ledger.queue(name)` creates a queue that is not there. Default true; with false it rejects with NotFoundError
   * (`queue_not_found`), so that a mistyped name is found at once.
   */
  autoCreateQueues?: boolean
  /** Begins the names of all streams in the log, so that several ledgers can share one: letters, digits, `_`, `-`, up to 32. */
  streamPrefix?: string
}>
