// given(events).when(command).gives(events or refusal): how the tests of a decision are written. Every field of every
// expected event is spelt out, because the events are what is kept for ever.
import { expect } from 'vitest'
import type { Decider } from '../../domain/decider.js'
import { replay } from '../../domain/decider.js'
import {
  type Message,
  type MessageCommand,
  type MessageEvent,
  type MessageRefusal,
  messageDecider,
  type TimedMessageEvent,
} from '../../domain/message/index.js'

export type Outcome<Event, Refusal> = ReadonlyArray<Event> | Refusal

export const specFor =
  <S, Command, Event, Refusal>(decider: Decider<S, Command, Event, Refusal>) =>
  (history: ReadonlyArray<Event>) => ({
    when: (command: Command) => {
      const before = replay(decider, history)
      const decided = decider.decide(command, before)
      return {
        gives: (expected: Outcome<Event, Refusal>): void => {
          expect(decided._tag === 'Left' ? decided.left : decided.right).toEqual(expected)
          // Whatever was decided can be taken in (I8).
          if (decided._tag === 'Right') replay(decider, decided.right, before)
        },
      }
    },
  })

const specOfMessages = specFor(messageDecider)

export const at = (instant: number, ...events: ReadonlyArray<MessageEvent>): TimedMessageEvent[] =>
  events.map((event) => ({ event, at: instant }))

/** The history of one message; what is decided is recorded at the command's own time. */
export const given = (...history: ReadonlyArray<ReadonlyArray<TimedMessageEvent>>) => {
  const spec = specOfMessages(history.flat())
  return {
    when: (command: MessageCommand) => ({
      gives: (expected: Outcome<MessageEvent, MessageRefusal>): void =>
        spec
          .when(command)
          .gives(isRefusal(expected) ? expected : expected.map((event) => ({ event, at: command.at }))),
    }),
  }
}

const isRefusal = (expected: Outcome<MessageEvent, MessageRefusal>): expected is MessageRefusal =>
  'type' in expected

export const messageAfter = (...history: ReadonlyArray<ReadonlyArray<TimedMessageEvent>>): Message =>
  replay(messageDecider, history.flat())
