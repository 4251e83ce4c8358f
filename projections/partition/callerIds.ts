// Live messages by the id that their caller chose. A Map of a million texts holds up the loop for 0.7 s when it grows, of eight
// million for 2 s, and ends at sixteen; here one chain is split at a time (hashChains.ts), and what is compared is the text that the
// table keeps anyway, so that an id costs 8 bytes beside it (bench/micro/callerIds.ts).
import { HashChains, type Links } from '../dedup/hashChains.js'
import type { KeyBytes } from '../dedup/keyBytes.js'
import * as L from '../messageTable/layout.js'
import type { MessageTable } from '../messageTable/messageTable.js'

const BLOCK_BITS = 12
const BLOCK_MASK = (1 << BLOCK_BITS) - 1
/** Most partitions hold few messages: a block begins small and doubles. */
const FIRST_SLOTS = 64

/** A hash and the next entry of its chain for each slot of the table; entry = slot + 1. */
class SlotLinks implements Links {
  private readonly blocks: Array<Uint32Array | undefined> = []

  enter(entry: number, hash: number): void {
    const number = entry >>> BLOCK_BITS
    const place = entry & BLOCK_MASK
    let block = this.blocks[number] ?? new Uint32Array(2 * FIRST_SLOTS)
    while (2 * place >= block.length) {
      const grown = new Uint32Array(2 * block.length)
      grown.set(block)
      block = grown
    }
    this.blocks[number] = block
    block[2 * place] = hash
  }
  hash(entry: number): number {
    return this.blocks[entry >>> BLOCK_BITS]![2 * (entry & BLOCK_MASK)]!
  }
  next(entry: number): number {
    return this.blocks[entry >>> BLOCK_BITS]![2 * (entry & BLOCK_MASK) + 1]!
  }
  setNext(entry: number, next: number): void {
    this.blocks[entry >>> BLOCK_BITS]![2 * (entry & BLOCK_MASK) + 1] = next
  }
}

export class CallerIds {
  private readonly links = new SlotLinks()
  private readonly chains = new HashChains(this.links)

  constructor(
    private readonly table: MessageTable,
    private readonly key: KeyBytes,
  ) {}

  get size(): number {
    return this.chains.size
  }

  /** The ordinal of the live message with this id. */
  get(callerId: string): number | undefined {
    if (this.size === 0) return undefined
    const { table, links } = this
    this.key.take('id', callerId)
    const { hash } = this.key
    for (let entry = this.chains.first(hash); entry !== 0; entry = links.next(entry)) {
      const slot = entry - 1
      if (links.hash(entry) === hash && table.cold(slot).callerId === callerId)
        return table.double(slot, L.ORDINAL)
    }
    return undefined
  }

  /** Before `table` says so, or after: only a look-up compares. An id that is live is not added again. */
  add(callerId: string, slot: number): void {
    this.key.take('id', callerId)
    this.links.enter(slot + 1, this.key.hash)
    this.chains.add(slot + 1)
  }

  /** Of a slot that was added. */
  remove(slot: number): void {
    this.chains.remove(slot + 1)
  }
}
