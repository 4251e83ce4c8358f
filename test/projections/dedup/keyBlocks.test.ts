// A6: where remembered keys stand: what a block takes, what it costs in memory and in copying, and which chunks are no chunks.
import { describe, expect, it } from 'vitest'
import { KeyBlocks, readChunk } from '../../../projections/dedup/keyBlocks.js'
import { KeyBytes } from '../../../projections/dedup/keyBytes.js'

type Block = Readonly<{ words: Uint32Array; keys: Uint8Array; count: number }>
const blocksOf = (blocks: KeyBlocks): ReadonlyArray<Block> => Reflect.get(blocks, 'inOrder') as Block[]
const key = new KeyBytes()
const append = (blocks: KeyBlocks, text: string, ordinal = 1, at = 1): number => {
  key.take('dedup', text)
  return blocks.append(key, ordinal, at)
}
const listed = (blocks: KeyBlocks): Array<readonly [number, number, number]> => {
  const all: Array<readonly [number, number, number]> = []
  blocks.forEach((_keys, start, end, ordinal, at) => {
    all.push([end - start, ordinal, at])
  })
  return all
}

const BLOCK_ENTRIES = 16_384
const MEBIBYTE = 1_048_576
const usedBytes = ({ words, count }: Block): number => words[8 * count - 1] ?? 0

describe('A6: blocks of keys', () => {
  it('take so many keys, and so many bytes of keys, that copying one of them stays short', () => {
    const many = new KeyBlocks()
    for (let n = 0; n < BLOCK_ENTRIES; n++) append(many, `k${n}`)
    expect(many.capture().chunkCount).toBe(1)
    append(many, 'one more')
    expect(many.capture().chunkCount).toBe(2)
    const long = new KeyBlocks()
    for (let n = 0; n < 1_000; n++) append(long, `${n}`.padStart(3_000, 'x'), n)
    const { chunkCount, chunk } = long.capture()
    expect(chunkCount).toBe(3)
    for (let n = 0; n < chunkCount; n++) expect(chunk(n).length).toBeLessThan(1.1 * MEBIBYTE)
    expect(listed(long)).toEqual(Array.from({ length: 1_000 }, (_, n) => [3_001, n, 1]))
  })

  it('hold no more bytes than their keys once they are full, and begin as large as the one before', () => {
    const blocks = new KeyBlocks()
    for (let n = 0; n <= BLOCK_ENTRIES; n++) append(blocks, `key number ${n}`)
    const [full, next] = blocksOf(blocks)
    if (full === undefined || next === undefined) throw new Error('there are two blocks')
    expect(full.keys.length).toBe(usedBytes(full))
    expect(full.words.length).toBe(8 * BLOCK_ENTRIES)
    expect([next.words.length, next.keys.length]).toEqual([full.words.length, full.keys.length])
  })

  it('begin small, and grow by a share of what they hold: few copies, and little room for nothing', () => {
    const blocks = new KeyBlocks()
    append(blocks, 'first')
    const [block] = blocksOf(blocks)
    if (block === undefined) throw new Error('there is a block')
    expect([block.words.length, block.keys.length]).toEqual([8 * 64, 2_048])
    const sizes = new Set<number>()
    for (let n = 1; n < BLOCK_ENTRIES; n++) {
      append(blocks, `key number ${n}`)
      sizes.add(block.keys.length)
    }
    expect(sizes.size).toBeLessThan(20)
    expect(block.keys.length).toBeLessThan(1.6 * usedBytes(block))
    const huge = new KeyBlocks()
    append(huge, 'x'.repeat(9_000))
    expect(listed(huge)).toEqual([[9_001, 1, 1]])
  })

  it('use numbers again when the oldest go, and the newest stays to be written on', () => {
    const blocks = new KeyBlocks()
    const entries: number[] = []
    let strange = 0
    for (let n = 0; n < 4 * BLOCK_ENTRIES + 5; n++) {
      entries.push(append(blocks, `k${n}`, n, n))
      if (n < BLOCK_ENTRIES) continue
      const oldest = blocks.oldest()
      if (oldest !== entries[n - BLOCK_ENTRIES] || blocks.ordinal(oldest) !== n - BLOCK_ENTRIES) strange++
      blocks.dropOldest()
    }
    expect(strange).toBe(0)
    expect((Reflect.get(blocks, 'blocks') as unknown[]).length).toBeLessThan(5)
    expect(Math.min(...entries.slice(0, 10), ...entries.slice(-10))).toBeGreaterThan(0)
    while (!blocks.isEmpty) blocks.dropOldest()
    expect([blocks.oldest(), listed(blocks), blocks.capture().chunkCount]).toEqual([0, [], 0])
    append(blocks, 'again', 7, 8)
    expect(listed(blocks)).toEqual([[6, 7, 8]])
  })
})

describe('I6: a chunk of keys', () => {
  const chunk = (): Uint8Array => {
    const blocks = new KeyBlocks()
    for (const text of ['gone', 'one', 'three', 'seven']) append(blocks, text)
    blocks.dropOldest()
    return blocks.capture().chunk(0)
  }
  const read = (bytes: Uint8Array): number[] => {
    const lengths: number[] = []
    readChunk(bytes, (_keys, start, end) => lengths.push(end - start))
    return lengths
  }
  /** Words of a record stand behind the header of two: its hash, its next, where its key starts and ends. */
  const changed = (record: number, word: number, by: number): Uint8Array => {
    const bytes = new Uint8Array(chunk())
    const words = new Uint32Array(bytes.buffer)
    const at = 2 + 8 * record + word
    words[at] = (words[at] ?? 0) + by
    return bytes
  }
  const [START, END] = [6, 7]

  it('is read back from wherever it lies', () => {
    const whole = chunk()
    const shifted = new Uint8Array(whole.length + 3)
    shifted.set(whole, 3)
    expect([read(whole), read(shifted.subarray(3))]).toEqual([
      [4, 6, 6],
      [4, 6, 6],
    ])
  })

  it('is none when keys overlap, leave a gap, have no bytes or go beyond the end', () => {
    for (const [record, word, by] of [
      [1, START, 1],
      [1, START, -1],
      [2, START, 1],
      [0, END, -4],
      [0, END, -5],
      [0, END, 1],
      [2, END, 1],
      [2, END, -6],
    ] as const) {
      expect(() => read(changed(record, word, by)), `${record} ${word} ${by}`).toThrow(/^I6/)
    }
  })

  it('is none when it is shorter or longer than its header says, or has none', () => {
    const whole = chunk()
    for (let length = 0; length < whole.length; length++)
      expect(() => read(whole.subarray(0, length)), `${length} bytes`).toThrow(/^I6/)
    const longer = new Uint8Array(whole.length + 8)
    longer.set(whole)
    expect(() => read(longer)).toThrow(/^I6/)
    expect(read(new Uint8Array(8))).toEqual([])
  })
})
