// Batches that were read lately. A message's history and a payload that is no longer in memory are asked for event by event, but
// come as whole batches: without this each look at one event of a large batch would carry all of it over the network again.
import type { RecordedBatch } from '../../../domain/batch.js'

const CACHE_BYTES = 16 * 1_048_576

type Held = Readonly<{ batch: RecordedBatch; bytes: number }>

export class BatchCache {
  /** In the order of their last use. */
  private readonly held = new Map<string, Held>()
  /** Of each stream, where the batches that are held begin, ascending. */
  private readonly starts = new Map<string, number[]>()
  private bytes = 0

  add(batch: RecordedBatch, bytes: number): void {
    const key = keyOf(batch.stream, batch.firstRevision)
    if (bytes > CACHE_BYTES / 4 || this.held.has(key)) return
    this.held.set(key, { batch, bytes })
    this.bytes += bytes
    const starts = this.starts.get(batch.stream) ?? []
    starts.splice(placeOf(starts, batch.firstRevision), 0, batch.firstRevision)
    this.starts.set(batch.stream, starts)
    while (this.bytes > CACHE_BYTES) this.dropOldest()
  }

  /** The batch that holds the revision. */
  find(stream: string, revision: number): RecordedBatch | undefined {
    const starts = this.starts.get(stream)
    if (starts === undefined) return undefined
    const start = starts[placeOf(starts, revision + 1) - 1]
    if (start === undefined) return undefined
    const key = keyOf(stream, start)
    const held = this.held.get(key)
    if (held === undefined || start + held.batch.events.length <= revision) return undefined
    this.held.delete(key)
    this.held.set(key, held)
    return held.batch
  }

  private dropOldest(): void {
    const [key, held] = this.held.entries().next().value as [string, Held]
    this.held.delete(key)
    this.bytes -= held.bytes
    const { stream, firstRevision } = held.batch
    const starts = this.starts.get(stream)
    starts?.splice(placeOf(starts, firstRevision), 1)
  }
}

const keyOf = (stream: string, firstRevision: number): string => `${firstRevision} ${stream}`

/** Index of the first start that is not below the revision. */
const placeOf = (starts: ReadonlyArray<number>, revision: number): number => {
  let low = 0
  let high = starts.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((starts[middle] as number) < revision) low = middle + 1
    else high = middle
  }
  return low
}
