// The ledger's own digests (src/chain), computed anew from what the topic told: one for each batch, each over the one before it, so
// that an archive can be held against the log itself: over the bytes that the log holds, so of an event that an older version has
// recorded over that version's words. Where that cannot be done (a stream that was not seen from its beginning, something
// redacted) there is none, or the one that was written down earlier is taken as it is.
import type { LedgerEvent, OlderForm } from '../../../domain/batch.js'
import { encodeBatch } from '../../../domain/wire/batchRows.js'
import { ByteWriter } from '../../../domain/wire/byteWriter.js'
import { batchDigest, GENESIS_DIGEST } from '../../chain/batchDigest.js'
import type { LoggedEvent } from './lines.js'

/** One event of a batch, as it stands in the archive. */
export type ProvedEvent = Readonly<{
  stream: string
  revision: number
  at: number
  epoch: number
  batchId: string
  index: number
  count: number
  previous: number
  /** Undefined where its bytes in the log are not known. */
  logged: LoggedEvent | undefined
}>

type OpenBatch = Readonly<{
  batchId: string
  firstRevision: number
  events: LedgerEvent[]
  older: Map<number, OlderForm>
  previous: number[]
}>
type Chain = { digest: Uint8Array | undefined; open: OpenBatch | undefined }

/** In hexadecimal; null = not known. */
export type StreamDigests = Readonly<Record<string, string | null>>

const rows = new ByteWriter()

const hexOf = (digest: Uint8Array): string => Buffer.from(digest).toString('hex')

export class BatchProofs {
  private readonly chains = new Map<string, Chain>()

  /** To be called with each event in order. On the last one of a batch its digest, where it can be told. */
  add(event: ProvedEvent): string | undefined {
    const chain = this.chainOf(event)
    if (event.index === 0) {
      chain.open =
        chain.digest === undefined
          ? undefined
          : {
              batchId: event.batchId,
              firstRevision: event.revision,
              events: [],
              older: new Map(),
              previous: [],
            }
    }
    const { open } = chain
    const { logged } = event
    const isNext = open?.batchId === event.batchId && open.events.length === event.index
    if (open === undefined || logged === undefined || !isNext) {
      chain.open = undefined
      chain.digest = undefined
      return undefined
    }
    if (logged.older !== undefined) open.older.set(event.index, logged.older)
    open.events.push(logged.event)
    open.previous.push(event.previous)
    if (event.index + 1 < event.count) return undefined
    rows.reset()
    const { batchId, firstRevision, events, older, previous } = open
    encodeBatch({ batchId, at: event.at, epoch: event.epoch, events, older, previous }, rows)
    const digest = batchDigest(
      chain.digest ?? GENESIS_DIGEST,
      { stream: event.stream, firstRevision },
      rows.bytes(),
    )
    chain.digest = digest
    chain.open = undefined
    return hexOf(digest)
  }

  /** What stood in the log is not known, from here on. */
  forget(stream: string): void {
    this.chains.set(stream, { digest: undefined, open: undefined })
  }

  /** What was written down when the batch could still be proved. */
  goOnFrom(stream: string, digest: string): void {
    this.chains.set(stream, { digest: Buffer.from(digest, 'hex'), open: undefined })
  }

  /** Between two batches of each stream, and only then. */
  digests(): StreamDigests {
    return Object.fromEntries(
      [...this.chains].map(([stream, { digest }]) => [stream, digest === undefined ? null : hexOf(digest)]),
    )
  }

  load(digests: StreamDigests): void {
    for (const [stream, digest] of Object.entries(digests)) {
      this.chains.set(stream, {
        digest: digest === null ? undefined : Buffer.from(digest, 'hex'),
        open: undefined,
      })
    }
  }

  private chainOf({ stream, revision }: ProvedEvent): Chain {
    const known = this.chains.get(stream)
    if (known !== undefined) return known
    const chain: Chain = { digest: revision === 0 ? GENESIS_DIGEST : undefined, open: undefined }
    this.chains.set(stream, chain)
    return chain
  }
}
