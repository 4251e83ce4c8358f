// A ledger in EventStoreDB or KurrentDB as one end of a move.
import { ChainedStreams } from '../adapters/eventstoredb/chainedStreams.js'
import type { EventStoreLogOptions } from '../adapters/eventstoredb/eventLog.js'
import type { ChainedBatch } from '../chain/chainedBatch.js'
import { byStream } from './pages.js'
import { type ChainSource, type ChainTarget, type Head, isProcessStream, type Uncovered } from './sides.js'

/** Appends at once; more only wait in the connection. */
const APPENDS_MAX = 8

export type DatabasePlace = Readonly<{ place: string; options: EventStoreLogOptions }>

const readFrom = (streams: ChainedStreams, place: string): ChainSource => ({
  place,
  kind: 'database',
  batches: () => streams.batches(),
  truncated: async () => new Map(),
  close: () => streams.close(),
})

export const databaseSource = async ({ place, options }: DatabasePlace): Promise<ChainSource> =>
  readFrom(await ChainedStreams.open(options, 'look'), place)

export const databaseTarget = async ({ place, options }: DatabasePlace): Promise<ChainTarget> =>
  new DatabaseTarget(await ChainedStreams.open(options, 'write'), place).asTarget()

/** Rejects as not found where no ledger lies: a dry run makes none. */
export const databaseToLook = async ({ place, options }: DatabasePlace): Promise<ChainTarget> =>
  new DatabaseTarget(await ChainedStreams.open(options, 'look'), place).asTarget()

class DatabaseTarget {
  /** What is known of streams that were asked for or written. */
  private readonly heads = new Map<string, Head>()

  constructor(
    private readonly streams: ChainedStreams,
    private readonly place: string,
  ) {}

  asTarget(): ChainTarget {
    const { streams, place } = this
    return {
      place,
      kind: 'database',
      head: (stream) => this.head(stream),
      firstBatch: async () => {
        for await (const batch of streams.batches()) if (!isProcessStream(batch.stream)) return batch
        return undefined
      },
      write: (batches) => this.write(batches),
      note: (uncovered) => this.note(uncovered),
      finish: async ({ uncovered, written }) => {
        if (written > 0) await this.note(uncovered)
        return readFrom(streams, place)
      },
      close: () => streams.close(),
    }
  }

  private async head(stream: string): Promise<Head | undefined> {
    const known = this.heads.get(stream) ?? (await this.streams.head(stream))
    if (known !== undefined) this.heads.set(stream, known)
    return known
  }

  /**
   * Streams go side by side, but for a batch that takes several appends: all before it is there, and nothing behind it, so that
   * whoever goes on after a death in the middle of it meets it first.
   */
  private async write(batches: ReadonlyArray<ChainedBatch>): Promise<void> {
    let together: ChainedBatch[] = []
    for (const batch of batches) {
      if (!this.streams.isTooLarge(batch)) {
        together.push(batch)
        continue
      }
      await this.writeTogether(together)
      together = []
      await this.writeStream([batch])
    }
    await this.writeTogether(together)
  }

  private async writeTogether(batches: ReadonlyArray<ChainedBatch>): Promise<void> {
    const waiting = [...byStream(batches).values()]
    const lane = async (): Promise<void> => {
      for (let own = waiting.shift(); own !== undefined; own = waiting.shift()) await this.writeStream(own)
    }
    const ends = await Promise.allSettled(Array.from({ length: APPENDS_MAX }, lane))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }

  private async writeStream(batches: ReadonlyArray<ChainedBatch>): Promise<void> {
    const last = batches[batches.length - 1]
    if (last === undefined) return
    const { stream, firstRevision, events, digest } = last
    const head = await this.head(stream)
    // Until it is known what became of it, the server is to be asked again.
    this.heads.delete(stream)
    await this.streams.append(batches, head?.begun ?? 0)
    this.heads.set(stream, { revision: firstRevision + events - 1, digest, begun: 0 })
  }

  private async note(uncovered: Uncovered): Promise<void> {
    for (const [stream, first] of uncovered) {
      let position = await this.streams.endPosition()
      for (const [of, revision] of first)
        position = Math.min(position, await this.streams.positionOf(of, revision))
      await this.streams.noteFollowUps(stream, position, Date.now())
    }
  }
}
