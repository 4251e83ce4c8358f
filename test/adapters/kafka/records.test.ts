// F4: what leaves as a record comes back as the event it was.

import fc from 'fast-check'
import { isLeft, isRight } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import type { LedgerEvent, RecordedBatch } from '../../../domain/batch.js'
import { EVENT_TYPES } from '../../../domain/codecs.js'
import { decodeRecord, keepAll, recordEncoder } from '../../../src/adapters/kafka/records.js'
import { redaction } from '../../../src/relay/redaction.js'
import { eventBatch, events } from '../../support/arbitraries.js'

const streams = fc.constantFrom(
  'partition-orders~1.0',
  'partition-orders~2.3',
  'ledger',
  'control-orders~1',
  'process-followups',
)
const recorded = fc.tuple(eventBatch(), streams, fc.nat(), fc.nat(1_000)).map(
  ([batch, stream, firstRevision, position]): RecordedBatch => ({
    ...batch,
    at: batch.at % 8_640_000_000_000_000,
    stream,
    firstRevision,
    position,
  }),
)
const encode = recordEncoder('main', keepAll)

const sample = (type: keyof typeof events): RecordedBatch => ({
  batchId: 'b-1',
  at: 1_700_000_000_000,
  epoch: 3,
  events: fc.sample(events[type] as fc.Arbitrary<LedgerEvent>, { numRuns: 1, seed: 7 }),
  previous: [-1],
  stream: 'partition-orders~1.0',
  firstRevision: 41,
  position: 99,
})

describe('records of the topic (F4)', () => {
  it('every event of every type comes back with its place in the log and in its batch', () => {
    fc.assert(
      fc.property(recorded, (batch) => {
        batch.events.forEach((event, index) => {
          const back = decodeRecord(encode(batch, index, 0))
          if (isLeft(back)) throw new Error(back.left.reason)
          expect(back.right).toMatchObject({
            ledger: 'main',
            stream: batch.stream,
            revision: batch.firstRevision + index,
            position: batch.position + index,
            batchId: batch.batchId,
            at: batch.at,
            epoch: batch.epoch,
            index,
            count: batch.events.length,
            previous: batch.previous[index],
          })
          expect(back.right.event).toEqual(event)
        })
      }),
      { numRuns: 60 },
    )
  })

  it('each type of event has a CloudEvents type of its own, and is found by it', () => {
    const types = EVENT_TYPES.map((type) => {
      const record = encode(sample(type as keyof typeof events), 0, 0)
      const back = decodeRecord(record)
      expect(isRight(back) && back.right.event.type).toBe(type)
      return record.headers.ce_type
    })
    expect(new Set(types).size).toBe(EVENT_TYPES.length)
    expect(types).toContain('io.ledgerq.message.dead_lettered.v1')
  })

  it('a record is a CloudEvent in binary mode, keyed by its message', () => {
    const { key, headers, value } = encode(sample('MessageExpired'), 0, 2)
    expect(headers).toMatchObject({
      ce_specversion: '1.0',
      ce_id: 'partition-orders~1.0/41',
      ce_source: '/ledgerq/main',
      ce_type: 'io.ledgerq.message.expired.v1',
      ce_time: '2023-11-14T22:13:20.000Z',
      ce_subject: key,
      'content-type': 'application/json',
    })
    expect(JSON.parse(value)).toHaveProperty('ordinal')
  })

  it('as Kafka hands it over, in bytes, it reads the same', () => {
    const record = encode(sample('AttemptStarted'), 0, 0)
    const bytes = (text: string): Buffer => Buffer.from(text)
    const headers = Object.fromEntries(
      Object.entries(record.headers).map(([name, text]) => [name, bytes(text)]),
    )
    expect(decodeRecord({ key: bytes(record.key), value: bytes(record.value), headers })).toEqual(
      decodeRecord(record),
    )
  })

  it('what somebody else has written, or a later version, is told apart and never taken for an event', () => {
    const record = encode(sample('MessageExpired'), 0, 0)
    const changed = (headers: Record<string, string>): unknown => {
      const decoded = decodeRecord({ ...record, headers: { ...record.headers, ...headers } })
      return isLeft(decoded) ? decoded.left.type : decoded
    }
    expect(decodeRecord({ key: null, value: null })).toMatchObject({ left: { type: 'NotOurs' } })
    expect(changed({ ledgerq_revision: '-3' })).toBe('NotOurs')
    expect(changed({ ledgerq_place: '4/2' })).toBe('NotOurs')
    expect(changed({ ce_type: 'com.example.thing' })).toBe('NotOurs')
    expect(changed({ ce_type: 'io.ledgerq.message.expired.v9' })).toBe('FromTheFuture')
    expect(changed({ ce_type: 'io.ledgerq.message.teleported.v1' })).toBe('FromTheFuture')
    expect(decodeRecord({ ...record, value: '{' })).toMatchObject({ left: { type: 'NotOurs' } })
  })

  it('with any redaction a record still decodes', () => {
    const paths = ['payload', 'payload.a', 'payload.*.b', 'result', 'result.a', 'message', 'by.who']
    const more = ['attributes.tenant', 'attributes.headers.x', 'attributes.headers.*', 'attributes.group']
    fc.assert(
      fc.property(recorded, fc.subarray([...paths, ...more]), (batch, chosen) => {
        const redacting = recordEncoder('main', redaction(chosen))
        batch.events.forEach((event, index) => {
          const back = decodeRecord(redacting(batch, index, 0))
          expect(isRight(back) && back.right.event.type).toBe(event.type)
        })
      }),
      { numRuns: 40 },
    )
  })
})
