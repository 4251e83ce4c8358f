// Keys that were seen within the window, in log time (§4.9): dedup keys, idempotency keys, and callers' ids of finished
// messages, each in a name space of its own. A look-up asks the entry's own time, so forgetting is only a matter of
// memory and replay agrees whenever it happens.
import type { EpochMs } from '../../domain/time.js'

export type DedupKind = 'dedup' | 'idempotency' | 'id'
const PREFIX: Record<DedupKind, string> = { dedup: 'd', idempotency: 'i', id: 'c' }

type Entry = { readonly name: string; readonly ordinal: number; readonly at: EpochMs }

/** Entries dropped per call of `forget`: bounds its share of one commit. */
const FORGET_MAX = 1_024

export class DedupWindow {
  private readonly entries = new Map<string, Entry>()
  /** In order of time; entries that were replaced stay here until their turn. */
  private order: Entry[] = []
  private head = 0

  get size(): number {
    return this.entries.size
  }

  remember(kind: DedupKind, key: string, ordinal: number, at: EpochMs): void {
    const entry = { name: PREFIX[kind] + key, ordinal, at }
    this.entries.set(entry.name, entry)
    this.order.push(entry)
  }

  /** The ordinal that holds the key, if it was remembered less than `windowMs` before `at`. */
  find(kind: DedupKind, key: string, at: EpochMs, windowMs: number): number | undefined {
    if (this.entries.size === 0) return undefined
    const entry = this.entries.get(PREFIX[kind] + key)
    return entry !== undefined && entry.at + windowMs > at ? entry.ordinal : undefined
  }

  forget(at: EpochMs, windowMs: number): void {
    for (let n = 0; n < FORGET_MAX && this.head < this.order.length; n++) {
      const entry = this.order[this.head]!
      if (entry.at + windowMs > at) break
      if (this.entries.get(entry.name) === entry) this.entries.delete(entry.name)
      this.head++
    }
    if (this.head > 4_096 && this.head * 2 > this.order.length) {
      this.order = this.order.slice(this.head)
      this.head = 0
    }
  }

  /** For snapshots: what is remembered, oldest first. */
  list(): ReadonlyArray<readonly [name: string, ordinal: number, at: EpochMs]> {
    const listed: Array<readonly [string, number, number]> = []
    for (let i = this.head; i < this.order.length; i++) {
      const { name, ordinal, at } = this.order[i]!
      listed.push([name, ordinal, at])
    }
    return listed
  }

  load(listed: ReadonlyArray<readonly [name: string, ordinal: number, at: EpochMs]>): void {
    for (const [name, ordinal, at] of listed) {
      const entry = { name, ordinal, at }
      this.entries.set(name, entry)
      this.order.push(entry)
    }
  }
}
