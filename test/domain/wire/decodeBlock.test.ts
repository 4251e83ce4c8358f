// A block of a batch is read with the header alone: the same events as in the whole batch, or a refusal.

import fc from 'fast-check'
import { isRight } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { decodeBatch, decodeBlock, encodeBatch, LEAF_ROWS, leavesOf } from '../../../domain/wire/batchRows.js'
import { ByteWriter } from '../../../domain/wire/byteWriter.js'
import { eventBatch } from '../../support/arbitraries.js'

const encoded = (batch: Parameters<typeof encodeBatch>[0]): Uint8Array => {
  const rows = new ByteWriter()
  encodeBatch(batch, rows)
  return rows.bytes().slice()
}

describe('a block of a batch', () => {
  it('gives the same events as the whole batch does', () => {
    fc.assert(
      fc.property(eventBatch(undefined, 60), (batch) => {
        const bytes = encoded(batch)
        const whole = decodeBatch(bytes)
        const [header, ...blocks] = leavesOf(bytes).map(([start, end]) => bytes.subarray(start, end))
        if (header === undefined || !isRight(whole)) throw new Error('it was to be read')
        for (const [n, block] of blocks.entries()) {
          const decoded = decodeBlock(header, block, n)
          const [from, to] = [n * LEAF_ROWS, (n + 1) * LEAF_ROWS]
          const { batchId, at, epoch } = whole.right
          const events = whole.right.events.slice(from, to)
          const previous = whole.right.previous.slice(from, to)
          expect(decoded).toEqual({
            _tag: 'Right',
            right: { batchId, at, epoch, count: batch.events.length, events, previous },
          })
        }
      }),
    )
  })

  it('is refused when it is torn, longer than it says, or behind the last one; never thrown', () => {
    fc.assert(
      fc.property(eventBatch(undefined, 20), fc.nat(), fc.nat(255), (batch, at, byte) => {
        const bytes = encoded(batch)
        const [header, block] = leavesOf(bytes).map(([start, end]) => bytes.slice(start, end))
        if (header === undefined || block === undefined) return
        expect(decodeBlock(header, block.subarray(0, at % block.length), 0)._tag).toBe('Left')
        expect(decodeBlock(header, Buffer.concat([block, Buffer.of(byte)]), 0)._tag).toBe('Left')
        expect(decodeBlock(header, block, 9)._tag).toBe('Left')
        block[at % block.length] = byte
        decodeBlock(header, block, 0)
        header[at % header.length] = byte
        decodeBlock(header, block, 0)
      }),
    )
  })
})
