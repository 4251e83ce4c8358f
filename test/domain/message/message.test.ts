// What a message keeps of what came with it, and the words that users see for its states and priorities.
import { describe, expect, it } from 'vitest'
import {
  decideMessage,
  MESSAGE_STATES,
  type MessageAttributes,
  NO_WISHES,
  PRIORITY_MAX,
  PRIORITY_MIN,
  PRIORITY_NAMES,
  wishesOf,
} from '../../../domain/message/index.js'
import { fixed } from '../../../domain/retry/index.js'
import { at, messageAfter } from '../../support/spec.js'
import { commands, enqueued, started } from './situations.js'

const wished: MessageAttributes = {
  type: 'order.placed',
  topic: 'orders.eu',
  group: 'customer-1',
  tenant: 'acme',
  zone: 'north',
  fallbackZones: ['south'],
  gate: 'ftp',
  retry: fixed(),
  timeoutMs: 5,
  leaseMs: 6,
  retryable: false,
  cancelable: false,
  guarantee: 'fireAndForget',
  onSuccess: { queue: 'done' },
  onFailure: { queue: 'failed' },
}
const carried: MessageAttributes = {
  headers: { a: 'b' },
  dedupKey: 'd',
  idempotencyKey: 'i',
  correlationId: 'c',
  causationId: 'e',
  batchable: false,
  blob: { sha256: 'f', bytes: 1, location: 'l' },
  rerunOf: 'orders.0.1',
}

describe('what a message remembers of its sender', () => {
  it('A13: is everything that bears on a decision, and nothing that only travels along', () => {
    expect(wishesOf({ ...wished, ...carried })).toStrictEqual(wished)
    expect(wishesOf(carried)).toBe(NO_WISHES)
    expect(wishesOf(undefined)).toBe(NO_WISHES)
  })
})

describe('C9 a callback', () => {
  const told = (attributes: MessageAttributes, result: string | undefined): unknown => {
    const leased = messageAfter(at(1_000, { ...enqueued, attributes }), at(2_000, started))
    const decision = decideMessage({ ...commands.SucceedAttempt, result }, leased)
    return decision._tag === 'Right' && decision.right[0]?.type === 'AttemptSucceeded'
      ? decision.right[0].followUps
      : decision
  }

  it('tells null where the handler returned nothing, and has no type unless one was asked for', () => {
    expect(told({ onSuccess: { queue: 'done' } }, undefined)).toStrictEqual([
      { queue: 'done', payload: '{"operationId":"order-7","queue":"orders","result":null}' },
    ])
    expect(told({ onSuccess: { queue: 'done', type: 'shipped' } }, '[1]')).toStrictEqual([
      { queue: 'done', payload: '{"operationId":"order-7","queue":"orders","result":[1]}', type: 'shipped' },
    ])
  })
})

describe('the words users see', () => {
  it('A3: are nine states', () => {
    expect(MESSAGE_STATES).toEqual([
      'scheduled',
      'pending',
      'retrying',
      'processing',
      'dead-lettered',
      'succeeded',
      'cancelled',
      'expired',
      'purged',
    ])
  })

  it('B2: are three names for priorities between -1000 and 1000', () => {
    expect(PRIORITY_NAMES).toEqual({ high: 10, normal: 0, low: -10 })
    expect([PRIORITY_MIN, PRIORITY_MAX]).toEqual([-1_000, 1_000])
  })
})
