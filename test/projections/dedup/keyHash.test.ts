// A6: the hash of a key is HalfSipHash-1-3 as its authors wrote it down, over the bytes of the key and their number: written out
// here once more, word by word, so that no slip makes it a weaker one.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DedupKind, KeyBytes, nameOf } from '../../../projections/dedup/keyBytes.js'

const KEY = [0x9e3779b9, 0x85ebca6b] as const
const SPACES: Readonly<Record<DedupKind, number>> = { dedup: 1, idempotency: 2, id: 3 }
const LETTERS: Readonly<Record<DedupKind, string>> = { dedup: 'd', idempotency: 'i', id: 'c' }

const bytesOf = (kind: DedupKind, key: string): Buffer => {
  const isWide = Array.from({ length: key.length }, (_, i) => key.charCodeAt(i)).some((code) => code > 0xff)
  const head = Buffer.from([SPACES[kind] | (isWide ? 0x80 : 0)])
  return Buffer.concat([head, Buffer.from(key, isWide ? 'utf16le' : 'latin1')])
}

const rotated = (x: number, by: number): number => ((x << by) | (x >>> (32 - by))) >>> 0
const sum = (x: number, y: number): number => (x + y) >>> 0
const xor = (x: number, y: number): number => (x ^ y) >>> 0

const reference = (bytes: Buffer): number => {
  let [v0, v1] = KEY as readonly [number, number]
  let [v2, v3] = [xor(0x6c796765, v0), xor(0x74656462, v1)]
  const round = (): void => {
    v0 = sum(v0, v1)
    v1 = xor(rotated(v1, 5), v0)
    v0 = rotated(v0, 16)
    v2 = sum(v2, v3)
    v3 = xor(rotated(v3, 8), v2)
    v0 = sum(v0, v3)
    v3 = xor(rotated(v3, 7), v0)
    v2 = sum(v2, v1)
    v1 = xor(rotated(v1, 13), v2)
    v2 = rotated(v2, 16)
  }
  const padded = Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
  const words = Array.from({ length: padded.length / 4 }, (_, n) => padded.readUInt32LE(4 * n))
  for (const word of [...words, bytes.length]) {
    v3 = xor(v3, word)
    round()
    v0 = xor(v0, word)
  }
  v2 = xor(v2, 0xff)
  for (let n = 0; n < 3; n++) round()
  return xor(v1, v3)
}

const kinds = fc.constantFrom<DedupKind>('dedup', 'idempotency', 'id')
const keys = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ maxLength: 20 }))

describe('A6: a key', () => {
  it('has the hash that the reference gives its bytes, also when another was there before', () => {
    const one = new KeyBytes()
    fc.assert(
      fc.property(kinds, keys, (kind, key) => {
        one.take(kind, key)
        expect(one.hash).toBe(reference(bytesOf(kind, key)))
        expect(Buffer.from(one.bytes.subarray(0, one.length))).toEqual(bytesOf(kind, key))
      }),
      { numRuns: 300 },
    )
  })

  it.each([
    0, 1, 2, 3, 4, 2_045, 2_046, 2_047, 2_048, 2_049, 2_050, 4_090, 4_091, 4_092, 4_095, 4_096, 20_000,
  ])('may be of any length: %i characters', (length) => {
    for (const letter of ['x', 'ÿ', 'ż']) {
      const one = new KeyBytes()
      const key = letter.repeat(length)
      one.take('id', key)
      expect(one.hash).toBe(reference(bytesOf('id', key)))
      expect(nameOf(one.bytes, 0, one.length)).toBe(`c${key}`)
    }
  })

  it('is the same one from where it is kept', () => {
    const [one, again] = [new KeyBytes(), new KeyBytes()]
    fc.assert(
      fc.property(kinds, keys, fc.nat({ max: 9 }), (kind, key, before) => {
        one.take(kind, key)
        const kept = new Uint8Array(before + one.length + 5).fill(0xaa)
        kept.set(one.bytes.subarray(0, one.length), before)
        again.takeFrom(kept, before, before + one.length)
        expect([again.hash, again.length]).toEqual([one.hash, one.length])
        expect(nameOf(kept, before, before + one.length)).toBe(LETTERS[kind] + key)
      }),
    )
  })

  it('has another hash under each seed, whatever character of the seed is another', () => {
    const hashOf = (...seeds: ReadonlyArray<string>): number => {
      const one = new KeyBytes()
      for (const seed of seeds) one.seed(seed)
      one.take('dedup', 'order-7')
      return one.hash
    }
    const seeds = ['', 'a', 'b', 'aa', 'ab', 'ba', 'abc', 'abd', 'bbc']
    expect(new Set(seeds.map((seed) => hashOf(seed))).size).toBe(seeds.length)
    expect(hashOf('ab')).toBe(hashOf('a', 'b'))
    expect(hashOf('')).toBe(hashOf())
  })

  it('is computed anew when another one, or another hash, came in between', () => {
    const one = new KeyBytes()
    const take = (kind: DedupKind = 'dedup'): number => {
      one.take(kind, 'order-7')
      return one.hash
    }
    const hash = take()
    expect([take('id'), take()]).toEqual([reference(bytesOf('id', 'order-7')), hash])
    const kept = bytesOf('id', 'another')
    one.takeFrom(kept, 0, kept.length)
    expect([take(), one.length]).toEqual([hash, 8])
    one.seed('seed')
    expect(take()).not.toBe(hash)
  })

  it('that is asked for twice in a row is taken once', () => {
    const one = new KeyBytes()
    one.take('dedup', 'order-7')
    one.bytes[1] = 0xee
    one.take('dedup', 'order-7')
    expect(one.bytes[1]).toBe(0xee)
    one.take('dedup', 'order-8')
    one.take('dedup', 'order-7')
    expect(Buffer.from(one.bytes.subarray(0, one.length))).toEqual(bytesOf('dedup', 'order-7'))
  })

  it('that is long is the same one from where it is kept, the first of all, too', () => {
    const [one, again] = [new KeyBytes(), new KeyBytes()]
    one.take('id', 'x'.repeat(20_000))
    const kept = new Uint8Array(one.length + 7)
    kept.set(one.bytes.subarray(0, one.length), 7)
    again.takeFrom(kept, 7, kept.length)
    expect([again.hash, again.length]).toEqual([one.hash, 20_001])
  })

  it('has both halves of the hash’s own key from the seed', () => {
    const halves = (half: 'seedA' | 'seedB'): Set<unknown> => {
      const found = new Set<unknown>()
      for (let n = 0; n < 2_000; n++) {
        const one = new KeyBytes()
        one.seed(`log-${n}`)
        found.add(Reflect.get(one, half))
      }
      return found
    }
    expect([halves('seedA').size, halves('seedB').size]).toEqual([2_000, 2_000])
  })

  it('of a space that nobody knows is shown as such', () => {
    expect(nameOf(Uint8Array.of(9, 0x61), 0, 2)).toBe('?a')
  })
})
