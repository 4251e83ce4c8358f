// Who in this process waits for the end of a message. Told of each end as it becomes durable; nobody waiting costs one
// comparison per append. Best effort: an end that this process did not append itself is not heard of here.
import type { EventBatch } from '../../domain/batch.js'
import { type PartitionRef, partitionStream } from '../../domain/ids.js'

const ENDS: ReadonlySet<string> = new Set([
  'AttemptSucceeded',
  'MessageDeadLettered',
  'MessageCancelled',
  'MessageExpired',
  'MessagePurged',
])

export class SettledWatch {
  /** By stream and ordinal. */
  private readonly waiting = new Map<string, Set<() => void>>()

  note(ref: PartitionRef, { events }: EventBatch): void {
    if (this.waiting.size === 0) return
    const stream = partitionStream(ref)
    for (const event of events) {
      if (!ENDS.has(event.type) || !('ordinal' in event)) continue
      for (const tell of this.waiting.get(`${stream} ${event.ordinal}`) ?? []) tell()
    }
  }

  /** Returns the way to stop. */
  listen(stream: string, ordinal: number, tell: () => void): () => void {
    const key = `${stream} ${ordinal}`
    let listeners = this.waiting.get(key)
    if (listeners === undefined) {
      listeners = new Set()
      this.waiting.set(key, listeners)
    }
    listeners.add(tell)
    return () => {
      const present = this.waiting.get(key)
      present?.delete(tell)
      if (present?.size === 0) this.waiting.delete(key)
    }
  }
}
