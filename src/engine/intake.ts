// Requests that wait to be decided, in the order they came within their kind. Bounded in messages; settlements are never
// turned away, because each of them ends something.
import type { PartitionRefusal, Reply } from './replies.js'
import type { ActRequest, EnqueueRequest, SettleRequest } from './requests.js'

/** Messages waiting to be decided; above it callers are told to come back (429). */
export const PENDING_MESSAGES_MAX = 100_000

export class Intake {
  readonly settlements: SettleRequest[] = []
  readonly others: ActRequest[] = []
  readonly enqueues: EnqueueRequest[] = []
  private pendingMessages = 0

  /** Requests, not messages. */
  get size(): number {
    return this.settlements.length + this.others.length + this.enqueues.length
  }

  addEnqueue(request: EnqueueRequest): PartitionRefusal | undefined {
    const pending = this.pendingMessages + request.messages.length
    if (pending > PENDING_MESSAGES_MAX) {
      return { type: 'Overloaded', pending, pendingMax: PENDING_MESSAGES_MAX }
    }
    this.pendingMessages = pending
    this.enqueues.push(request)
    return undefined
  }

  /** The request is being decided: its messages wait no more. */
  enqueueTaken({ messages }: EnqueueRequest): void {
    this.pendingMessages -= messages.length
  }

  answerAll(reply: Reply<never>): void {
    for (const request of this.settlements.splice(0)) request.answer(reply)
    for (const request of this.enqueues.splice(0)) request.answer(reply)
    for (const request of this.others.splice(0)) request.answer(reply)
  }
}

/** Takes requests from the front until there is enough; at least one. */
export function* takeWhile<A>(requests: A[], enough: () => boolean): Iterable<A> {
  if (requests.length === 0) return
  let taken = 0
  for (const request of requests) {
    if (taken > 0 && enough()) break
    taken++
    yield request
  }
  requests.splice(0, taken)
}
