// What is remembered and for how long (A6), in log time, and that forgetting is only a matter of memory.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DedupWindow } from '../../../projections/dedup/dedupWindow.js'

const WINDOW_MS = 100

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

  const step = fc.record({
    key: fc.constantFrom('k', 'l', 'm'),
    kind: fc.constantFrom('dedup' as const, 'id' as const),
    passMs: fc.constantFrom(0, 1, 40, 200),
    forget: fc.boolean(),
    reload: fc.boolean(),
  })
  it('I6 answers alike whether or not it forgot, and after it was listed and loaded', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        let window = new DedupWindow()
        const model = new Map<string, Readonly<{ ordinal: number; at: number }>>()
        let at = 1_000
        steps.forEach(({ key, kind, passMs, forget, reload }, ordinal) => {
          at += passMs
          if (forget) window.forget(at, WINDOW_MS)
          if (reload) {
            const loaded = new DedupWindow()
            loaded.load(window.list())
            window = loaded
          }
          const entry = model.get(kind + key)
          const known = entry !== undefined && entry.at + WINDOW_MS > at ? entry.ordinal : undefined
          expect(window.find(kind, key, at, WINDOW_MS)).toBe(known)
          if (known !== undefined) return
          window.remember(kind, key, ordinal, at)
          model.set(kind + key, { ordinal, at })
        })
      }),
    )
  })

  it('R60 keeps no more than the window holds, however many keys come by', () => {
    const window = new DedupWindow()
    for (let at = 1; at <= 50_000; at++) {
      window.remember('dedup', `key-${at}`, at, at)
      window.forget(at, WINDOW_MS)
    }
    expect(window.size).toBe(WINDOW_MS)
    expect(window.list()).toHaveLength(WINDOW_MS)
    expect((window as unknown as { order: unknown[] }).order.length).toBeLessThan(20_000)
  })
})
