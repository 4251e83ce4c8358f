// Rows that say something a writer would have said otherwise. Each is whole and could be understood, and each is refused:
// if two spellings of one event were read, two different hashes would stand for one history (§4.7).
import fc from 'fast-check'
import { isRight } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { encodeEvent } from '../../../domain/codecs.js'
import { encodeAttributes } from '../../../domain/message/codecs.js'
import { writeAttributes } from '../../../domain/wire/attributeFields.js'
import { decodeBatch } from '../../../domain/wire/batchRows.js'
import { ByteWriter } from '../../../domain/wire/byteWriter.js'
import { writeFollowUps } from '../../../domain/wire/followUpFields.js'
import {
  DEAD_FOLLOW_UPS_IN_FIELDS,
  HAS_ATTRIBUTES,
  HAS_CLAIM_ID,
  HAS_DELAY,
  HAS_EXPIRES_AT,
  HAS_NOT_BEFORE,
  HAS_PRIORITY,
  KIND_ATTEMPT_FAILED,
  KIND_ATTEMPT_RELEASED,
  KIND_ATTEMPT_STARTED,
  KIND_ATTEMPT_SUCCEEDED,
  KIND_ENQUEUED_WITH_ATTRIBUTES,
  KIND_JSON,
  KIND_MESSAGE_DEAD_LETTERED,
  KIND_MESSAGE_ENQUEUED,
  KIND_RETRY_SCHEDULED,
  OWN_SHIFT,
  RELEASED_NOT_BEFORE,
  SUCCEEDED_FOLLOW_UPS,
  SUCCEEDED_FOLLOW_UPS_IN_FIELDS,
} from '../../../domain/wire/rowKinds.js'
import { attributes, events } from '../../support/arbitraries.js'

const AT = 1_000
type Row = (out: ByteWriter) => void

const read = (texts: ReadonlyArray<string>, ...rows: ReadonlyArray<Row>) => {
  const out = new ByteWriter()
  out.u8(1)
  const header = out.reserveU32()
  out.string('b')
  out.varint(AT)
  out.varint(1)
  out.varint(rows.length)
  out.varint(texts.length)
  for (const text of texts) out.string(text)
  out.setU32(header, out.length - header - 4)
  const block = out.reserveU32()
  for (const row of rows) row(out)
  out.setU32(block, out.length - block - 4)
  return decodeBatch(out.bytes())
}
const refused = (reason: string) => ({
  left: { type: 'BatchMalformed', reason: expect.stringContaining(reason) },
})

/** Kind, flags, ordinal 1, then signed numbers. */
const row =
  (kind: number, flags: number, ...numbers: ReadonlyArray<number>): Row =>
  (out) => {
    out.u8(kind)
    out.u8(flags)
    out.signed(1)
    for (const number of numbers) out.signed(number)
  }
const enqueued =
  (flags: number, ...numbers: ReadonlyArray<number>): Row =>
  (out) => {
    row(KIND_MESSAGE_ENQUEUED, flags, ...numbers)(out)
    out.string('{}')
  }
/** Attempt, fence and lease stand still; the texts are what matters. */
const started =
  (flags: number, ...places: ReadonlyArray<number>): Row =>
  (out) => {
    out.u8(KIND_ATTEMPT_STARTED)
    out.u8(flags)
    out.signed(1)
    out.varint(1)
    out.signed(1)
    out.signed(1)
    for (const place of places) out.varint(place)
  }

describe('a field that says what its absence says', () => {
  it.each([
    ['priority 0', enqueued(HAS_PRIORITY, 0)],
    ['a start at once', enqueued(HAS_NOT_BEFORE, -AT)],
    ['no expiry', enqueued(HAS_EXPIRES_AT, -AT)],
    ['a release at once', row(KIND_ATTEMPT_RELEASED, RELEASED_NOT_BEFORE, 1, -AT)],
    [
      'the delay that follows from the instant',
      (out: ByteWriter) => {
        row(KIND_RETRY_SCHEDULED, HAS_DELAY, 500)(out)
        out.varint(500)
      },
    ],
  ])('is refused: %s', (_, spelt) => {
    expect(read([], spelt)).toMatchObject(refused('a field that says what its absence says'))
  })

  it('is read where it says something', () => {
    expect(isRight(read([], enqueued(HAS_PRIORITY | HAS_NOT_BEFORE | HAS_EXPIRES_AT, 1, -1, 1)))).toBe(true)
    expect(isRight(read([], row(KIND_ATTEMPT_RELEASED, RELEASED_NOT_BEFORE, 1, 1)))).toBe(true)
  })
})

describe('a number that no event has', () => {
  it('is refused: a delay below zero, an ordinal below zero, an instant before 1970', () => {
    expect(read([], row(KIND_RETRY_SCHEDULED, 0, -1))).toMatchObject(refused('a delay below zero'))
    expect(read([], enqueued(HAS_NOT_BEFORE, -AT - 1))).toMatchObject(refused('a number out of range'))
    expect(
      read([], (out) => {
        out.u8(KIND_MESSAGE_ENQUEUED)
        out.u8(0)
        out.signed(-1)
        out.string('{}')
      }),
    ).toMatchObject(refused('a number out of range'))
  })

  it('is refused: a member of a closed set that is not in it', () => {
    expect(read(['T'], row(KIND_ATTEMPT_FAILED, 3 << OWN_SHIFT, 1))).toMatchObject(
      refused('an unknown value'),
    )
  })
})

describe('the table of texts', () => {
  it('is read in the order of first appearance', () => {
    expect(isRight(read(['w', 'c'], started(HAS_CLAIM_ID, 0, 1), started(HAS_CLAIM_ID, 0, 1)))).toBe(true)
  })

  it.each([
    ['in another order', ['c', 'w'], [1, 0], 'texts out of the order of their first appearance'],
    ['with a text that no event names', ['w', 'c', 'x'], [0, 1], 'a text that no event names'],
    ['with a text twice', ['w', 'w'], [0, 1], 'a text that stands twice'],
    ['without the text that is named', ['w'], [0, 1], 'no such text in the table'],
  ])('is refused %s', (_, texts, places, reason) => {
    expect(read(texts, started(HAS_CLAIM_ID, ...places))).toMatchObject(refused(reason))
  })
})

describe('a JSON row', () => {
  it.each([
    ['{"type":"QueuePaused","version":1', 'a text that is not JSON'],
    ['[]', 'JSON that is not an event'],
    ['{"type":"QueuePaused","version":"1","data":{}}', 'JSON that is not an event'],
  ])('is refused when it holds %s', (text, reason) => {
    const json: Row = (out) => {
      out.u8(KIND_JSON)
      out.u8(0)
      out.string(text)
    }
    expect(read([], json)).toMatchObject(refused(reason))
  })
})

/** Bits of attributes, then whatever the row says of them. */
const withAttributes =
  (bits: number, rest: Row): Row =>
  (out) => {
    row(KIND_ENQUEUED_WITH_ATTRIBUTES, 0)(out)
    out.string('{}')
    out.varint(bits)
    rest(out)
  }
const HEADERS_BIT = 1 << 11
const JSON_BIT = 1 << 19
const texts =
  (...all: ReadonlyArray<string>): Row =>
  (out) => {
    for (const text of all) out.string(text)
  }
const headers =
  (...all: ReadonlyArray<string>): Row =>
  (out) => {
    out.varint(all.length / 2)
    texts(...all)(out)
  }

describe('attributes in a row', () => {
  it('mean what the same attributes meant in JSON text, which the logs of the first days hold', () => {
    fc.assert(
      fc.property(attributes, (given) => {
        const inJson: Row = (out) => {
          row(KIND_MESSAGE_ENQUEUED, HAS_ATTRIBUTES)(out)
          out.string('{}')
          out.string(JSON.stringify(encodeAttributes(given)))
        }
        const inFields: Row = (out) => {
          row(KIND_ENQUEUED_WITH_ATTRIBUTES, 0)(out)
          out.string('{}')
          writeAttributes(given, out)
        }
        expect(read([], inFields)).toMatchObject({ right: { events: [{ attributes: given }] } })
        expect(read([], inFields)).toStrictEqual(read([], inJson))
      }),
    )
  })

  it('are read as they stand', () => {
    expect(read([], withAttributes(0b1001, texts('placed', 'order-7')))).toMatchObject({
      right: { events: [{ attributes: { type: 'placed', dedupKey: 'order-7' } }] },
    })
  })

  it.each<[string, string, Row]>([
    ['a bit of the future', 'unknown attribute', withAttributes(1 << 20, texts())],
    ['a header twice', 'order of their own', withAttributes(HEADERS_BIT, headers('a', '1', 'a', '2'))],
    [
      'headers that an object puts the other way round',
      'order of their own',
      withAttributes(HEADERS_BIT, headers('b', '1', '7', '2')),
    ],
    ['a header that is no field', 'cannot be one', withAttributes(HEADERS_BIT, headers('__proto__', '1'))],
    [
      'a type in the JSON of the rare ones',
      'place of its own',
      withAttributes(JSON_BIT, texts('{"type":"placed"}')),
    ],
    [
      'a rare one and a type beside it in JSON',
      'place of its own',
      withAttributes(JSON_BIT, texts('{"type":"a","onSuccess":{"queue":"q"}}')),
    ],
    ['no rare one in the JSON of the rare ones', 'place of its own', withAttributes(JSON_BIT, texts('{}'))],
  ])('refuse %s (I8)', (_, reason, spelt) => {
    expect(read([], spelt)).toMatchObject(refused(reason))
  })
})

/** Of an attempt that succeeded; `rest` says them. */
const succeededWith =
  (flags: number, rest: Row): Row =>
  (out) => {
    row(KIND_ATTEMPT_SUCCEEDED, flags, 1)(out)
    rest(out)
  }

describe('follow-ups in a row', () => {
  it('mean what the same follow-ups meant in JSON text, which the logs of the first days hold', () => {
    fc.assert(
      fc.property(events.AttemptSucceeded, ({ followUps = [], ...event }) => {
        const { data } = encodeEvent({ ...event, followUps }) as { data: { followUps: unknown } }
        const inJson = succeededWith(SUCCEEDED_FOLLOW_UPS, (out) =>
          out.string(JSON.stringify(data.followUps)),
        )
        const inFields = succeededWith(SUCCEEDED_FOLLOW_UPS_IN_FIELDS, (out) =>
          writeFollowUps(followUps, out),
        )
        expect(read([], inFields)).toMatchObject({ right: { events: [{ followUps }] } })
        expect(read([], inFields)).toStrictEqual(read([], inJson))
      }),
    )
  })

  it('in JSON text that cannot be read are refused by name (I8)', () => {
    const inJson = succeededWith(SUCCEEDED_FOLLOW_UPS, texts('[{"qeuue":"mails","payload":1}]'))
    expect(read([], inJson)).toMatchObject({
      left: { type: 'EventUndecodable', index: 0, fault: { eventType: 'AttemptSucceeded' } },
    })
  })

  it('of a death are read under their own flag, beside the reason', () => {
    const dead: Row = (out) => {
      row(KIND_MESSAGE_DEAD_LETTERED, (1 << OWN_SHIFT) | DEAD_FOLLOW_UPS_IN_FIELDS)(out)
      writeFollowUps([{ queue: 'alarms', payload: '7', delayMs: 5 }], out)
    }
    expect(read([], dead)).toMatchObject({
      right: {
        events: [{ reason: 'budgetExceeded', followUps: [{ queue: 'alarms', payload: '7', delayMs: 5 }] }],
      },
    })
  })

  it.each<[string, string, Row]>([
    [
      'both as fields and as JSON',
      'stand twice',
      succeededWith(SUCCEEDED_FOLLOW_UPS | SUCCEEDED_FOLLOW_UPS_IN_FIELDS, texts('[]')),
    ],
    [
      'with a field of the future',
      'unknown field',
      succeededWith(SUCCEEDED_FOLLOW_UPS_IN_FIELDS, (out) => {
        out.varint(1)
        out.u8(8)
      }),
    ],
    [
      'fewer than they say',
      'ends too early',
      succeededWith(SUCCEEDED_FOLLOW_UPS_IN_FIELDS, (out) => out.varint(1)),
    ],
  ])('are refused %s (I8)', (_, reason, spelt) => {
    expect(read([], spelt)).toMatchObject(refused(reason))
  })
})
