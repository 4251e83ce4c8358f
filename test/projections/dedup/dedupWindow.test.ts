// What is remembered and for how long (A6), in log time, and that forgetting is only a matter of memory. The window is
// held equal to the one it replaced: objects in a Map, which stands here as the model.
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DedupWindow } from '../../../projections/dedup/dedupWindow.js'
import { KeyBytes } from '../../../projections/dedup/keyBytes.js'

const WINDOW_MS = 100
const FORGET_MAX = 1_024
type Kind = 'dedup' | 'idempotency' | 'id'

class MapWindow {
  private readonly entries = new Map<string, { name: string; ordinal: number; at: number }>()
  private readonly order: Array<{ name: string; ordinal: number; at: number }> = []

  get size(): number {
    return this.entries.size
  }
  remember(kind: Kind, key: string, ordinal: number, at: number): void {
    const entry = { name: nameOf(kind, key), ordinal, at }
    this.entries.set(entry.name, entry)
    this.order.push(entry)
  }
  find(kind: Kind, key: string, at: number, windowMs: number): number | undefined {
    const entry = this.entries.get(nameOf(kind, key))
    return entry !== undefined && entry.at + windowMs > at ? entry.ordinal : undefined
  }
  forget(at: number, windowMs: number): void {
    for (let n = 0; n < FORGET_MAX; n++) {
      const entry = this.order[0]
      if (entry === undefined || entry.at + windowMs > at) break
      if (this.entries.get(entry.name) === entry) this.entries.delete(entry.name)
      this.order.shift()
    }
  }
  list(): ReadonlyArray<readonly [string, number, number]> {
    return this.order
      .filter((entry) => this.entries.get(entry.name) === entry)
      .map(({ name, ordinal, at }) => [name, ordinal, at] as const)
  }
}

const nameOf = (kind: Kind, key: string): string => ({ dedup: 'd', idempotency: 'i', id: 'c' })[kind] + key

const chunksOf = (window: DedupWindow): ReadonlyArray<Uint8Array> => {
  const { chunkCount, chunk } = window.capture()
  return Array.from({ length: chunkCount }, (_, index) => chunk(index))
}
const loaded = (chunks: ReadonlyArray<Uint8Array>, seed = '', keys = 0): DedupWindow => {
  const window = new DedupWindow()
  window.expectKeys(keys)
  window.seedHash(seed)
  for (const chunk of chunks) window.loadChunk(chunk)
  return window
}

describe('DedupWindow', () => {
  it('A6 knows a key until the window is over, in each name space by itself', () => {
    const window = new DedupWindow()
    window.remember('dedup', 'k', 7, 1_000)
    expect(window.find('dedup', 'k', 1_099, WINDOW_MS)).toBe(7)
    expect(window.find('dedup', 'k', 1_100, WINDOW_MS)).toBeUndefined()
    expect(window.find('idempotency', 'k', 1_000, WINDOW_MS)).toBeUndefined()
    expect(window.find('id', 'k', 1_000, WINDOW_MS)).toBeUndefined()
  })

  it('A6 remembers nothing when the window is 0', () => {
    const window = new DedupWindow()
    window.remember('dedup', 'k', 7, 1_000)
    expect(window.find('dedup', 'k', 1_000, 0)).toBeUndefined()
  })

  it.each([
    ['one byte and two bytes of the same value', 'a\u0001', '\u0161'],
    ['an accent written in two ways', 'e\u0301', '\u00e9'],
    ['a key and the same with one more character', 'order-1', 'order-10'],
    ['nothing but length', '\u0000', '\u0000\u0000'],
    ['signs outside the first plane', '\u{1f600}', '\u{1f601}'],
  ])('A6 takes two keys for two: %s', (_, one, other) => {
    const window = new DedupWindow()
    window.remember('dedup', one, 1, 1_000)
    expect(window.find('dedup', other, 1_000, WINDOW_MS)).toBeUndefined()
    window.remember('dedup', other, 2, 1_000)
    expect(window.find('dedup', one, 1_000, WINDOW_MS)).toBe(1)
    expect(window.list()).toEqual([
      [`d${one}`, 1, 1_000],
      [`d${other}`, 2, 1_000],
    ])
    expect(loaded(chunksOf(window)).list()).toEqual(window.list())
  })

  const key = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('k', 'l', 'm', 'kk', 'ключ', 'k'.repeat(3_000)) },
    { weight: 1, arbitrary: fc.string({ maxLength: 40, unit: 'binary' }) },
  )
  const kind = fc.constantFrom<Kind>('dedup', 'idempotency', 'id')
  // The clock of the log never goes back; a window that came back from an odd snapshot must hold together all the same.
  const passMs = fc.constantFrom(0, 1, 40, 99, 100, 101, 500, -30)
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('remember' as const), kind, key, passMs }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('find' as const), kind, key, passMs }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('forget' as const), passMs }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('reload' as const), seed: fc.constantFrom('', 'a', 'zz') }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('flood' as const), count: fc.integer({ min: 1, max: 3_000 }) }),
    },
  )

  it('A6 answers as the Map did for any sequence, with keys that are replaced, clock steps, floods and reloads', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.constantFrom(0, WINDOW_MS, 1_000),
        (steps, windowMs) => {
          let window = new DedupWindow()
          const model = new MapWindow()
          let at = 10_000
          let ordinal = 0
          for (const one of steps) {
            if ('passMs' in one) at += one.passMs
            if (one.do === 'remember') {
              ordinal++
              window.remember(one.kind, one.key, ordinal, at)
              model.remember(one.kind, one.key, ordinal, at)
            } else if (one.do === 'find') {
              assert.equal(
                window.find(one.kind, one.key, at, windowMs),
                model.find(one.kind, one.key, at, windowMs),
              )
            } else if (one.do === 'forget') {
              window.forget(at, windowMs)
              model.forget(at, windowMs)
            } else if (one.do === 'reload') window = loaded(chunksOf(window), one.seed)
            else {
              for (let n = 0; n < one.count; n++) {
                ordinal++
                window.remember('dedup', `flood-${ordinal % 4_000}`, ordinal, at)
                model.remember('dedup', `flood-${ordinal % 4_000}`, ordinal, at)
              }
            }
            assert.equal(window.size, model.size)
          }
          assert.deepEqual(window.list(), model.list())
        },
      ),
      { numRuns: 60 },
    )
  })

  it('I6 answers alike whether or not it forgot', () => {
    const pass = fc.record({ key, passMs: fc.constantFrom(0, 1, 40, 200), forget: fc.boolean() })
    fc.assert(
      fc.property(fc.array(pass, { maxLength: 80 }), (steps) => {
        const window = new DedupWindow()
        const known = new Map<string, Readonly<{ ordinal: number; at: number }>>()
        let at = 1_000
        steps.forEach((one, ordinal) => {
          at += one.passMs
          if (one.forget) window.forget(at, WINDOW_MS)
          const entry = known.get(one.key)
          const holder = entry !== undefined && entry.at + WINDOW_MS > at ? entry.ordinal : undefined
          expect(window.find('dedup', one.key, at, WINDOW_MS)).toBe(holder)
          if (holder !== undefined) return
          window.remember('dedup', one.key, ordinal, at)
          known.set(one.key, { ordinal, at })
        })
      }),
    )
  })

  it('A6 finds each of 200 000 keys while it grows, and shrinks to nothing when they are forgotten', () => {
    const window = new DedupWindow()
    const count = 200_000
    for (let n = 0; n < count; n++) {
      window.remember('dedup', `key-${n}`, n, n)
      if (n % 97 === 0) expect(window.find('dedup', `key-${n >> 1}`, n, count)).toBe(n >> 1)
    }
    for (let n = 0; n < count; n++) assert.equal(window.find('dedup', `key-${n}`, count, 2 * count), n)
    for (let at = count; window.size > 0; at += 1_000) {
      window.forget(at, count / 2)
      const newest = window.find('dedup', `key-${count - 1}`, count, count / 2)
      assert.equal(newest, window.size > 0 ? count - 1 : undefined)
    }
    expect(window.list()).toEqual([])
    expect((window as unknown as { chains: { chains: number } }).chains.chains).toBe(64)
  })

  it('I6 what was captured stays as it was while more comes in, is replaced, and is forgotten', () => {
    const window = new DedupWindow()
    for (let n = 0; n < 20_000; n++) window.remember('id', `key-${n}`, n, n)
    window.forget(5_100, 5_000)
    const listed = window.list()
    const capture = window.capture()
    const first = capture.chunk(0)
    for (let n = 0; n < 20_000; n++) window.remember('id', `key-${2 * n}`, 20_000 + n, 20_000 + n)
    for (let n = 0; n < 40; n++) window.forget(100_000, 1)
    const rest = Array.from({ length: capture.chunkCount - 1 }, (_, n) => capture.chunk(n + 1))
    expect(capture.chunkCount).toBe(2)
    expect(window.size).toBe(0)
    for (const keys of [0, 1, capture.keys, 100_000])
      expect(loaded([first, ...rest], 'seed', keys).list()).toEqual(listed)
    expect(capture.keys).toBe(listed.length)
  })

  it.each([
    ['too short', (chunk: Uint8Array) => chunk.subarray(0, 5)],
    ['cut', (chunk: Uint8Array) => chunk.subarray(0, chunk.length - 1)],
    [
      'out of order',
      (chunk: Uint8Array) => chunk.map((byte, at) => (at >= 8 + 24 && at < 8 + 32 ? 0 : byte)),
    ],
  ])('I6 refuses a chunk that is %s', (_, broken) => {
    const window = new DedupWindow()
    window.remember('dedup', 'k', 1, 1)
    window.remember('dedup', 'l', 2, 2)
    const [chunk = new Uint8Array()] = chunksOf(window)
    expect(() => loaded([broken(chunk)])).toThrow(/^I6/)
  })

  it('A6 spreads keys that differ in one sign, by another hash for each seed', () => {
    const places = (seed: string): Set<number> => {
      const bytes = new KeyBytes()
      bytes.seed(seed)
      const found = new Set<number>()
      for (let n = 0; n < 4_096; n++) {
        bytes.take('dedup', `order-${n}`)
        found.add(bytes.hash & 4_095)
      }
      return found
    }
    // As many as 4 096 balls leave in 4 096 bins: 1 - 1/e of them.
    expect(places('a').size).toBeGreaterThan(2_480)
    expect(places('b').size).toBeGreaterThan(2_480)
    expect([...places('a')]).not.toEqual([...places('b')])
  })

  it('R60 keeps no more than the window holds, however many keys come by', () => {
    const window = new DedupWindow()
    for (let at = 1; at <= 50_000; at++) {
      window.remember('dedup', `key-${at}`, at, at)
      window.forget(at, WINDOW_MS)
    }
    expect(window.size).toBe(WINDOW_MS)
    expect(window.list()).toHaveLength(WINDOW_MS)
    const { blocks } = window as unknown as { blocks: { blocks: unknown[] } }
    expect(blocks.blocks.length).toBeLessThan(4)
  })
})
