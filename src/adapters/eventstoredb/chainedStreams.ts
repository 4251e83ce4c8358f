// The ledger in EventStoreDB as batches with their chain, to be read whole and to be written by somebody who moves a ledger here.
// A move appends with the revision it expects and the ids that the batch's own id gives, so that repeating it changes nothing
// (I2). Batches that follow one another in a stream share an append; one that is larger than the server takes goes in several,
// and whoever goes on after a death between them completes it.
import { randomUUID } from 'node:crypto'
import { setTimeout as after } from 'node:timers/promises'
import { isLeft } from 'fp-ts/lib/Either.js'
import { NO_REVISION, positionAt, type RecordedBatch } from '../../../domain/batch.js'
import { decodeBatch, encodeBatch } from '../../../domain/wire/batchRows.js'
import { ByteWriter } from '../../../domain/wire/byteWriter.js'
import { GENESIS_DIGEST } from '../../chain/batchDigest.js'
import { type ChainedBatch, ChainFault } from '../../chain/chainedBatch.js'
import type { Connection } from './connection.js'
import { callFaultOf, type NoLedger, type OpenFault, ReadRefused } from './errors.js'
import { checkLedgerIsThere, checkPlace } from './opening.js'
import { LogReader } from './reader.js'
import { encodeRecorded, encodeStored, type FoundEvent, factsOf, type OutgoingEvent } from './storedEvents.js'
import { Rules } from './streamRules.js'
import { APPEND_BYTES_MAX, connectTo, type EventStoreLogOptions } from './way.js'

const PAGE_BYTES = 4 * 1_048_576
/** Of one append; each try but the first waits, twice as long as the one before. */
const TRIES_MAX = 5
const PAUSE_MS = 50
/** What an event takes in an append beside its own bytes. */
const EVENT_OVERHEAD_BYTES = 64

/** How far a stream has come. `begun`: so many events of the next batch are there already. */
export type StreamHead = Readonly<{ revision: number; digest: Uint8Array; begun: number }>

export class ChainedStreams {
  private readonly rows = new ByteWriter()
  private readonly reader: LogReader

  private constructor(
    private readonly connection: Connection,
    private readonly names: string,
    private readonly appendBytesMax: number,
  ) {
    this.reader = new LogReader(connection, new Rules(connection, (stream) => names + stream), names)
  }

  /** `look`: there must be a ledger, and nothing is written; `write`: an empty place becomes one. */
  static async open(options: EventStoreLogOptions, how: 'look' | 'write'): Promise<ChainedStreams> {
    const way = await connectTo(options)
    if (isLeft(way)) throw new ChainFault('refused', way.left.reason)
    const { connection, names, identityStream } = way.right
    const { appendBytesMax = APPEND_BYTES_MAX } = options
    let fault: OpenFault | NoLedger | undefined
    if (how === 'look') fault = await checkLedgerIsThere(connection, identityStream)
    else {
      const place = await checkPlace(connection, { identityStream, appendBytesMax })
      if (isLeft(place)) fault = place.left
    }
    if (fault === undefined) return new ChainedStreams(connection, names, appendBytesMax)
    await connection.close()
    const kinds = { NoLedger: 'notFound', LogUnusable: 'refused', LogUnavailable: 'unavailable' } as const
    throw new ChainFault(kinds[fault.type], fault.reason)
  }

  /** In the order of the server. A stream of which the beginning is gone starts with what is left. */
  async *batches(): AsyncGenerator<ChainedBatch> {
    const digests = new Map<string, Uint8Array>()
    for (let from = 0; ; ) {
      const page = await asked(this.reader.readStored(from, PAGE_BYTES))
      for (const { batch, digest } of page.batches) {
        const { stream, firstRevision, events } = batch
        if (digest === undefined)
          throw new ChainFault('damaged', `${stream}, revision ${firstRevision}: its batch has no digest`)
        const own = Buffer.from(digest, 'hex')
        yield {
          stream,
          firstRevision,
          events: events.length,
          position: batch.position,
          nextPosition: positionAt(batch, events.length),
          previousDigest: digests.get(stream) ?? GENESIS_DIGEST,
          digest: own,
          bytes: this.bytesOf(batch),
        }
        digests.set(stream, own)
      }
      from = page.next
      if (page.atEnd) return
    }
  }

  private bytesOf(batch: RecordedBatch): Uint8Array {
    if (batch.recordedBytes !== undefined) return batch.recordedBytes
    this.rows.reset()
    encodeBatch(batch, this.rows)
    return this.rows.bytes().slice()
  }

  async head(stream: string): Promise<StreamHead | undefined> {
    const last = await asked(this.reader.lastEvent(stream))
    if (last === undefined) return undefined
    const { index, count, digest } = this.facts(last)
    const isWhole = index === count - 1 && digest !== undefined
    if (isWhole) return { revision: last.revision, digest: Buffer.from(digest, 'hex'), begun: 0 }
    const revision = last.revision - index - 1
    return { revision, digest: await this.digestAt(stream, revision), begun: index + 1 }
  }

  private async digestAt(stream: string, revision: number): Promise<Uint8Array> {
    const [event] = revision === NO_REVISION ? [] : await this.eventsFrom(stream, revision, 1)
    return event === undefined ? GENESIS_DIGEST : Buffer.from(this.facts(event).digest ?? '', 'hex')
  }

  private facts(event: FoundEvent): NonNullable<ReturnType<typeof factsOf>> {
    const facts = factsOf(event)
    if (facts !== undefined) return facts
    const { stream, revision, type } = event
    throw new ChainFault(
      'conflict',
      `${stream}, revision ${revision}: an event of type ${type} that no ledger wrote`,
    )
  }

  private async eventsFrom(stream: string, from: number, count: number): Promise<FoundEvent[]> {
    const found: FoundEvent[] = []
    const wish = { stream: this.names + stream, from, count }
    await asked(
      this.connection.read(wish, (event) => {
        found.push(event)
        return true
      }),
    )
    return found
  }

  /** Position of the batch that holds the revision. */
  async positionOf(stream: string, revision: number): Promise<number> {
    const page = await asked(this.reader.read(stream, revision, 1))
    const batch = 'batches' in page ? page.batches[0] : undefined
    if (batch === undefined) throw new ChainFault('damaged', `${stream}, revision ${revision} is not there`)
    return batch.position
  }

  endPosition(): Promise<number> {
    return asked(this.reader.endPosition())
  }

  /** Durable when it resolves. They are of one stream, and follow one another and what is there (`head`). */
  async append(batches: ReadonlyArray<ChainedBatch>, begun: number): Promise<void> {
    const [first] = batches
    if (first === undefined) return
    let expected = first.firstRevision - 1 + begun
    let run: OutgoingEvent[] = []
    let runBytes = 0
    const flush = async (): Promise<void> => {
      if (run.length > 0) await this.appendRun(first.stream, expected, run)
      expected += run.length
      run = []
      runBytes = 0
    }
    for (const batch of batches) {
      const events = outgoingOf(batch)
      const rest = batch === first ? events.slice(begun) : events
      const bytes = rest.reduce((sum, event) => sum + sentBytes(event), 0)
      // So that a batch is whole or not there, if the server takes it at once.
      if (runBytes + bytes > this.appendBytesMax) await flush()
      for (const event of rest) {
        const eventBytes = sentBytes(event)
        if (eventBytes > this.appendBytesMax)
          throw new ChainFault(
            'refused',
            `${batch.stream}: an event of the batch at revision ${batch.firstRevision} takes ${eventBytes} bytes, and the server no more than ${this.appendBytesMax} at once`,
          )
        if (runBytes + eventBytes > this.appendBytesMax) await flush()
        run.push(event)
        runBytes += eventBytes
      }
    }
    await flush()
  }

  /** True where one append would not hold the batch. */
  isTooLarge(batch: ChainedBatch): boolean {
    // Never met by a batch that is small as rows: only then is it looked at as it will be sent.
    if (batch.bytes.length * 8 + batch.events * 1_024 <= this.appendBytesMax) return false
    return outgoingOf(batch).reduce((sum, event) => sum + sentBytes(event), 0) > this.appendBytesMax
  }

  private async appendRun(
    stream: string,
    expected: number,
    events: ReadonlyArray<OutgoingEvent>,
  ): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        const answer = await this.connection.append(this.names + stream, expected, events)
        if (answer.outcome === 'written' || (await this.isThere(stream, expected, events))) return
        throw new ChainFault(
          'conflict',
          `${stream} ends at revision ${answer.actual} now, and ${expected} was expected: somebody else writes to it`,
        )
      } catch (error) {
        if (error instanceof ChainFault) throw error
        const { kind, reason } = callFaultOf(error)
        if (kind === 'tooLarge' || kind === 'denied' || kind === 'deleted')
          throw new ChainFault('refused', reason)
        if (tries === TRIES_MAX) throw new ChainFault('unavailable', reason)
        await after(PAUSE_MS * 2 ** tries)
      }
    }
  }

  private async isThere(
    stream: string,
    expected: number,
    events: ReadonlyArray<OutgoingEvent>,
  ): Promise<boolean> {
    const found = await this.eventsFrom(stream, expected + 1, events.length)
    return events.every(({ id }, index) => found[index]?.id === id)
  }

  /** The ledger's own note of how far its follow-ups have come, in positions of this log. It never goes back. */
  async noteFollowUps(stream: string, position: number, at: number): Promise<void> {
    const last = await asked(this.reader.lastEvent(stream))
    if (last !== undefined && (await this.notedIn(stream, last)) >= position) return
    const batch = {
      batchId: randomUUID(),
      at: Math.max(at, last === undefined ? 0 : this.facts(last).at),
      epoch: 0,
      events: [{ type: 'FollowUpsDone', position } as const],
      previous: [NO_REVISION],
    }
    const head = await this.head(stream)
    const { revision, digest } = head ?? { revision: NO_REVISION, digest: GENESIS_DIGEST }
    for (const { events } of encodeStored(stream, revision + 1, batch, digest, this.appendBytesMax))
      await this.appendRun(stream, revision, events)
  }

  private async notedIn(stream: string, { revision }: FoundEvent): Promise<number> {
    const page = await asked(this.reader.read(stream, revision, 1))
    const event = 'batches' in page ? page.batches[0]?.events.at(-1) : undefined
    return event?.type === 'FollowUpsDone' ? event.position : 0
  }

  close(): Promise<void> {
    return this.connection.close()
  }
}

const outgoingOf = (batch: ChainedBatch): ReadonlyArray<OutgoingEvent> => {
  const decoded = decodeBatch(batch.bytes)
  if (isLeft(decoded)) {
    const { stream, firstRevision } = batch
    throw new ChainFault(
      'damaged',
      `${stream}, revision ${firstRevision}: not a batch (${decoded.left.type})`,
    )
  }
  return encodeRecorded(batch.stream, decoded.right, batch.bytes, batch.digest).events
}

const sentBytes = ({ type, data, metadata }: OutgoingEvent): number =>
  data.length + metadata.length + type.length * 2 + EVENT_OVERHEAD_BYTES

/** Whatever a read ends with, as a fault of the chain. */
const asked = async <A>(answer: Promise<A>): Promise<A> => {
  try {
    return await answer
  } catch (error) {
    if (error instanceof ReadRefused) {
      const { stream, revision, reason } = error.fault
      throw new ChainFault('damaged', `${stream ?? 'the log'}, revision ${revision ?? 'unknown'}: ${reason}`)
    }
    if (error instanceof ChainFault || (error instanceof Error && error.name === 'Defect')) throw error
    throw new ChainFault('unavailable', callFaultOf(error).reason)
  }
}
