// The bytes of a batch: they come back as the same batch, the same batch gives the same bytes, and no other bytes are
// taken for one. I8: what is unknown is named, never skipped.

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { isLeft, left, right } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { type EventBatch, type LedgerEvent, NO_REVISION } from '../../../domain/batch.js'
import { decodeEvent, isLatestVersion, type StoredEvent } from '../../../domain/codecs.js'
import { Defect } from '../../../domain/invariant.js'
import type { MessageAttributes } from '../../../domain/message/index.js'
import { decodeBatch, encodeBatch, LEAF_ROWS, leavesOf } from '../../../domain/wire/batchRows.js'
import { ByteWriter } from '../../../domain/wire/byteWriter.js'
import { KIND_JSON, ROW_KINDS } from '../../../domain/wire/rowKinds.js'
import { eventBatch, events } from '../../support/arbitraries.js'

const bytesOf = (batch: EventBatch): Uint8Array => {
  const out = new ByteWriter(8)
  encodeBatch(batch, out)
  return out.bytes().slice()
}

const batchOf = (
  recorded: ReadonlyArray<LedgerEvent>,
  previous = recorded.map(() => NO_REVISION),
): EventBatch => ({
  batchId: 'writer-7.42',
  at: 1_780_000_000_000,
  epoch: 3,
  events: recorded,
  previous,
})

const started = (i: number): LedgerEvent => ({
  type: 'AttemptStarted',
  zone: undefined,
  ordinal: 1_000_000 + i,
  callerId: undefined,
  attempt: 1,
  fence: 2_000_000 + i,
  leaseMs: 30_000,
  worker: 'host-1:4711:0',
  claimId: undefined,
})
const succeeded = (i: number): LedgerEvent => ({
  type: 'AttemptSucceeded',
  followUps: undefined,
  reconciled: undefined,
  ordinal: 1_000_000 + i,
  callerId: undefined,
  fence: 2_000_000 + i,
  result: undefined,
})
const paused: LedgerEvent = { type: 'QueuePaused', by: { who: 'ada' } }

/** The rare attributes stand in the row as JSON text. */
const withoutJson = (attributes: MessageAttributes | undefined): MessageAttributes | undefined => {
  const { retry, blob, onSuccess, onFailure, ...fields } = attributes ?? {}
  return attributes === undefined ? undefined : fields
}

/** Events whose rows hold no JSON text: there one event has one spelling, to the byte. */
const plainEvent = fc.oneof<fc.Arbitrary<LedgerEvent>[]>(
  events.MessageEnqueued.map((enqueued) => ({ ...enqueued, attributes: withoutJson(enqueued.attributes) })),
  events.AttemptStarted,
  events.LeaseExtended,
  events.AttemptSucceeded,
  events.AttemptFailed,
  events.RetryScheduled,
  events.MessageDeadLettered,
  events.AttemptReleased,
)

describe('a batch in its canonical bytes', () => {
  it('comes back as it was, whatever its events', () => {
    fc.assert(
      fc.property(eventBatch(), (batch) => {
        expect(decodeBatch(bytesOf(batch))).toStrictEqual(right(batch))
      }),
    )
  })

  it('has one spelling: what was read is written as the same bytes (§4.7)', () => {
    fc.assert(
      fc.property(eventBatch(), (batch) => {
        const bytes = bytesOf(batch)
        const read = decodeBatch(bytes)
        expect(isLeft(read)).toBe(false)
        if (!isLeft(read)) expect(bytesOf(read.right)).toEqual(bytes)
      }),
    )
  })

  it('does not depend on where in a buffer it is written or read', () => {
    fc.assert(
      fc.property(eventBatch(), eventBatch(), (first, second) => {
        const out = new ByteWriter(8)
        encodeBatch(first, out)
        const cut = out.length
        encodeBatch(second, out)
        expect(decodeBatch(out.bytes().subarray(0, cut))).toEqual(right(first))
        expect(decodeBatch(out.bytes(cut))).toEqual(right(second))
        expect(out.bytes(cut).slice()).toEqual(bytesOf(second))
      }),
      { numRuns: 30 },
    )
  })

  it('keeps the event budget: 16 bytes for a claim, 10 for an ack, in a batch of neighbours', () => {
    const claims = bytesOf(
      batchOf(
        Array.from({ length: 100 }, (_, i) => started(i)),
        indexes(100, 5_000_000),
      ),
    )
    const acks = bytesOf(
      batchOf(
        Array.from({ length: 100 }, (_, i) => succeeded(i)),
        indexes(100, 6_000_000),
      ),
    )
    expect(claims.length / 100).toBeLessThanOrEqual(16)
    expect(acks.length / 100).toBeLessThanOrEqual(10)
  })

  const golden = (file: string): { batch: EventBatch; bytes: Uint8Array } => {
    const url = new URL(`../../golden/${file}`, import.meta.url)
    const { hex, events: stored, ...rest }: GoldenBatch = JSON.parse(readFileSync(url, 'utf8'))
    const recorded = stored.map(({ type, version, data }) => decodeEvent(type, version, data))
    const older = new Map(
      stored.flatMap((form, n) => (isLatestVersion(form.type, form.version) ? [] : [[n, form] as const])),
    )
    const events = recorded.map((read) => (isLeft(read) ? paused : read.right))
    const batch = { ...rest, events, ...(older.size === 0 ? {} : { older }) }
    return { batch, bytes: new Uint8Array(Buffer.from(hex.join(''), 'hex')) }
  }

  it.each(['batch.v1.json', 'batch.v1.second.json', 'batch.v1.third.json'])(
    'is read as it was written (golden): %s',
    (file) => {
      const { batch, bytes } = golden(file)
      expect(decodeBatch(bytes)).toStrictEqual(right(batch))
    },
  )

  it('R63: an event of an older version is read in its form of today, kept as it stands, and spelt so again', () => {
    const form = { type: 'MessagePurged', version: 1, data: { ordinal: 7, by: { who: 'ada' } } }
    const read = decodeEvent(form.type, form.version, form.data)
    if (isLeft(read)) throw new Error(read.left.type)
    const batch = batchOf([started(0), read.right, started(1)])
    const bytes = bytesOf({ ...batch, older: new Map([[1, form]]) })
    expect(bytes).not.toEqual(bytesOf(batch))
    expect(Buffer.from(bytes).toString('latin1')).toContain(JSON.stringify(form))
    const found = decodeBatch(bytes)
    expect(found).toStrictEqual(right({ ...batch, older: new Map([[1, form]]) }))
    if (!isLeft(found)) expect(bytesOf(found.right)).toEqual(bytes)
  })

  it('is spelt as it was when the newest kinds of its rows were fixed (golden)', () => {
    const { batch, bytes } = golden('batch.v1.third.json')
    expect(bytesOf(batch)).toEqual(bytes)
  })

  it('refuses to write what could not be read back', () => {
    const broken: ReadonlyArray<EventBatch> = [
      batchOf([started(0)], []),
      { ...batchOf([started(0)]), at: -1 },
      { ...batchOf([started(0)]), batchId: 'half a pair: \ud83d' },
      batchOf([{ ...started(0), fence: 0.5 } as LedgerEvent]),
      batchOf([{ ...started(0), ordinal: -1 } as LedgerEvent]),
      batchOf([{ ...started(0), attempt: 2 ** 53 } as LedgerEvent]),
      batchOf([{ ...started(0), leaseMs: Number.NaN } as LedgerEvent]),
      batchOf([
        {
          type: 'MessageDeadLettered',
          followUps: undefined,
          ordinal: 1,
          callerId: undefined,
          reason: 'bored',
        } as never,
      ]),
      batchOf([{ type: 'MessageForgotten' } as never]),
    ]
    for (const batch of broken) expect(() => bytesOf(batch)).toThrow(Defect)
  })
})

const indexes = (count: number, from: number): number[] => Array.from({ length: count }, (_, i) => from + i)

describe('the Merkle leaves of a batch', () => {
  it('are the header and one block for every 16 rows, without a gap', () => {
    fc.assert(
      fc.property(eventBatch(), (batch) => {
        const bytes = bytesOf(batch)
        const leaves = leavesOf(bytes)
        expect(leaves).toHaveLength(1 + Math.ceil(batch.events.length / LEAF_ROWS))
        expect(leaves.map(([start]) => start)).toEqual([0, ...leaves.slice(0, -1).map(([, end]) => end)])
        expect(leaves.at(-1)?.[1]).toBe(bytes.length)
      }),
    )
  })

  it('change one at a time: an event touches the leaf it stands in and no other', () => {
    const claims = Array.from({ length: 40 }, (_, i) => started(i))
    const bytes = bytesOf(batchOf(claims))
    const other = bytesOf(
      batchOf(claims.map((claim, i) => (i === 20 ? { ...claim, attempt: 2 } : claim)) as LedgerEvent[]),
    )
    const changed = leavesOf(bytes).map(
      ([start, end]) => !equal(bytes.subarray(start, end), other.subarray(start, end)),
    )
    expect(changed).toEqual([false, false, true, false])
  })

  it('are not looked for in bytes that are no batch', () => {
    expect(() => leavesOf(new Uint8Array(3))).toThrow(Defect)
    expect(() => leavesOf(bytesOf(batchOf([paused])).subarray(0, -1))).toThrow(Defect)
  })
})

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

describe('reading bytes that no writer wrote', () => {
  it('names the format version it does not know', () => {
    const bytes = bytesOf(batchOf([paused]))
    bytes[0] = 2
    expect(decodeBatch(bytes)).toEqual(left({ type: 'UnknownFormatVersion', version: 2 }))
  })

  it('I8: names a row kind of the future and the event it stopped at, and skips nothing', () => {
    const bytes = bytesOf(batchOf([started(0), paused]))
    expect(bytes[jsonRowAt(bytes)]).toBe(KIND_JSON)
    bytes[jsonRowAt(bytes)] = ROW_KINDS
    expect(decodeBatch(bytes)).toEqual(left({ type: 'UnknownRowKind', kind: ROW_KINDS, index: 1 }))
  })

  it.each([
    [
      '"version":1',
      '"version":7',
      { type: 'UnknownEventVersion', eventType: 'QueuePaused', version: 7, versionKnown: 1 },
    ],
    ['QueuePaused', 'QueuePaysed', { type: 'UnknownEventType', eventType: 'QueuePaysed' }],
    ['"ada"', '12345', expect.objectContaining({ type: 'InvalidEventData', eventType: 'QueuePaused' })],
  ])('I8: names an event it cannot read: %s as %s', (found, instead, fault) => {
    const bytes = bytesOf(batchOf([started(0), paused]))
    const at = Buffer.from(bytes.buffer).indexOf(found)
    bytes.set(new TextEncoder().encode(instead), at)
    expect(decodeBatch(bytes)).toEqual(left({ type: 'EventUndecodable', index: 1, fault }))
  })

  it('R04: refuses every beginning of a batch that is not all of it', () => {
    fc.assert(
      fc.property(eventBatch(undefined, 20), (batch) => {
        const bytes = bytesOf(batch)
        for (let end = 0; end < bytes.length; end++) {
          expect(decodeBatch(bytes.subarray(0, end))).toMatchObject({ left: { type: 'BatchMalformed' } })
        }
      }),
      { numRuns: 15 },
    )
  })

  it('refuses bytes after the end', () => {
    fc.assert(
      fc.property(eventBatch(), fc.uint8Array({ minLength: 1, maxLength: 40 }), (batch, more) => {
        const bytes = bytesOf(batch)
        const longer = new Uint8Array([...bytes, ...more])
        expect(isLeft(decodeBatch(longer))).toBe(true)
      }),
    )
  })

  it('R05: a flipped bit is refused, or gives another batch that is spelt just so; it never throws', () => {
    fc.assert(
      fc.property(eventBatch(plainEvent, 8), fc.nat(), (batch, anywhere) => {
        const bytes = bytesOf(batch)
        const bit = anywhere % (bytes.length * 8)
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        const read = decodeBatch(bytes)
        if (isLeft(read)) return
        expect(read.right).not.toEqual(batch)
        expect(bytesOf(read.right)).toEqual(bytes)
      }),
      { numRuns: 300 },
    )
  })

  it('never throws on any bytes, nor on a batch with any bytes in it', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        eventBatch(undefined, 10),
        fc.nat(),
        (noise, batch, at) => {
          decodeBatch(noise)
          decodeBatch(new Uint8Array([1, ...noise]))
          const bytes = bytesOf(batch)
          bytes.set(noise.subarray(0, Math.max(0, bytes.length - (at % bytes.length))), at % bytes.length)
          decodeBatch(bytes)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('reads nothing beyond the bytes it was given', () => {
    fc.assert(
      fc.property(eventBatch(), fc.nat(), fc.boolean(), (batch, anywhere, ones) => {
        const bytes = bytesOf(batch)
        bytes[anywhere % bytes.length] = 0xff
        // The same bytes amid other surroundings: any look outside would tell the two apart.
        const zeros = new Uint8Array(bytes.length + 64)
        const noise = new Uint8Array(bytes.length + 64).fill(ones ? 0xff : 0x41)
        zeros.set(bytes, 32)
        noise.set(bytes, 32)
        const inside = [zeros, noise].map((around) => decodeBatch(around.subarray(32, 32 + bytes.length)))
        expect(inside[0]).toEqual(inside[1])
      }),
    )
  })

  it('does not believe a count: a header that promises 2^53 events costs nothing', () => {
    const out = new ByteWriter()
    out.u8(1)
    const header = out.reserveU32()
    out.string('b')
    out.varint(0)
    out.varint(1)
    out.varint(Number.MAX_SAFE_INTEGER)
    out.varint(0)
    out.setU32(header, out.length - header - 4)
    expect(decodeBatch(out.bytes())).toMatchObject({
      left: { type: 'BatchMalformed', reason: 'ends too early' },
    })
  })
})

type GoldenBatch = Omit<EventBatch, 'events'> & Readonly<{ events: StoredEvent[]; hex: string[] }>

/** Where the row of the JSON event starts: two bytes and a length before its text. */
const jsonRowAt = (bytes: Uint8Array): number => Buffer.from(bytes.buffer).indexOf('{"type"') - 3
