// What a queue under test is asked, whatever it is made of, and what can be seen of its messages. The core answers at once,
// the engine when its log has answered; the model is compared with both in the same words.
import type { Message } from '../../domain/message/index.js'
import type {
  Answer,
  Edit,
  Lease,
  ModelMessage,
  NewMessage,
  Operation,
  Outcome,
  Placed,
  Started,
  Wish,
} from './queueModel.js'

export type QueueUnderTest = Readonly<{
  now: () => number
  enqueue: (messages: ReadonlyArray<NewMessage>) => Promise<ReadonlyArray<Placed> | 'QueueFull'>
  claim: (wish: Wish) => Promise<ReadonlyArray<Started>>
  settle: (lease: Lease, outcome: Outcome) => Promise<Answer>
  operate: (what: Operation, ordinal: number) => Promise<Answer>
  edit: (ordinal: number, edit: Edit) => Promise<Answer>
  pause: (paused: boolean) => Promise<void>
  pass: (ms: number) => Promise<void>
  /** The process dies, and another one takes up what is in the log. */
  crash: () => Promise<void>
  message: (ordinal: number) => Message
  /** Throws when the state is not what the log gives (I6). */
  checkReplay: () => Promise<void>
}>

/** Of a message that has ended only that: how long its end is remembered is no promise. */
export type Seen = Readonly<Record<string, unknown>>

export const seenOfModel = (message: ModelMessage): Seen => {
  const { state, attempts, priority, expiresAt, dueAt, inDoubt, fence, cancelAsked } = message
  switch (state) {
    case 'waiting':
      return { state, attempts, priority, expiresAt, dueAt, inDoubt }
    case 'leased':
      return { state, attempts, priority, expiresAt, inDoubt, fence, cancelAsked }
    case 'dead':
      return { state, attempts, priority }
    default:
      return { state: 'ended' }
  }
}

export const seenOfMessage = (message: Message): Seen => {
  switch (message.tag) {
    case 'Waiting': {
      const { attempts, priority, expiresAt, dueAt, inDoubt } = message
      return { state: 'waiting', attempts, priority, expiresAt, dueAt, inDoubt }
    }
    case 'Leased': {
      const { attempts, priority, expiresAt, inDoubt, fence, cancelRequested } = message
      const cancelAsked = cancelRequested !== undefined
      return { state: 'leased', attempts, priority, expiresAt, inDoubt, fence, cancelAsked }
    }
    case 'Dead':
      return { state: 'dead', attempts: message.attempts, priority: message.priority }
    case 'Finished':
    case 'Absent':
      return { state: 'ended' }
  }
}
