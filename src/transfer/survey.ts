// Reads one side from its beginning to its end and says what it found: the chain proved batch by batch, the head of each stream,
// the state that each partition replays to. Both sides of a move are surveyed by this one function, and have to agree.
import { isLeft } from 'fp-ts/lib/Either.js'
import type { EventBatch, LedgerEvent } from '../../domain/batch.js'
import type { PartitionRef } from '../../domain/ids.js'
import type { BlobRef } from '../../domain/message/index.js'
import { decodeBatch } from '../../domain/wire/batchRows.js'
import { PartitionState, STATE_HASH_VERSION, stateHash } from '../../projections/partition/index.js'
import { partitionOf } from '../adapters/eventstoredb/storedEvents.js'
import { GENESIS_DIGEST } from '../chain/batchDigest.js'
import { type ChainedBatch, ChainFault, digestHolds, lastRevisionOf } from '../chain/chainedBatch.js'
import { blobNamedBy } from './blobNames.js'
import { FollowUpCover } from './followUpCover.js'
import { type ChainSource, isProcessStream, type Said, type Uncovered } from './sides.js'

export type SurveyedStream = Readonly<{ head: number; digest: Uint8Array; at: number }>

export type Survey = Readonly<{
  streams: ReadonlyMap<string, SurveyedStream>
  batches: number
  events: number
  bytes: number
  /** Hash of the state of each partition. */
  states: ReadonlyMap<string, string>
  uncovered: Uncovered
  blobs: ReadonlyMap<string, BlobRef>
}>

export type SurveyOptions = Readonly<{
  signal: AbortSignal
  onProgress?: (events: number) => void
  /** Sees each batch that belongs to the ledger's history, in order. */
  onBatch?: (batch: ChainedBatch) => Promise<void> | void
  /** As far as the other side goes; what stands behind is left alone. */
  upTo?: ReadonlyMap<string, SurveyedStream>
}>

/** Batches between two turns of the event loop. */
const STEP_BATCHES = 256

class Surveyor {
  readonly streams = new Map<string, SurveyedStream>()
  readonly states = new Map<string, PartitionState>()
  readonly blobs = new Map<string, BlobRef>()
  readonly cover = new FollowUpCover()
  batches = 0
  events = 0
  bytes = 0

  constructor(private readonly truncated: ReadonlyMap<string, number>) {}

  take(batch: ChainedBatch): void {
    const { stream, firstRevision } = batch
    const refuse = (reason: string): never => {
      throw new ChainFault('damaged', `${stream}, revision ${firstRevision}: ${reason}`)
    }
    const decoded = decodeBatch(batch.bytes)
    if (isLeft(decoded)) return refuse(`not a batch: ${JSON.stringify(decoded.left)}`)
    const { events, at } = decoded.right
    if (events.length !== batch.events) return refuse(`${events.length} events instead of ${batch.events}`)
    if (isProcessStream(stream)) return this.cover.progress(stream, events)
    const known = this.streams.get(stream)
    const next = known === undefined ? 0 : known.head + 1
    if (firstRevision !== next && known === undefined) return this.refuseTruncated(batch)
    if (firstRevision !== next) return refuse(`it follows revision ${next - 1}: something between is missing`)
    if (Buffer.compare(batch.previousDigest, known?.digest ?? GENESIS_DIGEST) !== 0)
      return refuse('the digest of the batch before does not match')
    if (!digestHolds(batch)) return refuse('its digest is not that of its events')
    if (known !== undefined && at < known.at) return refuse('its time is before that of the batch before it')
    this.streams.set(stream, { head: lastRevisionOf(batch), digest: batch.digest, at })
    this.cover.note(batch)
    this.fold(batch, decoded.right)
    this.batches++
    this.events += events.length
    this.bytes += batch.bytes.length
  }

  private refuseTruncated({ stream, firstRevision }: ChainedBatch): never {
    throw new ChainFault(
      'refused',
      `${stream} begins at revision ${firstRevision}: what stood before it was truncated. Its state is in snapshots only, which are caches of one store and are not moved`,
    )
  }

  private fold(batch: ChainedBatch, { events, at }: EventBatch): void {
    const { stream } = batch
    if ((this.truncated.get(stream) ?? 0) > 0)
      this.refuseTruncated({ ...batch, firstRevision: this.truncated.get(stream) ?? 0 })
    for (const event of events) {
      const blob = blobNamedBy(event)
      if (blob !== undefined) this.blobs.set(blob.location, blob)
    }
    const ref = partitionOf(stream)
    if (ref !== undefined) this.apply(stream, ref, events, at, batch.firstRevision)
  }

  private apply(
    stream: string,
    ref: PartitionRef,
    events: ReadonlyArray<LedgerEvent>,
    at: number,
    firstRevision: number,
  ): void {
    let state = this.states.get(stream)
    if (state === undefined) {
      state = new PartitionState(ref.partition)
      this.states.set(stream, state)
    }
    try {
      for (const event of events) state.apply(event, at, 0)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new ChainFault(
        'damaged',
        `${stream}, revision ${firstRevision}: it cannot be replayed: ${reason}`,
      )
    }
  }
}

/** Rejects with a ChainFault at the first thing that is not as it must be, and with the signal's reason when it fires. */
export const survey = async (source: ChainSource, options: SurveyOptions): Promise<Survey> => {
  const { signal, onProgress = () => undefined, onBatch, upTo } = options
  const surveyor = new Surveyor(await source.truncated())
  let seen = 0
  for await (const batch of source.batches()) {
    if (++seen % STEP_BATCHES === 0) {
      signal.throwIfAborted()
      onProgress(surveyor.events)
      await new Promise((resolve) => setImmediate(resolve))
    }
    if (upTo !== undefined && lastRevisionOf(batch) > (upTo.get(batch.stream)?.head ?? -1)) continue
    surveyor.take(batch)
    if (onBatch !== undefined && !isProcessStream(batch.stream)) await onBatch(batch)
  }
  signal.throwIfAborted()
  onProgress(surveyor.events)
  const { streams, batches, events, bytes, blobs } = surveyor
  const states = new Map([...surveyor.states].map(([stream, state]) => [stream, stateHash(state)]))
  return {
    streams,
    batches,
    events,
    bytes,
    states,
    blobs,
    uncovered: source.said?.uncovered ?? surveyor.cover.uncovered(),
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** In the order of their names. */
export const headsOf = ({ streams }: Survey): Array<{ stream: string; head: number; digest: string }> =>
  [...streams]
    .map(([stream, { head, digest }]) => ({ stream, head, digest: hex(digest) }))
    .sort((a, b) => (a.stream < b.stream ? -1 : 1))

/** Why the two are not the same ledger at the same point; undefined = they are. */
export const difference = (source: Survey, target: Survey): string | undefined => {
  for (const [stream, { head, digest }] of source.streams) {
    const there = target.streams.get(stream)
    if (there === undefined) return `${stream} is missing in the target`
    if (there.head !== head)
      return `${stream} ends at revision ${there.head} in the target, and at ${head} in the source`
    if (hex(there.digest) !== hex(digest))
      return `the chain of ${stream} ends in ${hex(there.digest)} in the target, and in ${hex(digest)} in the source`
  }
  for (const stream of target.streams.keys())
    if (!source.streams.has(stream)) return `${stream} is in the target, and not in the source`
  for (const [stream, state] of source.states)
    if (target.states.get(stream) !== state)
      return `${stream} replays to the state ${target.states.get(stream) ?? 'none'} in the target, and to ${state} in the source`
  return undefined
}

/** Why a source is not what was found when it was written; undefined = it is, as far as this version can tell. */
export const saidOtherwise = (
  { streams, states, stateHashVersion }: Said,
  found: Survey,
): string | undefined => {
  const heads = headsOf(found)
  for (const [n, { stream, head, digest }] of streams.entries()) {
    const there = heads[n]
    if (there?.stream !== stream || there.head !== head || there.digest !== digest)
      return `it says that ${stream} ends at revision ${head} in ${digest}, and that is not what it holds`
  }
  if (heads.length !== streams.length) return 'it holds more streams than it says'
  // Another definition says nothing about this one.
  if (stateHashVersion !== STATE_HASH_VERSION) return undefined
  for (const [stream, state] of found.states)
    if (states[stream] !== state)
      return `${stream} replays to the state ${state}, and replayed to ${states[stream] ?? 'none'} when it was written`
  return undefined
}
