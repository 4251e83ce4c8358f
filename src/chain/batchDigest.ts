// The hash chain over the recorded batches of one stream (§4.7). A batch's digest covers the digest before it, its place
// and its canonical bytes, so that no batch can be changed, moved, left out or put in another stream unnoticed. Inside a
// batch the leaves (domain/wire) form the Merkle tree of RFC 6962, section 2.1, so that one event can be proved by its
// own leaf and a few hashes, without showing its neighbours. Hash per batch and leaf, never per event: a lone claim costs
// four short hashes, a batch of 500 about 35.
import { hash } from 'node:crypto'
import { invariant } from '../../domain/invariant.js'
import { LEAF_ROWS, leavesOf } from '../../domain/wire/batchRows.js'

export const DIGEST_BYTES = 32
/** What stands before the first batch of a stream. */
export const GENESIS_DIGEST: Uint8Array = new Uint8Array(DIGEST_BYTES)

/** Where a batch stands. It is part of the digest: the same bytes elsewhere are another digest. */
export type BatchPlace = Readonly<{ stream: string; firstRevision: number }>

export type InclusionProof = Readonly<{
  leaf: number
  leaves: number
  /** Hashes of the neighbours on the way from the leaf to the root. */
  path: ReadonlyArray<Uint8Array>
}>

// Different first bytes keep a leaf from being passed off as an inner node and either as a link (RFC 6962, 2.1).
const LEAF_PREFIX = 0
const INNER_PREFIX = 1
const LINK_PREFIX = 2

const SCRATCH_BYTES = 4096
const scratch = Buffer.alloc(SCRATCH_BYTES)
const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')

/** Prefix and parts in one piece: one call into the hash costs less than three, even with the copy. */
const sha256Of = (prefix: number, parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  let length = 1
  for (const part of parts) length += part.length
  const whole = length <= SCRATCH_BYTES ? scratch.subarray(0, length) : Buffer.allocUnsafe(length)
  whole[0] = prefix
  let at = 1
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return sha256(whole)
}

/** The largest power of two below `count`: where RFC 6962 splits a list of two or more. */
const splitOf = (count: number): number => {
  let split = 1
  while (split * 2 < count) split *= 2
  return split
}

const rootOf = (hashes: ReadonlyArray<Uint8Array>, start: number, end: number): Uint8Array => {
  const first = hashes[start]
  invariant(first !== undefined, 'a batch has at least one leaf')
  if (end - start === 1) return first
  const middle = start + splitOf(end - start)
  return sha256Of(INNER_PREFIX, [rootOf(hashes, start, middle), rootOf(hashes, middle, end)])
}

const leafHashesOf = (bytes: Uint8Array): ReadonlyArray<Uint8Array> =>
  leavesOf(bytes).map(([start, end]) => sha256Of(LEAF_PREFIX, [bytes.subarray(start, end)]))

const linkOf = (previous: Uint8Array, place: BatchPlace, root: Uint8Array): Uint8Array => {
  const revision = Buffer.alloc(8)
  revision.writeBigUInt64LE(BigInt(place.firstRevision))
  // The name comes last: everything before it has a fixed length, so no two inputs spell the same bytes.
  return sha256Of(LINK_PREFIX, [previous, root, revision, Buffer.from(place.stream)])
}

/** Digest of the batch at `place` whose canonical bytes these are; `previous` is the digest of the batch before it. */
export const batchDigest = (previous: Uint8Array, place: BatchPlace, bytes: Uint8Array): Uint8Array => {
  invariant(previous.length === DIGEST_BYTES, 'a digest has 32 bytes')
  const hashes = leafHashesOf(bytes)
  return linkOf(previous, place, rootOf(hashes, 0, hashes.length))
}

/** The leaf in which event `index` of the batch stands; leaf 0 is the header, which every block is read with. */
export const leafOfEvent = (index: number): number => 1 + Math.floor(index / LEAF_ROWS)

/** What somebody who knows only the digests needs besides the leaf itself to be sure that it is in the batch. */
export const inclusionProof = (bytes: Uint8Array, leaf: number): InclusionProof => {
  const hashes = leafHashesOf(bytes)
  invariant(leaf >= 0 && leaf < hashes.length, 'the batch has the leaf that is to be proved')
  const path: Uint8Array[] = []
  let start = 0
  let end = hashes.length
  while (end - start > 1) {
    const middle = start + splitOf(end - start)
    if (leaf < middle) {
      path.push(rootOf(hashes, middle, end))
      end = middle
    } else {
      path.push(rootOf(hashes, start, middle))
      start = middle
    }
  }
  return { leaf, leaves: hashes.length, path: path.reverse() }
}

/** True if `leafBytes` is that leaf of the batch at `place` whose digest is `digest`. Never throws for a bad proof. */
export const verifyInclusion = (
  leafBytes: Uint8Array,
  proof: InclusionProof,
  previous: Uint8Array,
  place: BatchPlace,
  digest: Uint8Array,
): boolean => {
  const { leaf, leaves, path } = proof
  if (!Number.isSafeInteger(leaf) || leaf < 0 || leaf >= leaves) return false
  let node = sha256Of(LEAF_PREFIX, [leafBytes])
  // RFC 9162, 2.1.3.2: at each level the bits of the leaf's number say on which side the neighbour stands.
  let at = leaf
  let last = leaves - 1
  for (const neighbour of path) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      node = sha256Of(INNER_PREFIX, [neighbour, node])
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2)
        last = Math.floor(last / 2)
      }
    } else {
      node = sha256Of(INNER_PREFIX, [node, neighbour])
    }
    at = Math.floor(at / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && Buffer.compare(linkOf(previous, place, node), digest) === 0
}
