// Remembered keys in the order they came in, in blocks: a record of 32 bytes each, and the bytes of the key itself. Written
// records never change but for their links, and blocks never move once they are full, so growing costs no pause, and a
// snapshot is taken by holding on to the blocks that there were (`capture`). Fields of a record stand side by side, and
// blocks are large, because a look-up among ten million is paid for in cache misses (bench/micro/dedupWindow.ts).
//   chunk of a snapshot: u32 records, u32 bytes of keys; the records; the keys
import { Defect } from '../../domain/invariant.js'
import type { KeyBytes } from './keyBytes.js'

const BLOCK_BITS = 14
const BLOCK_ENTRIES = 1 << BLOCK_BITS
const BLOCK_MASK = BLOCK_ENTRIES - 1
/** Most queues remember few keys: a block begins small and doubles. */
const FIRST_ENTRIES = 64
const FIRST_KEY_BYTES = 2_048
/** A block with so many bytes of keys takes no more, so that copying one stays short. */
const KEY_BYTES_FULL = 1_048_576

const RECORD_BYTES = 32
// Index into the doubles of a record, of which there are 4, and into its words, of which there are 8.
const ORDINAL = 0
const AT = 1
const HASH = 4
const NEXT = 5
const KEY_START = 6
const KEY_END = 7

const CHUNK_HEADER_BYTES = 8

type Block = {
  readonly number: number
  doubles: Float64Array
  words: Uint32Array
  keys: Uint8Array
  count: number
  isFull: boolean
}

/** What stands in `next` of a key that was remembered anew, and so is found no longer. */
export const REPLACED = 0xffff_ffff

export type DedupCapture = Readonly<{
  chunkCount: number
  /** Keys in all of them. */
  keys: number
  chunk: (index: number) => Uint8Array
}>
type Visit = (keys: Uint8Array, start: number, end: number, ordinal: number, at: number) => void

export class KeyBlocks {
  /** By number, from 1, so that no entry is called 0. Numbers of blocks that have gone are used again. */
  private readonly blocks: Array<Block | undefined> = [undefined]
  private readonly freeNumbers: number[] = []
  /** Oldest first. */
  private readonly inOrder: Block[] = []
  /** The oldest record of the oldest block that is still there. */
  private head = 0

  get isEmpty(): boolean {
    return this.oldest() === 0
  }

  append(key: KeyBytes, ordinal: number, at: number): number {
    let block = this.inOrder[this.inOrder.length - 1]
    if (block === undefined || block.isFull) block = this.addBlock(block)
    const place = block.count++
    if (8 * block.count > block.words.length) growRecords(block)
    const { doubles, words } = block
    const start = place === 0 ? 0 : words[8 * place - 8 + KEY_END]!
    const end = start + key.length
    if (end > block.keys.length) growKeys(block, end)
    const { keys } = block
    for (let i = 0; i < key.length; i++) keys[start + i] = key.bytes[i]!
    doubles[4 * place + ORDINAL] = ordinal
    doubles[4 * place + AT] = at
    words[8 * place + HASH] = key.hash
    words[8 * place + KEY_START] = start
    words[8 * place + KEY_END] = end
    block.isFull = block.count === BLOCK_ENTRIES || end >= KEY_BYTES_FULL
    return block.number * BLOCK_ENTRIES + place
  }

  /** The one that came in first; 0 = there is none. */
  oldest(): number {
    const block = this.inOrder[0]
    return block === undefined || this.head === block.count ? 0 : block.number * BLOCK_ENTRIES + this.head
  }

  dropOldest(): void {
    const block = this.inOrder[0]!
    this.head++
    if (this.head < block.count || !block.isFull) return
    this.blocks[block.number] = undefined
    this.freeNumbers.push(block.number)
    this.inOrder.shift()
    this.head = 0
  }

  ordinal(entry: number): number {
    return this.blocks[entry >>> BLOCK_BITS]!.doubles[4 * (entry & BLOCK_MASK) + ORDINAL]!
  }
  at(entry: number): number {
    return this.blocks[entry >>> BLOCK_BITS]!.doubles[4 * (entry & BLOCK_MASK) + AT]!
  }
  hash(entry: number): number {
    return this.blocks[entry >>> BLOCK_BITS]!.words[8 * (entry & BLOCK_MASK) + HASH]!
  }
  next(entry: number): number {
    return this.blocks[entry >>> BLOCK_BITS]!.words[8 * (entry & BLOCK_MASK) + NEXT]!
  }
  setNext(entry: number, next: number): void {
    this.blocks[entry >>> BLOCK_BITS]!.words[8 * (entry & BLOCK_MASK) + NEXT] = next
  }

  isKey(entry: number, key: KeyBytes): boolean {
    const { words, keys } = this.blocks[entry >>> BLOCK_BITS]!
    const record = 8 * (entry & BLOCK_MASK)
    if (words[record + HASH] !== key.hash) return false
    const start = words[record + KEY_START]!
    if (words[record + KEY_END]! - start !== key.length) return false
    for (let i = 0; i < key.length; i++) if (keys[start + i] !== key.bytes[i]) return false
    return true
  }

  /** Oldest first, those that were replaced left out. */
  forEach(visit: Visit): void {
    let from = this.head
    for (const { count, doubles, words, keys } of this.inOrder) {
      for (let n = from; n < count; n++) {
        if (words[8 * n + NEXT] === REPLACED) continue
        const [start, end] = [words[8 * n + KEY_START]!, words[8 * n + KEY_END]!]
        visit(keys, start, end, doubles[4 * n + ORDINAL]!, doubles[4 * n + AT]!)
      }
      from = 0
    }
  }

  /** What is kept now, a chunk for each block, to be read while more comes in and older ones go. */
  capture(): DedupCapture {
    const blocks = this.isEmpty ? [] : [...this.inOrder]
    const counts = blocks.map(({ count }) => count)
    const { head } = this
    return {
      chunkCount: blocks.length,
      keys: counts.reduce((sum, count) => sum + count, -head),
      chunk: (index) => written(blocks[index]!, index === 0 ? head : 0, counts[index]!),
    }
  }

  private addBlock(former: Block | undefined): Block {
    // The bytes that were too many; a full block takes no more.
    if (former !== undefined)
      former.keys = former.keys.slice(0, former.words[8 * former.count - 8 + KEY_END]!)
    const records = new ArrayBuffer(
      former === undefined ? FIRST_ENTRIES * RECORD_BYTES : former.words.byteLength,
    )
    const block: Block = {
      number: this.freeNumbers.pop() ?? this.blocks.length,
      doubles: new Float64Array(records),
      words: new Uint32Array(records),
      // The next keys are likely to be as long.
      keys: new Uint8Array(former?.keys.length ?? FIRST_KEY_BYTES),
      count: 0,
      isFull: false,
    }
    this.blocks[block.number] = block
    this.inOrder.push(block)
    return block
  }
}

const growRecords = (block: Block): void => {
  const words = new Uint32Array(2 * block.words.length)
  words.set(block.words)
  block.words = words
  block.doubles = new Float64Array(words.buffer)
}

const growKeys = (block: Block, bytes: number): void => {
  const keys = new Uint8Array(Math.max(bytes, block.keys.length + (block.keys.length >> 1)))
  keys.set(block.keys)
  block.keys = keys
}

const written = ({ words, keys }: Block, from: number, to: number): Uint8Array => {
  const firstKey = words[8 * from + KEY_START]!
  const lastKey = words[8 * (to - 1) + KEY_END]!
  const bytes = new Uint8Array(CHUNK_HEADER_BYTES + (to - from) * RECORD_BYTES + lastKey - firstKey)
  const written = new Uint32Array(bytes.buffer, 0, (CHUNK_HEADER_BYTES + (to - from) * RECORD_BYTES) >> 2)
  written[0] = to - from
  written[1] = lastKey - firstKey
  written.set(words.subarray(8 * from, 8 * to), CHUNK_HEADER_BYTES >> 2)
  bytes.set(keys.subarray(firstKey, lastKey), written.byteLength)
  return bytes
}

/** A chunk read back: each key, where it stands, and what is remembered of it. */
export const readChunk = (chunk: Uint8Array, visit: Visit): void => {
  // A copy of its own: `chunk` may be a view that does not begin at a multiple of 8.
  const bytes = new Uint8Array(chunk.length)
  bytes.set(chunk)
  if (bytes.length < CHUNK_HEADER_BYTES) throw new Defect('I6 a chunk of keys is too short')
  const [count = 0, keyBytes = 0] = new Uint32Array(bytes.buffer, 0, 2)
  const keysAt = CHUNK_HEADER_BYTES + count * RECORD_BYTES
  if (bytes.length !== keysAt + keyBytes) throw new Defect('I6 a chunk of keys has the wrong size')
  const doubles = new Float64Array(bytes.buffer, CHUNK_HEADER_BYTES, 4 * count)
  const words = new Uint32Array(bytes.buffer, CHUNK_HEADER_BYTES, 8 * count)
  const shift = count === 0 ? 0 : words[KEY_START]!
  const keys = bytes.subarray(keysAt)
  let start = 0
  for (let n = 0; n < count; n++) {
    const end = words[8 * n + KEY_END]! - shift
    if (words[8 * n + KEY_START]! - shift !== start || end <= start || end > keyBytes)
      throw new Defect('I6 a chunk of keys has no order')
    visit(keys, start, end, doubles[4 * n + ORDINAL]!, doubles[4 * n + AT]!)
    start = end
  }
}
