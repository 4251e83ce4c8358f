// Stored events: what is written comes back, what was once written is still read, and nothing that a log can hold makes the
// reader throw. I8: an event from the future is a named fault.
import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { isLeft, isRight, left, right } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import type { LedgerEvent } from '../../domain/batch.js'
import {
  decodeEvent,
  EVENT_TYPES,
  encodeEvent,
  isStoredEvent,
  type StoredEvent,
} from '../../domain/codecs.js'
import { DECODE_ERRORS_MAX } from '../../domain/eventCodec.js'
import { events, jsonText, ledgerEvent } from '../support/arbitraries.js'

const golden = new URL('../golden/', import.meta.url)
const goldenFiles = readdirSync(golden).filter((name) => /^[A-Z].*\.json$/.test(name))
const storedIn = (file: string): ReadonlyArray<StoredEvent> => {
  const found: unknown = JSON.parse(readFileSync(new URL(file, golden), 'utf8'))
  if (!Array.isArray(found) || !found.every(isStoredEvent)) throw new Error(`${file} holds no stored events`)
  return found
}
const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
const decode = ({ type, version, data }: StoredEvent) => decodeEvent(type, version, data)

const enqueuedWith = (payload: string): LedgerEvent => ({
  type: 'MessageEnqueued',
  ordinal: 1,
  callerId: undefined,
  payload,
  priority: 0,
  notBefore: 0,
  expiresAt: 0,
  attributes: undefined,
})

describe('a stored event', () => {
  it.each(Object.entries(events))('comes back as it was: %s', (type, arbitrary) => {
    fc.assert(
      fc.property(arbitrary as fc.Arbitrary<LedgerEvent>, (event) => {
        const stored = encodeEvent(event)
        expect(stored.type).toBe(type)
        expect(decodeEvent(type, stored.version, throughJson(stored.data))).toStrictEqual(right(event))
      }),
    )
  })

  it('is a JSON value: nothing in it is undefined, and its text stays the same once read and written', () => {
    fc.assert(
      fc.property(ledgerEvent, (event) => {
        const stored = encodeEvent(event)
        expect(stored.data).toStrictEqual(throughJson(stored.data))
        const read = decode({ ...stored, data: throughJson(stored.data) })
        if (isLeft(read)) throw new Error('an event that cannot be read')
        expect(JSON.stringify(encodeEvent(read.right))).toBe(JSON.stringify(stored))
      }),
    )
  })

  it('has one text, whatever the order of the fields in memory', () => {
    fc.assert(
      fc.property(ledgerEvent, (event) => {
        const turned = Object.fromEntries(Object.entries(event).reverse()) as LedgerEvent
        expect(JSON.stringify(encodeEvent(turned))).toBe(JSON.stringify(encodeEvent(event)))
      }),
    )
  })

  it('nests the payload as JSON where it comes back byte for byte', () => {
    expect(encodeEvent(enqueuedWith('{"orderId":7}')).data).toMatchObject({ payload: { orderId: 7 } })
    expect(encodeEvent(enqueuedWith('null')).data).toMatchObject({ payload: null })
  })

  it.each([
    '{ "orderId": 7 }',
    '12345678901234567890',
    '1.0',
    '{"a":1,"a":2}',
    '{"2":0,"1":0}',
    '-0',
    '',
    'no JSON',
  ])('I10: keeps the payload as text where nesting would change it: %s', (payload) => {
    const { data } = encodeEvent(enqueuedWith(payload))
    expect(data).toHaveProperty('payloadText', payload)
    expect(data).not.toHaveProperty('payload')
    expect(decodeEvent('MessageEnqueued', 1, throughJson(data))).toStrictEqual(right(enqueuedWith(payload)))
  })

  it('I10: brings any payload back byte for byte, also one that is nested deeper than the stack', () => {
    const deep = '['.repeat(20_000) + ']'.repeat(20_000)
    fc.assert(
      fc.property(jsonText, (payload) => {
        const read = decodeEvent('MessageEnqueued', 1, throughJson(encodeEvent(enqueuedWith(payload)).data))
        expect(read).toMatchObject({ right: { payload } })
      }),
      { examples: [[deep]] },
    )
  })
})

describe('golden files', () => {
  it('exist for every version of every event type', () => {
    const known = EVENT_TYPES.flatMap((type) =>
      Array.from({ length: latestVersionOf(type) }, (_, i) => `${type}.v${i + 1}.json`),
    )
    expect(goldenFiles.toSorted()).toEqual(known.toSorted())
  })

  it.each(goldenFiles)('%s is still read, and reaches the latest version', (file) => {
    for (const stored of storedIn(file)) {
      expect(file).toBe(`${stored.type}.v${stored.version}.json`)
      const read = decode(stored)
      if (isLeft(read)) throw new Error(JSON.stringify(read.left))
      const written = encodeEvent(read.right)
      if (written.version === stored.version) expect(JSON.stringify(written)).toBe(JSON.stringify(stored))
      else expect(decode(written)).toStrictEqual(read)
    }
  })
})

const latestVersionOf = (type: string): number => {
  const refused = decodeEvent(type, 0, {})
  if (isLeft(refused) && refused.left.type === 'UnknownEventVersion') return refused.left.versionKnown
  throw new Error(`${type} decodes a version 0`)
}

describe('an event that cannot be read', () => {
  it('I8: is named when its type is unknown', () => {
    for (const eventType of ['MessageForgotten', '', 'constructor', '__proto__']) {
      expect(decodeEvent(eventType, 1, {})).toEqual(left({ type: 'UnknownEventType', eventType }))
    }
  })

  it.each([2, 0, -1, 1.5, Number.NaN])(
    'I8: is named with its version and ours when it is version %s',
    (version) => {
      expect(decodeEvent('QueuePaused', version, {})).toEqual(
        left({ type: 'UnknownEventVersion', eventType: 'QueuePaused', version, versionKnown: 1 }),
      )
    },
  )

  it.each([
    [{ ordinal: -1 }, 'ordinal: expected a whole number from 0'],
    [{ ordinal: 2 ** 53 }, 'ordinal: expected a whole number from 0'],
    [{ callerId: null }, 'callerId: expected string'],
    [{ payloadText: '1' }, 'the event: either payload or payloadText, not both'],
    [{ payload: undefined }, 'payload: expected string'],
    [{ attributes: { headers: { a: 1 } } }, 'attributes.headers.a: expected string'],
    [{ attributes: { retry: { kind: 'never' } } }, 'attributes.retry: Retry policy, field kind'],
  ])('says where its data is wrong: %j', (wrong, error) => {
    const data = throughJson({ ...(encodeEvent(enqueuedWith('{}')).data as object), ...wrong })
    expect(decodeEvent('MessageEnqueued', 1, data)).toMatchObject({
      left: { type: 'InvalidEventData', eventType: 'MessageEnqueued', version: 1 },
    })
    const refused = decodeEvent('MessageEnqueued', 1, data)
    expect(isLeft(refused) && refused.left.type === 'InvalidEventData' && refused.left.errors[0]).toContain(
      error,
    )
  })

  it('tells its first few errors, not thousands, and never the values', () => {
    const headers = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`h${i}`, 4711]))
    const data = {
      ...(encodeEvent(enqueuedWith('{}')).data as object),
      attributes: { headers },
      priority: 'secret',
    }
    const refused = decodeEvent('MessageEnqueued', 1, data)
    if (!isLeft(refused) || refused.left.type !== 'InvalidEventData') throw new Error('was read')
    expect(refused.left.errors).toHaveLength(DECODE_ERRORS_MAX)
    expect(refused.left.errors.join()).not.toMatch(/secret|4711/)
  })

  it('never throws, whatever JSON it is', () => {
    const json = fc.oneof(fc.jsonValue({ maxDepth: 4 }), fc.json().map(throughJsonText))
    const version = fc.oneof(fc.constant(1), fc.integer({ min: -1, max: 3 }))
    fc.assert(
      fc.property(fc.constantFrom(...EVENT_TYPES, 'Nothing'), version, json, (type, found, data) => {
        const read = decodeEvent(type, found, data)
        expect(isLeft(read) || isRight(read)).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })

  it('never throws when one field of a good event is something else', () => {
    fc.assert(
      fc.property(ledgerEvent, fc.nat(), fc.jsonValue(), (event, anywhere, value) => {
        const { type, version, data } = encodeEvent(event)
        const fields = Object.entries(data as object)
        const at = anywhere % Math.max(1, fields.length)
        const changed = Object.fromEntries(fields.map(([key, was], i) => [key, i === at ? value : was]))
        const read = decodeEvent(type, version, throughJson(changed))
        expect(isLeft(read) || isRight(read)).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })

  it('never throws on data that is nested deeper than the stack', () => {
    const deep: unknown = JSON.parse('['.repeat(20_000) + ']'.repeat(20_000))
    const data = { ...(encodeEvent(enqueuedWith('{}')).data as object), payload: deep }
    expect(decodeEvent('MessageEnqueued', 1, data)).toMatchObject({ left: { type: 'InvalidEventData' } })
  })
})

const throughJsonText = (text: string): unknown => JSON.parse(text)
