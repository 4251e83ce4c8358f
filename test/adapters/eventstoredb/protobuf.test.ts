// The protobuf that is written and read by hand equals the generated code's.
import streamsPb from '@eventstore/db-client/generated/streams_pb.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeRead, encodeProposed } from '../../../src/adapters/eventstoredb/protobuf.js'
import { caughtUpAnswer, eventAnswer, notFoundAnswer, proposedOf } from '../../support/eventstoredb/wire.js'

const bytes = fc.uint8Array({ maxLength: 300 })
const name = fc.string({ unit: 'grapheme', maxLength: 40 })

describe('F1: protobuf by hand', () => {
  it('F1: an event that is written is read by the generated code as it was', () => {
    const proposed = fc.record({
      id: fc.uuid(),
      type: fc.constantFrom('MessageEnqueued', 'AttemptStarted', 'X'),
      contentType: fc.constantFrom('application/json', 'application/octet-stream'),
      data: bytes,
      metadata: bytes,
    })
    fc.assert(
      fc.property(proposed, (event) => {
        const read = streamsPb.AppendReq.deserializeBinary(encodeProposed(event))
        const message = read.getProposedMessage()
        expect(message === undefined ? undefined : proposedOf(message)).toEqual(event)
      }),
    )
  })

  it('F1: an event that the generated code wrote is read as it was, lengths of more than a byte included', () => {
    const kept = fc.record({
      id: fc.uuid(),
      type: name,
      contentType: fc.constant('application/json'),
      data: fc.oneof(bytes, fc.constantFrom(new Uint8Array(200).fill(7), new Uint8Array(20_000).fill(7))),
      metadata: bytes,
      stream: name,
      revision: fc.nat(),
      commit: fc.maxSafeNat(),
      createdMs: fc.nat(),
    })
    fc.assert(
      fc.property(kept, (event) => {
        const { contentType: _, createdMs: __, ...expected } = event
        const found = decodeRead(Buffer.from(eventAnswer(event).serializeBinary()))
        expect({
          ...found,
          data: Buffer.from(found?.data ?? []).toString('hex'),
          metadata: Buffer.from(found?.metadata ?? []).toString('hex'),
        }).toEqual({
          ...expected,
          data: Buffer.from(event.data).toString('hex'),
          metadata: Buffer.from(event.metadata).toString('hex'),
        })
      }),
    )
  })

  it('F1: other answers and damaged ones are left to the generated code', () => {
    for (const answer of [caughtUpAnswer(), notFoundAnswer('s')])
      expect(decodeRead(Buffer.from(answer.serializeBinary()))).toBeUndefined()
    fc.assert(fc.property(bytes, (damaged) => void decodeRead(Buffer.from(damaged))))
  })
})
