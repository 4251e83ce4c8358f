// Keys that were seen within the window, in log time (§4.9): dedup keys, idempotency keys, and callers' ids of finished
// messages, each in a name space of its own. A look-up asks the entry's own time, so forgetting is only a matter of
// memory and replay agrees whenever it happens. Ten million keys cost 37 bytes each beside their own, and no pause to
// speak of (bench/micro/dedupWindow.ts).
import type { EpochMs } from '../../domain/time.js'
import { HashChains } from './hashChains.js'
import { type DedupCapture, KeyBlocks, REPLACED, readChunk } from './keyBlocks.js'
import { type DedupKind, KeyBytes, nameOf } from './keyBytes.js'

/** Entries dropped per call of `forget`: bounds its share of one commit. */
const FORGET_MAX = 1_024

export class DedupWindow {
  /** In order of time; entries that were replaced stay here until their turn. */
  private readonly blocks = new KeyBlocks()
  private readonly chains = new HashChains(this.blocks)

  constructor(private readonly key = new KeyBytes()) {}

  get size(): number {
    return this.chains.size
  }

  /** Chooses the hash: by a text that callers do not know, before the first key. What is found does not depend on it. */
  seedHash(seed: string): void {
    if (this.blocks.isEmpty) this.key.seed(seed)
  }

  remember(kind: DedupKind, key: string, ordinal: number, at: EpochMs): void {
    this.key.take(kind, key)
    this.add(ordinal, at)
  }

  /** The ordinal that holds the key, if it was remembered less than `windowMs` before `at`. */
  find(kind: DedupKind, key: string, at: EpochMs, windowMs: number): number | undefined {
    if (this.chains.size === 0) return undefined
    this.key.take(kind, key)
    const entry = this.entryOfKey()
    if (entry === 0 || this.blocks.at(entry) + windowMs <= at) return undefined
    return this.blocks.ordinal(entry)
  }

  forget(at: EpochMs, windowMs: number): void {
    const { blocks, chains } = this
    for (let n = 0; n < FORGET_MAX; n++) {
      const entry = blocks.oldest()
      if (entry === 0 || blocks.at(entry) + windowMs > at) return
      if (blocks.next(entry) !== REPLACED) chains.remove(entry)
      blocks.dropOldest()
    }
  }

  /** What is remembered, oldest first, each under its name space's letter. */
  list(): ReadonlyArray<readonly [name: string, ordinal: number, at: EpochMs]> {
    const listed: Array<readonly [string, number, number]> = []
    this.blocks.forEach((keys, start, end, ordinal, at) => {
      listed.push([nameOf(keys, start, end), ordinal, at])
    })
    return listed
  }

  /** For snapshots: what is kept now, in chunks that may be asked for later. */
  capture(): DedupCapture {
    return this.blocks.capture()
  }

  /** So many keys are about to be loaded. */
  expectKeys(keys: number): void {
    this.chains.begin(keys)
  }

  /** Takes over what a chunk of a snapshot holds; chunks in their order. */
  loadChunk(chunk: Uint8Array): void {
    readChunk(chunk, (keys, start, end, ordinal, at) => {
      this.key.takeFrom(keys, start, end)
      this.add(ordinal, at)
    })
  }

  private add(ordinal: number, at: EpochMs): void {
    const former = this.entryOfKey()
    if (former !== 0) {
      this.chains.remove(former)
      this.blocks.setNext(former, REPLACED)
    }
    this.chains.add(this.blocks.append(this.key, ordinal, at))
  }

  private entryOfKey(): number {
    const { blocks, key } = this
    let entry = this.chains.first(key.hash)
    while (entry !== 0 && !blocks.isKey(entry, key)) entry = blocks.next(entry)
    return entry
  }
}
