// A proof that events stand in a ledger's history, for somebody who has only this file and a digest that he kept (G4): the leaves
// in which they stand, their Merkle paths, and of every batch from the first of them to the end one hash. Whoever knows the digest
// at the end, or at any batch behind the events, knows that they were recorded so, in this place, and before it. What shares a
// leaf with them (at most 15 rows) is shown as well; of all other events nothing is.
import { isLeft } from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { LedgerEvent } from '../../domain/batch.js'
import { decodeBatch, decodeBlock, LEAF_ROWS, leavesOf } from '../../domain/wire/batchRows.js'
import {
  chainLink,
  DIGEST_BYTES,
  inclusionProof,
  leafOfEvent,
  merkleRoot,
  rootFromLeaf,
} from './batchDigest.js'
import type { ChainedBatch } from './chainedBatch.js'

const FORMAT = 'ledgerq-proof'
const VERSION = 1
const STREAM_CHARS_MAX = 400

const HexCodec = t.refinement(
  t.string,
  (text) => new RegExp(`^[0-9a-f]{${2 * DIGEST_BYTES}}$`).test(text),
  'Digest',
)
const RevisionCodec = t.refinement(t.number, (n) => Number.isSafeInteger(n) && n >= 0, 'Revision')
const LeafCodec = t.strict({ leaf: RevisionCodec, bytes: t.string, path: t.array(HexCodec) })
/** A batch of which nothing is shown: the root of its tree is all that the chain needs. */
const PassedCodec = t.strict({ firstRevision: RevisionCodec, root: HexCodec })
/** The first leaf is the batch's header, which the others are read with. */
const ShownCodec = t.strict({
  firstRevision: RevisionCodec,
  leaves: RevisionCodec,
  shown: t.array(LeafCodec),
})
const ProofCodec = t.strict({
  format: t.literal(FORMAT),
  version: t.literal(VERSION),
  /** For people; the events say it themselves. */
  of: t.string,
  stream: t.refinement(t.string, (name) => name.length > 0 && name.length <= STREAM_CHARS_MAX, 'Stream'),
  revisions: t.array(RevisionCodec),
  /** Digest of the batch before the first one here. */
  previous: HexCodec,
  chain: t.array(t.union([ShownCodec, PassedCodec])),
  head: t.strict({ revision: RevisionCodec, digest: HexCodec }),
})
export type EventProof = t.TypeOf<typeof ProofCodec>
type Shown = t.TypeOf<typeof ShownCodec>

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const bytesOf = (text: string): Buffer => Buffer.from(text, 'hex')

/** Grows batch by batch, in the order of the stream; nothing is kept of what stands before the first proved event. */
export class ProofBuilder {
  private readonly chain: EventProof['chain'] = []
  private readonly revisions: number[] = []
  private previous = ''
  private last: ChainedBatch | undefined

  constructor(
    private readonly of: string,
    private readonly isOfIt: (event: LedgerEvent) => boolean,
  ) {}

  /** False = the batch is none. */
  add(batch: ChainedBatch): boolean {
    const decoded = decodeBatch(batch.bytes)
    if (isLeft(decoded)) return false
    const found = decoded.right.events.flatMap((event, index) => (this.isOfIt(event) ? [index] : []))
    if (found.length === 0 && this.chain.length === 0) return true
    if (this.chain.length === 0) this.previous = hex(batch.previousDigest)
    for (const index of found) this.revisions.push(batch.firstRevision + index)
    const { firstRevision, bytes } = batch
    this.chain.push(
      found.length === 0 ? { firstRevision, root: hex(merkleRoot(bytes)) } : shownOf(batch, found),
    )
    this.last = batch
    return true
  }

  /** undefined = there is no such event. */
  proof(): EventProof | undefined {
    const { last, of, revisions, previous, chain } = this
    if (last === undefined) return undefined
    const head = { revision: last.firstRevision + last.events - 1, digest: hex(last.digest) }
    return { format: FORMAT, version: VERSION, of, stream: last.stream, revisions, previous, chain, head }
  }
}

const shownOf = ({ firstRevision, bytes }: ChainedBatch, indexes: ReadonlyArray<number>): Shown => {
  const leaves = leavesOf(bytes)
  const wanted = [0, ...new Set(indexes.map(leafOfEvent))]
  const shown = wanted.map((leaf) => {
    const [start, end] = leaves[leaf] ?? [0, 0]
    const { path } = inclusionProof(bytes, leaf)
    return { leaf, bytes: Buffer.from(bytes.subarray(start, end)).toString('base64'), path: path.map(hex) }
  })
  return { firstRevision, leaves: leaves.length, shown }
}

export type ProvedEvent = Readonly<{ revision: number; at: number; epoch: number; event: LedgerEvent }>

export type Judgement =
  | Readonly<{ holds: false; reason: string }>
  | Readonly<{
      holds: true
      of: string
      stream: string
      events: ReadonlyArray<ProvedEvent>
      head: Readonly<{ revision: number; digest: string }>
      /** Where the digest that was given stands: all events above are covered by it. undefined = none was given. */
      anchoredAt: number | undefined
    }>

const no = (reason: string): Judgement => ({ holds: false, reason })

/** Of whatever JSON value. `digest`: one that was kept elsewhere; without it, what the proof ends in is to be compared by hand. */
export const judgeProof = (value: unknown, digest?: string): Judgement => {
  const decoded = ProofCodec.decode(value)
  if (isLeft(decoded)) return no('it is not a proof of this version')
  const proof = decoded.right
  const found = new Map<number, ProvedEvent>()
  let link: Uint8Array = bytesOf(proof.previous)
  let next = -1
  let anchoredAt: number | undefined
  for (const [n, batch] of proof.chain.entries()) {
    const { firstRevision } = batch
    if (firstRevision <= next)
      return no(`the batch at revision ${firstRevision} does not follow the one before it`)
    next = firstRevision
    const root = 'root' in batch ? bytesOf(batch.root) : rootOfShown(batch, found)
    if (typeof root === 'string') return no(root)
    link = chainLink(link, { stream: proof.stream, firstRevision }, root)
    if (hex(link) === digest?.toLowerCase()) anchoredAt = lastOf(proof, n)
  }
  if (hex(link) !== proof.head.digest) return no('the chain does not end in the digest that it names')
  const events = proof.revisions.flatMap((revision) => found.get(revision) ?? [])
  if (events.length !== proof.revisions.length || events.length === 0)
    return no('an event that it names does not stand in what it shows')
  if (digest !== undefined && anchoredAt === undefined)
    return no('the digest that was given is not one of its chain')
  const uncovered = events.find(({ revision }) => anchoredAt !== undefined && revision > anchoredAt)
  if (uncovered !== undefined)
    return no(
      `the digest that was given ends at revision ${anchoredAt}, and the event stands at ${uncovered.revision}`,
    )
  return { holds: true, of: proof.of, stream: proof.stream, events, head: proof.head, anchoredAt }
}

/** The revision that ends the batch, which the next one tells. */
const lastOf = ({ chain, head }: EventProof, n: number): number => {
  const following = chain[n + 1]
  return following === undefined ? head.revision : following.firstRevision - 1
}

/** Root of the tree that all its leaves agree in, or why there is none. */
const rootOfShown = (
  { firstRevision, leaves, shown }: Shown,
  found: Map<number, ProvedEvent>,
): Uint8Array | string => {
  const [header, ...blocks] = shown
  const altered = `what is shown of the batch at revision ${firstRevision} is not what was recorded`
  if (header?.leaf !== 0 || blocks.length === 0) return `the batch at revision ${firstRevision} shows nothing`
  let root: Uint8Array | undefined
  for (const { leaf, bytes, path } of shown) {
    const proof = { leaf, leaves, path: path.map(bytesOf) }
    const own = rootFromLeaf(Buffer.from(bytes, 'base64'), proof)
    if (own === undefined || (root !== undefined && Buffer.compare(root, own) !== 0)) return altered
    root = own
  }
  for (const { leaf, bytes } of blocks) {
    const headerBytes = Buffer.from(header.bytes, 'base64')
    const decoded = leaf === 0 ? undefined : decodeBlock(headerBytes, Buffer.from(bytes, 'base64'), leaf - 1)
    if (decoded === undefined || isLeft(decoded)) return altered
    const { at, epoch, count, events } = decoded.right
    // The tree of a batch has its header and one leaf for each block: the header says how many there are.
    if (1 + Math.ceil(count / LEAF_ROWS) !== leaves) return altered
    const first = firstRevision + (leaf - 1) * LEAF_ROWS
    for (const [index, event] of events.entries())
      found.set(first + index, { revision: first + index, at, epoch, event })
  }
  return root ?? altered
}
