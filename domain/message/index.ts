// The message and its decider; the only import path from outside this folder.
import type { Decider } from '../decider.js'
import type { EpochMs } from '../time.js'
import type { MessageCommand } from './commands.js'
import { decide } from './decide.js'
import type { MessageEvent } from './events.js'
import { evolve } from './evolve.js'
import { ABSENT, type Message } from './message.js'
import type { MessageRefusal } from './refusals.js'

export { SYSTEM_FAILURE } from './afterAttempt.js'
export * from './commands.js'
export { decide as decideMessage } from './decide.js'
export * from './events.js'
export { evolve as evolveMessage } from './evolve.js'
export * from './message.js'
export * from './refusals.js'

/** A message event with the recorded time of its batch. */
export type TimedMessageEvent = Readonly<{ event: MessageEvent; at: EpochMs }>

export const messageDecider: Decider<Message, MessageCommand, TimedMessageEvent, MessageRefusal> = {
  initialState: ABSENT,
  decide: (command, message) => {
    const decision = decide(command, message)
    return decision._tag === 'Left'
      ? decision
      : { _tag: 'Right', right: decision.right.map((event) => ({ event, at: command.at })) }
  },
  evolve: (message, { event, at }) => evolve(message, event, at),
}
