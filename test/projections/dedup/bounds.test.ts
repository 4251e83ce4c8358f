// A6: what bounds the dedup window's work and secrecy: how much one step forgets, and when its hash may be chosen.
import { describe, expect, it } from 'vitest'
import { DedupWindow } from '../../../projections/dedup/dedupWindow.js'

const WINDOW_MS = 1_000

describe('A6: the dedup window', () => {
  it('takes another hash only before its first key: afterwards it would find nothing again', () => {
    const window = new DedupWindow()
    window.seedHash('first')
    window.remember('dedup', 'key', 7, 0)
    window.seedHash('second')
    expect(window.find('dedup', 'key', 0, WINDOW_MS)).toBe(7)
    window.forget(WINDOW_MS, WINDOW_MS)
    expect(window.size).toBe(0)
    window.seedHash('third')
    window.remember('dedup', 'key', 8, WINDOW_MS)
    expect(window.find('dedup', 'key', WINDOW_MS, WINDOW_MS)).toBe(8)
  })

  it('has a hash of its own under each seed, so that callers cannot know where a key lands', () => {
    const hashOf = (seed: string): number => {
      const window = new DedupWindow()
      window.seedHash(seed)
      window.remember('dedup', 'key', 7, 0)
      return (window as unknown as Readonly<{ key: Readonly<{ hash: number }> }>).key.hash
    }
    expect(new Set(['a', 'b', 'c'].map(hashOf)).size).toBe(3)
  })

  it('finds the same whatever its hash', () => {
    for (const seed of ['', 'a', 'another one']) {
      const window = new DedupWindow()
      window.seedHash(seed)
      for (let n = 1; n <= 3_000; n++) window.remember('dedup', `key-${n}`, n, 0)
      for (let n = 1; n <= 3_000; n++) expect(window.find('dedup', `key-${n}`, 0, WINDOW_MS)).toBe(n)
      expect(window.find('dedup', 'key-0', 0, WINDOW_MS)).toBeUndefined()
    }
  })

  it('forgets so much at a time that no step is long, and all of it in the end', () => {
    const window = new DedupWindow()
    const KEYS = 50_000
    for (let n = 1; n <= KEYS; n++) window.remember('dedup', `key-${n}`, n, 0)
    window.forget(WINDOW_MS, WINDOW_MS)
    const afterOne = window.size
    expect(afterOne).toBeGreaterThan(0)
    expect(afterOne).toBeLessThan(KEYS)
    for (let steps = 0; window.size > 0; steps++) {
      expect(steps).toBeLessThan(KEYS)
      window.forget(WINDOW_MS, WINDOW_MS)
    }
    expect(window.list()).toEqual([])
  })

  it('does not find what has left the window, forgotten or not', () => {
    const window = new DedupWindow()
    window.remember('idempotency', 'key', 7, 5)
    expect(window.find('idempotency', 'key', 5 + WINDOW_MS - 1, WINDOW_MS)).toBe(7)
    expect(window.find('idempotency', 'key', 5 + WINDOW_MS, WINDOW_MS)).toBeUndefined()
    expect(window.find('dedup', 'key', 5, WINDOW_MS)).toBeUndefined()
    expect(window.size).toBe(1)
  })
})
