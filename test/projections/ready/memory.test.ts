// What an order keeps in memory: an entry goes with its message when it stands first, and `sweep` leaves exactly what is ready.
import { describe, expect, it } from 'vitest'
import { newOrder, type OrderSettings } from '../../../projections/ready/orders.js'
import type { ReadyOrder } from '../../../projections/ready/readyOrder.js'

type Kind = OrderSettings['order']
const KINDS: ReadonlyArray<Kind> = ['priority', 'fifo', 'lifo', 'weighted', 'adaptive']
const AT = 10_000

const orderOf = (kind: Kind) => {
  const ready = new Map<number, Readonly<{ priority: number; since: number }>>()
  const order: ReadyOrder = newOrder(
    { order: kind, bandShares: { high: 6, normal: 3, low: 1 } },
    {
      priorityOf: (ordinal) => ready.get(ordinal)?.priority ?? Number.NaN,
      sinceOf: (ordinal) => ready.get(ordinal)?.since ?? Number.NaN,
    },
  )
  return {
    order,
    ready,
    push: (ordinal: number, priority = 0, since = ordinal) => {
      ready.set(ordinal, { priority, since })
      order.push(priority, ordinal, since)
    },
    drain: (): number[] => {
      const taken: number[] = []
      for (let next = order.peek(AT); !Number.isNaN(next); next = order.peek(AT)) {
        const priority = ready.get(next)?.priority ?? 0
        ready.delete(next)
        order.served(priority, next)
        taken.push(next)
      }
      return taken
    },
  }
}

describe.each(KINDS)('B4: the order %s', (kind) => {
  it('lets go of an entry at once when its message is first and ends, or is served', () => {
    const { order, ready, push } = orderOf(kind)
    for (let n = 1; n <= 40; n++) push(n, n % 3)
    for (let left = 40; left > 0; left--) {
      const next = order.peek(AT)
      const { priority = 0 } = ready.get(next) ?? {}
      ready.delete(next)
      if (left % 2 === 0) order.dropHead(priority, next)
      else order.served(priority, next)
      expect(order.size).toBe(left - 1)
    }
    expect(order.peek(AT)).toBeNaN()
  })

  it('visits nothing that is ready no longer, whether or not it was asked what is next', () => {
    const { order, ready, push } = orderOf(kind)
    for (let n = 1; n <= 9; n++) push(n)
    for (const first of [1, 2, 9]) ready.delete(first)
    const heads: number[] = []
    order.forEachHead((ordinal) => heads.push(ordinal))
    expect(heads.filter((ordinal) => !ready.has(ordinal))).toEqual([])
    expect(heads).toContain(3)
  })

  it('does nothing to others when a message ends that is not first, or was never there', () => {
    const { order, ready, push, drain } = orderOf(kind)
    for (let n = 1; n <= 9; n++) push(n)
    const first = order.peek(AT)
    const other = first === 5 ? 6 : 5
    ready.delete(other)
    order.dropHead(0, other)
    order.dropHead(7, 99)
    order.dropHead(0, 99)
    expect(order.peek(AT)).toBe(first)
    expect(drain().toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].filter((n) => n !== other))
    expect(order.size).toBe(0)
  })

  it('keeps exactly what is ready after a sweep, each once, and in the same order', () => {
    const swept = orderOf(kind)
    const plain = orderOf(kind)
    for (const side of [swept, plain]) {
      for (let n = 1; n <= 60; n++) side.push(n, n % 4)
      for (let n = 1; n <= 60; n += 3) side.ready.delete(n)
      // Ready again, and so there twice.
      for (let n = 2; n <= 60; n += 6) side.push(n, n % 4)
    }
    swept.order.sweep()
    expect(swept.order.size).toBe(swept.ready.size)
    expect(swept.drain()).toEqual(plain.drain())
  })
})

describe('B4: the order lifo', () => {
  const headsOf = (order: ReadyOrder): number[] => {
    const heads: number[] = []
    order.forEachHead((ordinal) => heads.push(ordinal))
    return [...new Set(heads)].sort((a, b) => a - b)
  }

  it('visits its next one, its oldest, and those that came back and are still ready', () => {
    const { order, ready, push } = orderOf('lifo')
    for (const ordinal of [5, 6, 7]) push(ordinal)
    expect(headsOf(order)).toEqual([5, 7])
    push(2)
    push(3)
    expect(headsOf(order)).toEqual([2, 3, 5, 7])
    ready.delete(2)
    expect(headsOf(order)).toEqual([3, 5, 7])
    for (const ordinal of [5, 6, 7]) ready.delete(ordinal)
    expect(headsOf(order)).toEqual([3])
  })

  it('puts aside only what comes back', () => {
    const { order, push } = orderOf('lifo')
    const aside = () => (Reflect.get(order, 'comeBack') as Readonly<{ size: number }>).size
    for (let n = 1; n <= 50; n++) push(n)
    expect(aside()).toBe(0)
    push(7)
    expect(aside()).toBe(1)
    order.sweep()
    expect([aside(), order.size]).toEqual([0, 50])
  })
})
