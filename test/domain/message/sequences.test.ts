// Laws of one message under any sequence of commands: one live lease (I3), attempts that only a hand-back or a redrive
// takes back (I4), ends that absorb, decisions that answer everything (I8), repeats that add no second fact.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { replay } from '../../../domain/decider.js'
import { DEFAULT_FAILURE_RULES } from '../../../domain/failure/index.js'
import {
  type Message,
  type MessageCommand,
  messageDecider,
  stateAt,
  type TimedMessageEvent,
} from '../../../domain/message/index.js'
import { fixed } from '../../../domain/retry/index.js'

/** Which fence a worker presents: the live one, one from earlier, or one that nobody was given. */
type FencePick = 'live' | 'earlier' | 'unknown'
type Step = Readonly<{
  type: MessageCommand['type']
  pick: FencePick
  delayMs: number
  passMs: number
  n: number
}>

const types: ReadonlyArray<MessageCommand['type']> = [
  'EnqueueMessage',
  'StartAttempt',
  'StartAttempt',
  'SucceedAttempt',
  'FailAttempt',
  'FailAttempt',
  'ReleaseAttempt',
  'ExtendLease',
  'CancelMessage',
  'ExpireMessage',
  'RedriveMessage',
  'PurgeMessage',
]
const step: fc.Arbitrary<Step> = fc.record({
  type: fc.constantFrom(...types),
  pick: fc.oneof(
    { weight: 5, arbitrary: fc.constant<FencePick>('live') },
    { weight: 1, arbitrary: fc.constantFrom<FencePick>('earlier', 'unknown') },
  ),
  delayMs: fc.constantFrom(0, 0, 1, 50),
  passMs: fc.constantFrom(0, 0, 1, 60),
  n: fc.nat({ max: 1_000 }),
})

const rules = { ...DEFAULT_FAILURE_RULES, NETWORK: fixed({ delayMs: 20, retriesMax: 2, jitter: 'full' }) }

const operation = { id: 'orders.0.1', queue: 'orders' }

const commandOf = (taken: Step, fence: number, newFence: number, at: number): MessageCommand => {
  const { delayMs, n } = taken
  switch (taken.type) {
    case 'EnqueueMessage': {
      const expiresAt = n % 3 === 0 ? at + 1 + (n % 100) : 0
      const attributes = n % 5 === 0 ? { retry: fixed({ delayMs: 5, retriesMax: 1 }) } : undefined
      const ofMessage = { ordinal: 1, callerId: undefined, payload: 'null', priority: 0 }
      return {
        type: taken.type,
        ...ofMessage,
        notBefore: n % 4 === 0 ? at + delayMs : 0,
        expiresAt,
        attributes,
        at,
      }
    }
    case 'StartAttempt':
      return {
        type: taken.type,
        fence: newFence,
        leaseMs: 30,
        worker: `w${n % 3}`,
        claimId: undefined,
        zone: undefined,
        at,
      }
    case 'SucceedAttempt':
      return {
        type: taken.type,
        fence,
        result: undefined,
        followUps: undefined,
        reconciled: undefined,
        operation,
        at,
      }
    case 'FailAttempt': {
      const failureType = ['NETWORK', 'BUSINESS', 'CRASH', 'OWN'][n % 4] ?? 'OWN'
      const ended = (['reported', 'leaseExpired', 'workerLost'] as const)[n % 3] ?? 'reported'
      const random = n / 1_001
      const wish = n % 7 === 0 ? delayMs : undefined
      const failed = { failureType, message: '', ended, retryable: n % 11 !== 0, delayMs: wish }
      const deadLetters = n % 13 !== 0
      return {
        type: taken.type,
        fence,
        ...failed,
        rules,
        waitFor: { OWN: 'disk' },
        deadLetters,
        operation,
        random,
        at,
      }
    }
    case 'ReleaseAttempt':
      return { type: taken.type, fence, delayMs, at }
    case 'ExtendLease':
      return { type: taken.type, fence, leaseMs: 10 + n, messageTimeoutMs: 300, at }
    case 'CancelMessage':
    case 'RedriveMessage':
      return { type: taken.type, by: undefined, at }
    case 'PurgeMessage':
      return {
        type: taken.type,
        by: undefined,
        cause: 'operator',
        meant: n % 3 === 0 ? 'either' : n % 3 === 1 ? 'dead' : 'waiting',
        at,
      }
    case 'EditMessage':
      return {
        type: taken.type,
        payload: '1',
        priority: n % 7,
        notBefore: n % 4 === 0 ? at + delayMs : 0,
        expiresAt: n % 3 === 0 ? at + 1 + (n % 100) : 0,
        attributes: n % 5 === 0 ? { retryable: false } : undefined,
        cause: 'operator',
        by: undefined,
        at,
      }
    case 'GiveUpWaiting':
      return { type: taken.type, deadLetters: n % 2 === 0, operation, at }
    case 'ExpireMessage':
      return { type: taken.type, at }
  }
}

type Decided = Readonly<{
  command: MessageCommand
  before: Message
  events: ReadonlyArray<TimedMessageEvent>
  refused: boolean
  after: Message
}>

/** Runs the steps one after another; a partition hands out each fence once, in rising order. */
const run = (steps: ReadonlyArray<Step>): ReadonlyArray<Decided> => {
  let message: Message = messageDecider.initialState
  let nextFence = 1
  let at = 1_000
  return steps.map((taken): Decided => {
    at += taken.passMs
    const live = message.tag === 'Leased' ? message.fence : Math.max(0, nextFence - 1)
    const fence =
      taken.pick === 'live' ? live : taken.pick === 'earlier' ? Math.max(0, live - 1) : nextFence + 10
    const command = commandOf(taken, fence, nextFence, at)
    const before = message
    const decision = messageDecider.decide(command, before)
    const events = decision._tag === 'Right' ? decision.right : []
    if (events.some(({ event }) => event.type === 'AttemptStarted')) nextFence++
    message = replay(messageDecider, events, before)
    return { command, before, events, refused: decision._tag === 'Left', after: message }
  })
}

const forAllSequences = (
  law: (decided: ReadonlyArray<Decided>) => void,
  parameters: { numRuns: number; seed?: number } = { numRuns: 300 },
): void =>
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
      // Most sequences that do not begin with a message would say nothing.
      const first: Step = { type: 'EnqueueMessage', pick: 'live', delayMs: 0, passMs: 0, n: steps.length }
      law(run([first, ...steps]))
    }),
    parameters,
  )

const isEnd = ({ tag }: Message): boolean => tag === 'Finished'
const attemptsOf = (message: Message): number => ('attempts' in message ? message.attempts : 0)

describe('any sequence of commands on one message', () => {
  it('I8 is answered without a throw, and what was decided is taken in', () => {
    forAllSequences((decided) => expect(decided.length).toBeGreaterThan(1))
  })

  it('I8 reaches every situation, so that the laws below say something', () => {
    const seen = new Set<string>()
    // Whether a rare situation turns up must not depend on luck: always the same sequences, and many of them.
    forAllSequences(
      (decided) => {
        for (const { after } of decided) seen.add(after.tag === 'Finished' ? after.outcome : after.tag)
      },
      { seed: 20_261_122, numRuns: 2_000 },
    )
    expect([...seen].sort()).toEqual(
      ['Dead', 'Leased', 'Waiting', 'cancelled', 'expired', 'purged', 'succeeded'].sort(),
    )
  })

  it('I3 hands out a lease only when there is none, each under a greater fence', () => {
    forAllSequences((decided) => {
      let last = 0
      for (const { before, events } of decided) {
        for (const { event } of events) {
          if (event.type !== 'AttemptStarted') continue
          expect(before.tag).toBe('Waiting')
          expect(event.fence).toBeGreaterThan(last)
          last = event.fence
        }
      }
    })
  })

  it('I3 R26 settles or extends only under the fence of the live lease', () => {
    forAllSequences((decided) => {
      for (const { before, events } of decided) {
        for (const { event } of events) {
          if (event.type === 'AttemptStarted' || !('fence' in event)) continue
          expect(before).toMatchObject({ tag: 'Leased', fence: event.fence })
        }
      }
    })
  })

  it('I4 counts each claim once: only a hand-back and a redrive take attempts back', () => {
    forAllSequences((decided) => {
      for (const { before, after, events } of decided) {
        const kinds = events.map(({ event }) => event.type)
        if (isEnd(after)) continue
        if (kinds.includes('AttemptStarted')) expect(attemptsOf(after)).toBe(attemptsOf(before) + 1)
        else if (kinds.includes('AttemptReleased')) expect(attemptsOf(after)).toBe(attemptsOf(before) - 1)
        else if (kinds.includes('MessageRedriven')) expect(attemptsOf(after)).toBe(0)
        else expect(attemptsOf(after)).toBe(attemptsOf(before))
      }
    })
  })

  it('I4 numbers each attempt by the claims that count', () => {
    forAllSequences((decided) => {
      for (const { after, events } of decided) {
        for (const { event } of events) {
          if (event.type === 'AttemptStarted') expect(event.attempt).toBe(attemptsOf(after))
        }
      }
    })
  })

  it('I5 lets nothing happen to a message that has finished', () => {
    forAllSequences((decided) => {
      for (const { before, after, events } of decided) {
        if (!isEnd(before)) continue
        expect(events).toEqual([])
        expect(after).toEqual(before)
      }
    })
  })

  it('I7 records a retry decision or a dead letter with each failure, in the same batch', () => {
    forAllSequences((decided) => {
      for (const { events, after } of decided) {
        if (!events.some(({ event }) => event.type === 'AttemptFailed')) continue
        const types = events.map(({ event }) => event.type).join(' ')
        expect([
          'AttemptFailed RetryScheduled',
          'AttemptFailed MessageDeadLettered',
          // The queue keeps no dead letters (A15), or somebody wanted the message cancelled (A11).
          'AttemptFailed MessageDeadLettered MessagePurged',
          'AttemptFailed MessageCancelled',
        ]).toContain(types)
        expect(['Waiting', 'Dead', 'Finished']).toContain(after.tag)
      }
    })
  })

  it('R27 adds no second fact when a command comes again, but for heartbeats and edits, which are one each time', () => {
    forAllSequences((decided) => {
      for (const { command, after, events } of decided) {
        if (events.length === 0 || command.type === 'ExtendLease') continue
        if (command.type === 'EditMessage') continue
        const again = messageDecider.decide(command, after)
        expect(again._tag === 'Left' ? [] : again.right).toEqual([])
      }
    })
  })

  it('changes nothing when it refuses', () => {
    forAllSequences((decided) => {
      for (const { refused, before, after } of decided) if (refused) expect(after).toBe(before)
    })
  })

  it('I6 gives the same message for the events in one fold or in two', () => {
    forAllSequences((decided) => {
      const events = decided.flatMap((one) => one.events)
      const whole = replay(messageDecider, events)
      for (let cut = 0; cut <= events.length; cut++) {
        const half = replay(messageDecider, events.slice(0, cut))
        expect(replay(messageDecider, events.slice(cut), half)).toEqual(whole)
      }
    })
  })

  it('A3 has one of the nine states at any time', () => {
    forAllSequences((decided) => {
      for (const { after, command } of decided) {
        if (after.tag === 'Absent') continue
        const state = stateAt(after, command.at)
        if (after.tag === 'Waiting') {
          const due = after.dueAt <= command.at
          expect(state).toBe(due ? 'pending' : after.failureType === undefined ? 'scheduled' : 'retrying')
        } else {
          const names = { Leased: 'processing', Dead: 'dead-lettered' } as const
          expect(state).toBe(after.tag === 'Finished' ? after.outcome : names[after.tag])
        }
      }
    })
  })
})
