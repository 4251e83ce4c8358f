// The stored form where the golden files are silent: every rare part of an event as JSON, and the words for data of another
// shape (I8). What is written here stands in logs for ever.
import { left } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import type { LedgerEvent } from '../../domain/batch.js'
import { decodeEvent, EVENT_TYPES, encodeEvent } from '../../domain/codecs.js'
import { fixed } from '../../domain/retry/index.js'

const ofMessage = { ordinal: 7, callerId: 'order-7' } as const
const versionsOf = (type: string): number => {
  const refused = decodeEvent(type, 99, {})
  if (refused._tag === 'Left' && refused.left.type === 'UnknownEventVersion') return refused.left.versionKnown
  throw new Error(`${type} has a version 99`)
}

describe('I8: data of another shape', () => {
  it.each(EVENT_TYPES)('is refused by the name of the event it should have been: %s', (eventType) => {
    for (let version = 1; version <= versionsOf(eventType); version++) {
      for (const data of [5, null, [], 'text']) {
        const errors = [`the event: expected ${eventType}`]
        expect(decodeEvent(eventType, version, data)).toEqual(
          left({ type: 'InvalidEventData', eventType, version, errors }),
        )
      }
    }
  })

  const enqueued = { ordinal: 1, payload: 1, priority: 0, notBefore: 0, expiresAt: 0 }
  it.each<readonly [string, string, object, ReadonlyArray<string>]>([
    [
      'MessageEnqueued',
      'attributes',
      { ...enqueued, attributes: 5 },
      ['attributes: expected MessageAttributes or nothing'],
    ],
    [
      'MessageEnqueued',
      'parts of the attributes',
      { ...enqueued, attributes: { zone: 5, blob: 5, onSuccess: 5 } },
      [
        'attributes.zone: expected string',
        'attributes.blob: expected BlobRef',
        'attributes.onSuccess: expected CallbackTarget',
      ],
    ],
    [
      'AttemptSucceeded',
      'follow-ups',
      { ordinal: 1, fence: 1, followUps: 5 },
      ['followUps: expected FollowUps or nothing'],
    ],
    [
      'AttemptSucceeded',
      'one follow-up',
      { ordinal: 1, fence: 1, followUps: [5] },
      ['followUps.0: expected FollowUp'],
    ],
    ['MessageRedriven', 'who it was', { ordinal: 1, by: 5 }, ['by: expected Actor or nothing']],
  ])('in %s is refused where it stands: %s', (eventType, _, data, errors) => {
    expect(decodeEvent(eventType, 1, data)).toEqual(
      left({ type: 'InvalidEventData', eventType, version: 1, errors }),
    )
  })
})

describe('I10: what is stored of', () => {
  it.each<readonly [string, LedgerEvent, object]>([
    [
      'follow-ups: payloads as JSON where that is exact, as text where it is not',
      {
        type: 'AttemptSucceeded',
        ...ofMessage,
        fence: 2,
        result: '[1]',
        reconciled: true,
        followUps: [
          { queue: 'mails', payload: '{"a":1}', type: 'sent', delayMs: 5, headers: { h: 'v' } },
          { queue: 'logs', payload: '1.0' },
        ],
      },
      {
        ...ofMessage,
        fence: 2,
        result: [1],
        followUps: [
          { queue: 'mails', payload: { a: 1 }, type: 'sent', delayMs: 5, headers: { h: 'v' } },
          { queue: 'logs', payloadText: '1.0' },
        ],
        reconciled: true,
      },
    ],
    [
      'every attribute',
      {
        type: 'MessageEnqueued',
        ...ofMessage,
        payload: '{"total":12}',
        priority: -5,
        notBefore: 8,
        expiresAt: 9,
        attributes: {
          type: 'a',
          topic: 'b',
          headers: { c: 'd' },
          group: 'e',
          dedupKey: 'f',
          idempotencyKey: 'g',
          correlationId: 'h',
          causationId: 'i',
          tenant: 'j',
          zone: 'k',
          fallbackZones: ['l', 'm'],
          gate: 'n',
          retry: fixed({ delayMs: 7, retriesMax: 1 }),
          timeoutMs: 10,
          leaseMs: 11,
          retryable: false,
          batchable: false,
          cancelable: false,
          guarantee: 'fireAndForget',
          blob: { sha256: 'o', bytes: 12, location: 'p' },
          onSuccess: { queue: 'q', type: 'r' },
          onFailure: { queue: 's' },
          rerunOf: 't',
        },
      },
      {
        ...ofMessage,
        payload: { total: 12 },
        priority: -5,
        notBefore: 8,
        expiresAt: 9,
        attributes: {
          type: 'a',
          topic: 'b',
          headers: { c: 'd' },
          group: 'e',
          dedupKey: 'f',
          idempotencyKey: 'g',
          correlationId: 'h',
          causationId: 'i',
          tenant: 'j',
          zone: 'k',
          fallbackZones: ['l', 'm'],
          gate: 'n',
          retry: { kind: 'fixed', delayMs: 7, retriesMax: 1, jitter: 'none' },
          timeoutMs: 10,
          leaseMs: 11,
          retryable: false,
          batchable: false,
          cancelable: false,
          guarantee: 'fireAndForget',
          blob: { sha256: 'o', bytes: 12, location: 'p' },
          onSuccess: { queue: 'q', type: 'r' },
          onFailure: { queue: 's' },
          rerunOf: 't',
        },
      },
    ],
    [
      'who edited, why and from where',
      {
        type: 'MessageEdited',
        ...ofMessage,
        payload: '1',
        priority: 0,
        notBefore: 0,
        expiresAt: 0,
        attributes: undefined,
        cause: 'operator',
        by: { who: 'ann', why: 'typo', from: 'cli' },
      },
      {
        ...ofMessage,
        payload: 1,
        priority: 0,
        notBefore: 0,
        expiresAt: 0,
        cause: 'operator',
        by: { who: 'ann', why: 'typo', from: 'cli' },
      },
    ],
    [
      'a dead letter with its callback',
      {
        type: 'MessageDeadLettered',
        ...ofMessage,
        reason: 'waitedTooLong',
        followUps: [{ queue: 'failed', payload: 'null' }],
      },
      { ...ofMessage, reason: 'waitedTooLong', followUps: [{ queue: 'failed', payload: null }] },
    ],
    [
      'a retry that waits for a gate',
      { type: 'RetryScheduled', ordinal: 7, callerId: undefined, retryAt: 9, delayMs: 4, gate: 'ftp' },
      { ordinal: 7, retryAt: 9, delayMs: 4, gate: 'ftp' },
    ],
  ])('%s', (_, event, data) => {
    const stored = encodeEvent(event)
    expect(JSON.stringify(stored.data)).toBe(JSON.stringify(data))
    expect(decodeEvent(event.type, stored.version, data)).toEqual({ _tag: 'Right', right: event })
  })

  it.each([
    ['retryable', true],
    ['batchable', true],
    ['cancelable', true],
    ['guarantee', 'exactlyOnce'],
  ])('a wish is refused that nobody could have made: %s %j', (name, value) => {
    const { data } = encodeEvent({
      type: 'MessageEnqueued',
      ...ofMessage,
      payload: '1',
      priority: 0,
      notBefore: 0,
      expiresAt: 0,
      attributes: {},
    })
    const wrong = { ...(data as object), attributes: { [name]: value } }
    expect(decodeEvent('MessageEnqueued', 1, wrong)).toMatchObject({ left: { type: 'InvalidEventData' } })
  })
})
