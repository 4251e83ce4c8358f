// What must hold from line to line of one partition of the archive: each hash follows the one before, offsets rise, every stream goes
// on revision after revision, days do not go back, and the ledger's digests are what the events give. Whoever writes lines and whoever
// reads them asks this one judge. A place in the chain can be written down and gone on from.
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import { decodeEvent } from '../../../domain/codecs.js'
import { type OrderBreak, StreamOrder } from '../../../projections/topic/streamOrder.js'
import { BatchProofs, type StreamDigests } from './batchProof.js'
import {
  type ArchivableEvent,
  type ArchivedLine,
  type LoggedEvent,
  lineOf,
  loggedAs,
  readLine,
} from './lines.js'

/** Where the chain stands after a line: all that the next one is judged by. */
export type ChainPlace = Readonly<{
  hash: string
  /** Offsets below are archived, or have nothing to archive. */
  nextOffset: number
  heads: Readonly<Record<string, number>>
  digests: StreamDigests
}>

export type LineFault = Readonly<{ stream?: string; revision?: number; reason: string }>

export const describeBreak = ({ type, stream, expected, found }: OrderBreak): string =>
  type === 'Gap'
    ? `${stream}: revision ${found} follows where revision ${expected} is due: what lies between is missing`
    : `${stream}: revision ${found} comes where revision ${expected} is due: it is repeated, or out of order`

/** In UTC. */
export const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10)

/** What stood in the log: unknown of an event that was redacted. */
const asLogged = ({ type, version, data, redacted }: ArchivedLine): LoggedEvent | undefined => {
  if (redacted === true) return undefined
  const decoded = decodeEvent(type, version, data)
  return isLeft(decoded) ? undefined : loggedAs(decoded.right, version, () => data)
}

export class ArchiveChain {
  private hash: string
  private next: number
  private readonly order = new StreamOrder()
  private readonly proofs = new BatchProofs()

  constructor(
    place: ChainPlace,
    private readonly mayBeginAnywhere: boolean,
  ) {
    this.hash = place.hash
    this.next = place.nextOffset
    this.order.load(place.heads)
    this.proofs.load(place.digests)
  }

  get nextOffset(): number {
    return this.next
  }

  get head(): string {
    return this.hash
  }

  /** To be called between two batches of each stream. */
  place(): ChainPlace {
    return {
      hash: this.hash,
      nextOffset: this.next,
      heads: this.order.snapshot(),
      digests: this.proofs.digests(),
    }
  }

  /** The line for an event that is next. */
  write(event: ArchivableEvent): Either<LineFault, string> {
    const fault = this.follow(event)
    if (fault !== undefined) return left(fault)
    const digest = this.proofs.add(event)
    const { line, hash } = lineOf(this.hash, event, digest)
    this.hash = hash
    return right(line)
  }

  /** A line that was written here, or why it cannot have been. `day`: of its file. */
  read(text: string, day: string): Either<LineFault, ArchivedLine> {
    const found = readLine(this.hash, text)
    if (isLeft(found)) return left({ reason: found.left })
    const line = found.right
    const at = Date.parse(line.at)
    const where = { stream: line.stream, revision: line.revision }
    if (!Number.isSafeInteger(at) || dayOf(at) > day)
      return left({ ...where, reason: `it is of a later day: ${line.at}` })
    const fault = this.follow(line)
    if (fault !== undefined) return left(fault)
    const digest = this.proofs.add({ ...line, at, batchId: line.batch, logged: asLogged(line) })
    if (digest === undefined) {
      if (line.digest !== undefined) this.proofs.goOnFrom(line.stream, line.digest)
    } else if (line.digest === undefined) {
      // Archived by a version that could not tell it, of an event that was an older version's: nor are those behind it told.
      this.proofs.forget(line.stream)
    } else if (line.digest !== digest)
      return left({ ...where, reason: 'the digest of the batch is not that of its events' })
    this.hash = line.hash
    return right(line)
  }

  private follow(
    event: Readonly<{ stream: string; revision: number; offset: number }>,
  ): LineFault | undefined {
    const { stream, revision, offset } = event
    if (offset < this.next)
      return { stream, revision, reason: `offset ${offset} comes after ${this.next - 1}` }
    const found = this.order.breakOf(stream, revision, this.mayBeginAnywhere)
    if (found !== undefined) return { stream, revision, reason: describeBreak(found) }
    this.order.moveTo(stream, revision)
    this.next = offset + 1
    return undefined
  }
}
