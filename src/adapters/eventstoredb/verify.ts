// Proves a whole ledger in EventStoreDB, event by event (`ledgerq log verify --log esdb://…`): revisions without gaps, batches that
// are whole, times that do not go back (I9), and the digest of each batch computed again from its events and the digest before it
// (§4.7). Nothing is written. What a ledger appends meanwhile is read as far as it was there at the end.
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import type { RecordedBatch } from '../../../domain/batch.js'
import { encodeBatch } from '../../../domain/wire/batchRows.js'
import { ByteWriter } from '../../../domain/wire/byteWriter.js'
import { batchDigest, DIGEST_BYTES, GENESIS_DIGEST } from '../../chain/batchDigest.js'
import type { LogCorrupt } from '../../ports/eventLog.js'
import type { StoreCalls } from './connection.js'
import { corrupt, type NoLedger, type OpenFault, ReadRefused, unavailable } from './errors.js'
import { checkLedgerIsThere } from './opening.js'
import { LogReader, type StoredBatch } from './reader.js'
import { commitOfPosition } from './storedEvents.js'
import { Rules } from './streamRules.js'
import { connectTo, type EventStoreLogOptions } from './way.js'

export type VerifiedStore = Readonly<{
  batches: number
  events: number
  bytes: number
  streams: ReadonlyArray<Readonly<{ stream: string; head: number; digest: string }>>
  /** Streams whose first batch stands on a digest that was truncated away unrecorded: taken as it is, and all behind it proved. */
  unprovedBeginnings: number
}>

/** Bytes of the server's own log, in which others stand as well. */
export type StoreProgress = (bytesDone: number, bytesTotal: number) => void

const PAGE_BYTES = 4 * 1_048_576

/** The first damage, or what was found sound. */
export const verifyEventStore = async (
  options: EventStoreLogOptions,
  onProgress: StoreProgress = () => {},
): Promise<Either<LogCorrupt | NoLedger | OpenFault, VerifiedStore>> => {
  const way = await connectTo(options)
  if (isLeft(way)) return way
  const { connection, names, identityStream } = way.right
  try {
    const fault = await checkLedgerIsThere(connection, identityStream)
    if (fault !== undefined) return left(fault)
    return right(await verifyStreams(connection, names, onProgress))
  } catch (error) {
    if (error instanceof Error && error.name === 'Defect') throw error
    return left(error instanceof ReadRefused ? error.fault : unavailable(error))
  } finally {
    await connection.close()
  }
}

/** Rejects with the first damage. */
export const verifyStreams = (
  connection: StoreCalls,
  names: string,
  onProgress: StoreProgress = () => {},
): Promise<VerifiedStore> => {
  const rules = new Rules(connection, (stream) => names + stream)
  return new Verification(new LogReader(connection, rules, names), rules, onProgress).run()
}

type Place = Readonly<{ head: number; digest: Uint8Array | undefined; at: number; begins: number }>

class Verification {
  private readonly streams = new Map<string, Place>()
  private readonly rows = new ByteWriter()
  private batches = 0
  private events = 0
  private bytes = 0
  private unprovedBeginnings = 0

  constructor(
    private readonly reader: LogReader,
    private readonly rules: Rules,
    private readonly onProgress: StoreProgress,
  ) {}

  async run(): Promise<VerifiedStore> {
    const end = await this.reader.endPosition()
    for (let from = 0; ; ) {
      const page = await this.reader.readStored(from, PAGE_BYTES)
      for (const stored of page.batches) await this.batch(stored)
      from = page.next
      this.onProgress(commitOfPosition(Math.min(from, end)).commit, commitOfPosition(end).commit)
      if (page.atEnd) break
    }
    // The whole log may still show what its stream no longer does.
    for (const [stream, { head }] of this.streams) {
      this.reader.noteHead(stream, head)
      await this.reader.head(stream)
    }
    const { batches, events, bytes, unprovedBeginnings } = this
    const byName = [...this.streams].sort(([one], [other]) => (one < other ? -1 : 1))
    const streams = byName.flatMap(([stream, { head, digest }]) =>
      digest === undefined ? [] : [{ stream, head, digest: Buffer.from(digest).toString('hex') }],
    )
    return { batches, events, bytes, streams, unprovedBeginnings }
  }

  /** A batch that came from another store may have been written in other words than today's. */
  private bytesOf(batch: RecordedBatch): Uint8Array {
    if (batch.recordedBytes !== undefined) return batch.recordedBytes
    this.rows.reset()
    encodeBatch(batch, this.rows)
    return this.rows.bytes()
  }

  private async begin(stream: string): Promise<Place> {
    const { truncateBefore, digestBefore } = await this.rules.load(stream)
    const digest = truncateBefore === 0 ? GENESIS_DIGEST : digestOf(digestBefore)
    return { head: truncateBefore - 1, digest, at: 0, begins: truncateBefore }
  }

  private async batch({ batch, digest, bytes }: StoredBatch): Promise<void> {
    const { stream, firstRevision, events, at } = batch
    let place = this.streams.get(stream) ?? (await this.begin(stream))
    // Truncated meanwhile, and scavenged: the stream begins later than it did.
    if (firstRevision > place.head + 1) {
      const later = await this.begin(stream)
      if (later.begins > place.head + 1) place = later
    }
    this.streams.set(stream, place)
    if (firstRevision < place.begins) return
    const refuse = (reason: string, revision = firstRevision): never => {
      throw new ReadRefused(corrupt(stream, revision, reason, commitOfPosition(batch.position).commit))
    }
    if (firstRevision !== place.head + 1)
      return refuse(`the stream goes on at ${firstRevision} instead`, place.head + 1)
    if (at < place.at) return refuse('its time is before that of the batch before it')
    const found = digestOf(digest)
    if (found === undefined) return refuse('its batch has no digest')
    if (place.digest === undefined) this.unprovedBeginnings++
    else {
      const computed = batchDigest(place.digest, { stream, firstRevision }, this.bytesOf(batch))
      if (Buffer.compare(computed, found) !== 0)
        return refuse(
          `the digest of its batch (revisions ${firstRevision} to ${firstRevision + events.length - 1}) is not that of its events`,
        )
    }
    const head = firstRevision + events.length - 1
    this.streams.set(stream, { head, digest: found, at, begins: place.begins })
    this.batches++
    this.events += events.length
    this.bytes += bytes
  }
}

const digestOf = (hex: string | undefined): Uint8Array | undefined => {
  const bytes = Buffer.from(hex ?? '', 'hex')
  return bytes.length === DIGEST_BYTES ? bytes : undefined
}
