// What is asked of messages that are there, by the rule alone: ends of attempts with all that follows, expiries, starts, an
// operator's commands, and by which id a message is told.
import { isLeft } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { circuit } from '../../domain/circuit/index.js'
import {
  failLostAttempts,
  leasesOfClaim,
  messageIdOf,
  operationOf,
  PROMOTE_MAX,
} from '../../src/engine/decideRequests.js'
import { Decisions, failing, START_AT } from './decisions.js'

const ACK = { outcome: 'ack', result: undefined } as const
const EXTEND = { outcome: 'extend', leaseMs: 5_000 } as const
const dying = {
  outcome: 'fail',
  failureType: 'SYSTEM',
  message: '',
  retryable: true,
  delayMs: undefined,
} as const
/** A partition with one message that runs. */
const running = (
  config = {},
  over = {},
): Readonly<{ partition: Decisions; ordinal: number; slot: number }> => {
  const partition = new Decisions(config)
  const ordinal = partition.one(over)
  partition.start(ordinal)
  partition.durable(ordinal)
  partition.events()
  return { partition, ordinal, slot: partition.slot(ordinal) }
}
const callbacks = { onSuccess: { queue: 'done' }, onFailure: { queue: 'failed' } }

describe('the end of an attempt', () => {
  it('that succeeds is one event with its result, and takes the payload out of memory', () => {
    const { partition, ordinal, slot } = running()
    const followUps = [{ queue: 'next', payload: '"four"' }]
    const before = partition.batch.roughBytes
    const fence = partition.fence(ordinal)
    expect(
      isLeft(partition.settle(ordinal, { ...ACK, result: '"12345"', followUps, reconciled: true })),
    ).toBe(false)
    expect(partition.events()).toEqual([
      {
        type: 'AttemptSucceeded',
        ordinal,
        callerId: undefined,
        fence,
        result: '"12345"',
        followUps,
        reconciled: true,
      },
    ])
    // 24 for the event, then the characters of the result and of the follow-up.
    expect(partition.batch.roughBytes - before).toBe(24 + 7 + 6)
    expect(partition.payloads.get(slot)).toBeUndefined()
  })

  it('that succeeds once more is the same fact, and nothing is written', () => {
    const { partition, ordinal } = running()
    const fence = partition.fence(ordinal)
    partition.settle(ordinal, ACK)
    partition.events()
    const bytes = partition.batch.roughBytes
    expect(partition.settle(ordinal, { ...ACK, result: '"late"' }, fence)).toMatchObject({ _tag: 'Right' })
    expect([partition.events(), partition.batch.roughBytes]).toEqual([[], bytes])
  })

  it('I3: is refused to whoever does not hold the lease, whatever it is', () => {
    const { partition, ordinal } = running()
    const stale = partition.fence(ordinal) + 1
    for (const outcome of [ACK, EXTEND, failing(), { outcome: 'release', delayMs: 0 } as const]) {
      expect(partition.settle(ordinal, outcome, stale)).toMatchObject({ left: { type: 'LeaseNotHeld' } })
    }
    expect(partition.events()).toEqual([])
  })

  it('that fails keeps the payload for the next one, and lets it go with the message', () => {
    const { partition, ordinal, slot } = running()
    expect(partition.keeps(ordinal)).toBe(true)
    partition.settle(ordinal, dying)
    expect(partition.types()).toEqual(['AttemptFailed', 'MessageDeadLettered'])
    expect(partition.payloads.get(slot)).toBeUndefined()

    const other = running()
    other.partition.settle(other.ordinal, failing('NETWORK', { delayMs: 70 }))
    expect(other.partition.events()).toMatchObject([
      { type: 'AttemptFailed', failureType: 'NETWORK', message: 'it failed', ended: 'reported' },
      { type: 'RetryScheduled', retryAt: START_AT + 70, delayMs: 70 },
    ])
    expect(other.partition.keeps(other.ordinal)).toBe(true)
  })

  it('C15 A15: follows the settings of the queue: the gate to wait for, and whether dead letters are kept', () => {
    const waiting = running({ waitFor: { NETWORK: 'uplink' } })
    waiting.partition.settle(waiting.ordinal, failing('NETWORK', { delayMs: 70 }))
    expect(waiting.partition.events()).toMatchObject([{}, { type: 'RetryScheduled', gate: 'uplink' }])
    const dead = running({ deadLetters: false })
    dead.partition.settle(dead.ordinal, dying)
    expect(dead.partition.types()).toEqual(['AttemptFailed', 'MessageDeadLettered', 'MessagePurged'])
  })

  it('A11: of one that was to be cancelled takes the payload along', () => {
    for (const outcome of [failing(), { outcome: 'release', delayMs: 5 } as const]) {
      const { partition, ordinal, slot } = running()
      partition.operate('cancel', ordinal)
      expect(partition.keeps(ordinal)).toBe(true)
      partition.events()
      partition.settle(ordinal, outcome)
      expect(partition.events()[1]).toMatchObject({ type: 'MessageCancelled', by: { who: 'ops' } })
      expect(partition.payloads.get(slot)).toBeUndefined()
    }
  })

  it('that is handed back is none, and the message keeps its payload', () => {
    const { partition, ordinal } = running()
    partition.settle(ordinal, { outcome: 'release', delayMs: 40 })
    expect(partition.events()).toMatchObject([{ type: 'AttemptReleased', notBefore: START_AT + 40 }])
    expect(partition.keeps(ordinal)).toBe(true)
  })

  it('A14: can be put off until the longer of two limits is reached: the message’s, and the handler’s', () => {
    for (const [messageTimeoutMs, handlerTimeoutMs] of [
      [100, 50],
      [50, 100],
    ] as const) {
      const { partition, ordinal } = running({ messageTimeoutMs, handlerTimeoutMs })
      partition.pass(99)
      expect(partition.settle(ordinal, EXTEND)).toMatchObject({ _tag: 'Right' })
      expect(partition.events()).toMatchObject([{ type: 'LeaseExtended', leaseMs: 5_000 }])
      partition.pass(1)
      expect(partition.settle(ordinal, EXTEND)).toMatchObject({
        left: { type: 'LeaseLimitReached', heldMs: 100, messageTimeoutMs: 100 },
      })
    }
  })

  it('R42: may be cut from what stands before it, and not inside', () => {
    const { partition, ordinal } = running()
    const other = partition.one()
    partition.start(other)
    const at = partition.batch.events.length
    partition.settle(ordinal, dying)
    partition.settle(other, dying)
    expect(partition.cuts.filter((cut) => cut >= at)).toEqual([at, at + 2])
  })
})

describe('C9: a message whose end is told', () => {
  it('is named there by its id, with its queue: the caller’s, or a generated one', () => {
    for (const callerId of [undefined, 'invoice-7']) {
      const { partition, ordinal } = running({}, { callerId, attributes: callbacks })
      partition.settle(ordinal, { ...ACK, result: '1' })
      const [event] = partition.events()
      if (event?.type !== 'AttemptSucceeded') throw new Error('it has not succeeded')
      const [told] = event.followUps ?? []
      expect(told?.queue).toBe('done')
      const operationId = callerId ?? 'orders.0.1'
      expect(JSON.parse(told?.payload ?? '')).toEqual({ operationId, queue: 'orders', result: 1 })
    }
  })

  it('is one with either callback; of others no id is written out', () => {
    const named = (attributes: object): string => {
      const { partition, ordinal } = running({}, { attributes })
      return operationOf(partition.context, partition.state.messageAt(ordinal)).id
    }
    expect(named(callbacks)).toBe('orders.0.1')
    expect(named({ onSuccess: callbacks.onSuccess })).toBe('orders.0.1')
    expect(named({ onFailure: callbacks.onFailure })).toBe('orders.0.1')
    expect(named({ type: 'mail' })).toBe('')
    const { partition, ordinal } = running({}, { attributes: callbacks })
    partition.settle(ordinal, dying)
    expect(operationOf(partition.context, partition.state.messageAt(ordinal))).toEqual({ id: '', queue: '' })
  })

  it('is told of a failure by lease or by the worker’s end, too', () => {
    const { partition, ordinal } = running({}, { attributes: { ...callbacks, guarantee: 'fireAndForget' } })
    expect(failLostAttempts(partition.context, (worker) => worker === 'w')).toBe(1)
    expect(partition.tag(ordinal)).toBe('Dead')
    const dead = partition.events().find(({ type }) => type === 'MessageDeadLettered')
    expect(dead).toMatchObject({ followUps: [{ queue: 'failed' }] })
  })
})

describe('a lease that is over', () => {
  it('C4: ends its attempt as a CRASH at its tick, not before, and at most so many at once', () => {
    const { partition, ordinal } = running({ leaseMs: 100 })
    partition.expire(START_AT + 99)
    expect(partition.events()).toEqual([])
    const fence = partition.fence(ordinal)
    partition.expire(START_AT + 100)
    expect(partition.events()).toMatchObject([
      {
        type: 'AttemptFailed',
        ordinal,
        fence,
        failureType: 'CRASH',
        ended: 'leaseExpired',
        message: 'the lease ran out without a heartbeat',
      },
      { type: 'RetryScheduled' },
    ])
    expect(partition.keeps(ordinal)).toBe(true)
  })

  it('A15 A11: takes the payload along where the message ends with it', () => {
    const { partition, ordinal, slot } = running({}, { attributes: { guarantee: 'fireAndForget' } })
    partition.expire(START_AT + 1_000_000)
    expect(partition.tag(ordinal)).toBe('Dead')
    expect(partition.payloads.get(slot)).toBeUndefined()
    const other = running()
    other.partition.operate('cancel', other.ordinal)
    other.partition.expire(START_AT + 1_000_000)
    expect(other.partition.events().at(-1)).toMatchObject({ type: 'MessageCancelled' })
    expect(other.partition.payloads.get(other.slot)).toBeUndefined()
  })

  it('is one of at most so many in one step, each where the batch may be cut', () => {
    const partition = new Decisions({ leaseMs: 100, maxSize: 10_000 })
    const ordinals = partition.enqueue(...Array.from({ length: PROMOTE_MAX + 5 }, () => ({})))
    for (const ordinal of ordinals) {
      partition.start(ordinal)
      partition.durable(ordinal)
    }
    const from = partition.batch.events.length
    const failed = () => partition.types().filter((type) => type === 'AttemptFailed').length
    partition.events()
    partition.expire(START_AT + 100)
    expect(failed()).toBe(PROMOTE_MAX)
    expect(partition.cuts.filter((cut) => cut >= from)).toHaveLength(PROMOTE_MAX)
    partition.expire(START_AT + 100)
    expect(failed()).toBe(5)
  })

  it('C6: counts for the circuit of the place where it ran', () => {
    const settings = circuit({ failureThreshold: 1, failureTypes: ['CRASH'] })
    const { partition } = running({ circuit: settings, leaseMs: 100 }, { attributes: { zone: 'eu' } })
    partition.expire(START_AT + 100)
    expect(partition.events().at(-1)).toMatchObject({ type: 'CircuitOpened', circuit: 'eu' })
  })
})

describe('the death of workers', () => {
  it('C5: ends the attempts of those that are certainly dead, and of nobody else', () => {
    const partition = new Decisions()
    const [one, two, three] = partition.enqueue({}, {}, {}) as [number, number, number]
    partition.start(one, { worker: 'dead' })
    partition.start(two, { worker: 'alive' })
    partition.start(three, { worker: 'dead' })
    partition.events()
    const from = partition.batch.events.length
    expect(failLostAttempts(partition.context, (worker) => worker === 'dead')).toBe(2)
    const message = 'the process that ran it ended without an answer'
    const lost = { type: 'AttemptFailed', failureType: 'CRASH', ended: 'workerLost', message }
    const events = partition.events()
    expect(events.filter(({ type }) => type === 'AttemptFailed')).toMatchObject([lost, lost])
    expect([one, two, three].map((ordinal) => partition.tag(ordinal))).toEqual([
      'Waiting',
      'Leased',
      'Waiting',
    ])
    expect(partition.cuts.filter((cut) => cut >= from)).toEqual([from, from + events.length / 2])
    expect(failLostAttempts(partition.context, (worker) => worker === 'dead')).toBe(0)
  })

  it('C6: counts for the circuit of the place where it ran, in the batch that says so', () => {
    const settings = circuit({ failureThreshold: 1, failureTypes: ['CRASH'] })
    const { partition } = running({ circuit: settings }, { attributes: { zone: 'eu' } })
    failLostAttempts(partition.context, () => true)
    expect(partition.events().at(-1)).toMatchObject({ type: 'CircuitOpened', circuit: 'eu' })
  })
})

describe('A7: a message that has expired', () => {
  it('is an event when its time has come, without its payload', () => {
    const partition = new Decisions()
    const [early, later] = partition.enqueue({ ttlMs: 50 }, { ttlMs: 60 }) as [number, number]
    const slot = partition.slot(early)
    partition.at += 50
    partition.batch = partition.newBatch()
    partition.expire(0)
    expect(partition.events()).toEqual([{ type: 'MessageExpired', ordinal: early, callerId: undefined }])
    expect(partition.payloads.get(slot)).toBeUndefined()
    expect([partition.tag(later), partition.keeps(later)]).toEqual(['Waiting', true])
    expect(partition.cuts).toEqual([0])
  })

  it('C6: is decided in one step with the circuits that are due', () => {
    const settings = circuit({ failureThreshold: 1, openMs: 20, failureTypes: ['NETWORK'] })
    const { partition, ordinal } = running({ circuit: settings })
    partition.settle(ordinal, failing('NETWORK'))
    expect(partition.events().at(-1)).toMatchObject({ type: 'CircuitOpened' })
    partition.pass(20)
    partition.expire(0)
    expect(partition.types()).toEqual(['CircuitHalfOpened'])
  })
})

describe('a start', () => {
  it('A13: lasts as long as the worker asks for, else the message, else the queue', () => {
    const leaseOf = (own: number | undefined, wished: number | undefined): number => {
      const partition = new Decisions({ leaseMs: 300 })
      const ordinal = partition.one(own === undefined ? {} : { attributes: { leaseMs: own } })
      partition.events()
      partition.start(ordinal, { leaseMs: wished, worker: 'w7', claimId: 'c7' })
      const [event] = partition.events()
      expect(event).toMatchObject({ type: 'AttemptStarted', ordinal, worker: 'w7', claimId: 'c7' })
      return event?.type === 'AttemptStarted' ? event.leaseMs : Number.NaN
    }
    expect([leaseOf(undefined, undefined), leaseOf(200, undefined), leaseOf(200, 100)]).toEqual([
      300, 200, 100,
    ])
  })

  it('C7: says where it is to run, and is none of a message that cannot be claimed', () => {
    const partition = new Decisions()
    const ordinal = partition.one({ attributes: { zone: 'eu', fallbackZones: ['us'] } })
    partition.adopt({}, { forcedCircuits: { eu: 'open' } })
    const cuts = partition.batch.events.length
    expect(partition.start(ordinal)).toBe(true)
    expect(partition.events()).toMatchObject([{ type: 'AttemptStarted', zone: 'us' }])
    expect(partition.cuts).toContain(cuts)
    expect(partition.start(ordinal)).toBe(false)
    expect(partition.events()).toEqual([])
  })
})

describe('an operator’s command', () => {
  const situations = {
    waiting: () => {
      const partition = new Decisions()
      return { partition, ordinal: partition.one() }
    },
    running: () => running(),
    dead: () => {
      const { partition, ordinal } = running()
      partition.settle(ordinal, dying)
      return { partition, ordinal }
    },
  }
  it.each([
    ['cancel', 'waiting', 'MessageCancelled'],
    ['cancel', 'running', 'CancelRequested'],
    ['cancel', 'dead', undefined],
    ['redrive', 'waiting', undefined],
    ['redrive', 'running', undefined],
    ['redrive', 'dead', 'MessageRedriven'],
    ['discard', 'waiting', undefined],
    ['discard', 'running', undefined],
    ['discard', 'dead', 'MessagePurged'],
    ['clear', 'waiting', 'MessagePurged'],
    ['clear', 'running', undefined],
    ['clear', 'dead', undefined],
    ['purge', 'waiting', 'MessagePurged'],
    ['purge', 'running', undefined],
    ['purge', 'dead', 'MessagePurged'],
  ] as const)('%s of one that is %s is %s', (command, situation, type) => {
    const { partition, ordinal } = situations[situation]()
    const slot = partition.slot(ordinal)
    partition.events()
    const answer = partition.operate(command, ordinal)
    expect(isLeft(answer)).toBe(type === undefined)
    const by = { who: 'ops' }
    const cause = type === 'MessagePurged' ? { cause: 'operator' } : {}
    expect(partition.events()).toMatchObject(type === undefined ? [] : [{ type, ordinal, by, ...cause }])
    if (situation === 'waiting') expect(partition.payloads.get(slot) === undefined).toBe(type !== undefined)
  })

  it('is refused of a message that is not there', () => {
    const { partition, ordinal } = running()
    partition.settle(ordinal, ACK)
    for (const command of ['cancel', 'redrive', 'discard', 'clear', 'purge'] as const) {
      expect(partition.operate(command, 99)).toMatchObject({ left: { type: 'MessageNotFound' } })
    }
  })
})

describe('the id of a message', () => {
  it('A1: is the caller’s while it lives, and for the window after it for who asks by it', () => {
    const partition = new Decisions({ dedupWindowMs: 100 })
    const [named, plain] = partition.enqueue({ callerId: 'a' }, {}) as [number, number]
    const idOf = (ordinal: number, asked?: string): string => messageIdOf(partition.context, ordinal, asked)
    expect([idOf(named), idOf(named, 'a'), idOf(plain)]).toEqual(['a', 'a', 'orders.0.2'])
    partition.start(named)
    partition.settle(named, ACK)
    expect([idOf(named, 'a'), idOf(named), idOf(named, 'b')]).toEqual(['a', 'orders.0.1', 'orders.0.1'])
    expect(idOf(plain, 'a')).toBe('orders.0.2')
    // Known by now under another ordinal: it is not this message's id.
    partition.pass(100)
    partition.one({ callerId: 'a' })
    expect(idOf(named, 'a')).toBe('orders.0.1')
  })
})

describe('R28: a claim id', () => {
  it('answers the leases that it was given and that still run, and is unknown otherwise', () => {
    const partition = new Decisions()
    const ordinals = partition.enqueue({}, {}, {}, {}) as [number, number, number, number]
    const [kept, done, back, dead] = ordinals
    for (const ordinal of ordinals) partition.start(ordinal, { claimId: 'c' })
    expect(leasesOfClaim(partition.state, 'other')).toBeUndefined()
    expect(leasesOfClaim(partition.state, 'c')).toEqual(ordinals.map((ordinal) => partition.slot(ordinal)))
    partition.settle(done, ACK)
    partition.settle(back, { outcome: 'release', delayMs: 0 })
    partition.settle(dead, dying)
    expect(leasesOfClaim(partition.state, 'c')).toEqual([partition.slot(kept)])
    // Started anew for another claim: a lease of its own.
    partition.start(back, { claimId: 'd' })
    expect(leasesOfClaim(partition.state, 'c')).toEqual([partition.slot(kept)])
    expect(leasesOfClaim(partition.state, 'd')).toEqual([partition.slot(back)])
  })
})
