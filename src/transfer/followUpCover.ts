// How far the follow-ups of a ledger were enqueued, told by stream and revision. The cursor itself is a position, which means
// nothing in another log: moved as it is, a greater one would pass over follow-ups that were never enqueued. Lagging is harmless
// (they are enqueued under the same names again), so what is not certainly covered counts as not covered.
import type { LedgerEvent } from '../../domain/batch.js'
import type { ChainedBatch } from '../chain/chainedBatch.js'
import { prefixOf, type Uncovered } from './sides.js'

type Place = Readonly<{ stream: string; firstRevision: number; nextPosition: number }>

/** Batches that a cursor has passed are dropped once there are so many. */
const TIDY_AFTER = 65_536

export class FollowUpCover {
  private places: Place[] = []
  private readonly cursors = new Map<string, number>()
  private tidyAt = TIDY_AFTER

  note({ stream, firstRevision, nextPosition }: ChainedBatch): void {
    this.places.push({ stream, firstRevision, nextPosition })
    if (this.places.length < this.tidyAt) return
    this.places = this.places.filter((place) => !this.isCovered(place))
    this.tidyAt = this.places.length + TIDY_AFTER
  }

  progress(processStream: string, events: ReadonlyArray<LedgerEvent>): void {
    for (const event of events)
      if (event.type === 'FollowUpsDone')
        this.cursors.set(processStream, Math.max(event.position, this.cursors.get(processStream) ?? 0))
  }

  private isCovered({ stream, nextPosition }: Place): boolean {
    for (const [processStream, position] of this.cursors)
      if (stream.startsWith(prefixOf(processStream)) && nextPosition <= position) return true
    return false
  }

  uncovered(): Uncovered {
    const all = new Map<string, ReadonlyMap<string, number>>()
    for (const [processStream, position] of this.cursors) {
      const prefix = prefixOf(processStream)
      const first = new Map<string, number>()
      for (const { stream, firstRevision, nextPosition } of this.places) {
        const isOwn = stream.startsWith(prefix) && nextPosition > position
        if (isOwn && !first.has(stream)) first.set(stream, firstRevision)
      }
      all.set(processStream, first)
    }
    return all
  }
}
