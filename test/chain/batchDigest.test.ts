// The chain sees every change of a batch, its place and its order; a proof holds for its leaf and for nothing else (G4).
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EventBatch, LedgerEvent } from '../../domain/batch.js'
import { encodeBatch, leavesOf } from '../../domain/wire/batchRows.js'
import { ByteWriter } from '../../domain/wire/byteWriter.js'
import {
  batchDigest,
  DIGEST_BYTES,
  GENESIS_DIGEST,
  inclusionProof,
  leafOfEvent,
  verifyInclusion,
} from '../../src/chain/batchDigest.js'

const acked = (ordinal: number): LedgerEvent => ({
  type: 'AttemptSucceeded',
  followUps: undefined,
  reconciled: undefined,
  ordinal,
  callerId: undefined,
  fence: ordinal + 5,
  result: undefined,
})

const bytesOf = (count: number): Uint8Array => {
  const batch: EventBatch = {
    batchId: 'w1-1',
    at: 1_790_000_000_000,
    epoch: 1,
    events: Array.from({ length: count }, (_, n) => acked(n)),
    previous: Array.from({ length: count }, (_, n) => n),
  }
  const writer = new ByteWriter()
  encodeBatch(batch, writer)
  return writer.bytes().slice()
}

const place = { stream: 'partition-orders~1.0', firstRevision: 41 }
const counts = fc.integer({ min: 1, max: 400 })

describe('the digest of a batch', () => {
  it('is SHA-256 over the previous digest, the RFC 6962 root, first revision and stream name', () => {
    const sha = (...parts: ReadonlyArray<Uint8Array>): Buffer =>
      parts.reduce((whole, part) => whole.update(part), createHash('sha256')).digest()
    const bytes = bytesOf(20)
    const [header, one, two] = leavesOf(bytes).map(([start, end]) =>
      sha(Uint8Array.of(0), bytes.subarray(start, end)),
    )
    const root = sha(Uint8Array.of(1), sha(Uint8Array.of(1), header as Buffer, one as Buffer), two as Buffer)
    const revision = Uint8Array.of(41, 0, 0, 0, 0, 0, 0, 0)
    const expected = sha(Uint8Array.of(2), GENESIS_DIGEST, root, revision, Buffer.from(place.stream))
    expect(Buffer.compare(batchDigest(GENESIS_DIGEST, place, bytes), expected)).toBe(0)
  })

  it('changes with any bit of the rows, the place and the digest before', () => {
    fc.assert(
      fc.property(counts, fc.nat(), fc.integer({ min: 0, max: 7 }), (count, at, bit) => {
        const bytes = bytesOf(count)
        const leaves = leavesOf(bytes)
        const digest = batchDigest(GENESIS_DIGEST, place, bytes)
        // A flipped length moves the leaves' borders; what is asked here is about their content.
        const [start, end] = leaves[at % leaves.length] as [number, number]
        const changed = bytes.slice()
        const offset = Math.min(end - 1, start + 5 + (at % Math.max(1, end - start - 5)))
        changed[offset] = (changed[offset] as number) ^ (1 << bit)
        expect(batchDigest(GENESIS_DIGEST, place, changed)).not.toEqual(digest)
        const previous = GENESIS_DIGEST.slice()
        previous[at % DIGEST_BYTES] = 1 << bit
        expect(batchDigest(previous, place, bytes)).not.toEqual(digest)
      }),
    )
    const bytes = bytesOf(3)
    const digest = batchDigest(GENESIS_DIGEST, place, bytes)
    expect(batchDigest(GENESIS_DIGEST, { ...place, firstRevision: 42 }, bytes)).not.toEqual(digest)
    expect(batchDigest(GENESIS_DIGEST, { ...place, stream: 'partition-orders~1.1' }, bytes)).not.toEqual(
      digest,
    )
  })
})

describe('a proof of inclusion', () => {
  it('holds for the leaf of every event, and for no other leaf, place or digest', () => {
    fc.assert(
      fc.property(counts, fc.nat(), (count, pick) => {
        const bytes = bytesOf(count)
        const leaves = leavesOf(bytes)
        const leaf = leafOfEvent(pick % count)
        const [start, end] = leaves[leaf] as [number, number]
        const leafBytes = bytes.slice(start, end)
        const digest = batchDigest(GENESIS_DIGEST, place, bytes)
        const proof = inclusionProof(bytes, leaf)
        expect(proof.leaves).toBe(leaves.length)
        expect(proof.path.length).toBeLessThanOrEqual(Math.ceil(Math.log2(leaves.length)))
        const holds = (over: Partial<typeof proof> = {}, shown = leafBytes, where = place): boolean =>
          verifyInclusion(shown, { ...proof, ...over }, GENESIS_DIGEST, where, digest)
        expect(holds()).toBe(true)
        const changed = leafBytes.slice()
        changed[pick % changed.length] = (changed[pick % changed.length] as number) ^ 1
        expect(holds({}, changed)).toBe(false)
        expect(holds({}, leafBytes, { ...place, firstRevision: 0 })).toBe(false)
        expect(holds({ leaf: leaf - 1 })).toBe(false)
        expect(holds({ path: proof.path.slice(1) })).toBe(false)
        expect(holds({ path: [...proof.path, GENESIS_DIGEST] })).toBe(false)
      }),
    )
  })

  it('is refused, not thrown at, when it makes no sense', () => {
    const digest = batchDigest(GENESIS_DIGEST, place, bytesOf(1))
    for (const leaf of [-1, 0.5, 2, Number.NaN])
      expect(
        verifyInclusion(Uint8Array.of(1), { leaf, leaves: 2, path: [] }, GENESIS_DIGEST, place, digest),
      ).toBe(false)
  })
})
