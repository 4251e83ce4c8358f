// The five orders of a queue (B4), each against the plainest search that says the same, and against its stated bound.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AGE_STEP_MS, LAG_UNIT_MS } from '../../../projections/ready/adaptiveOrder.js'
import { newOrder, type OrderSettings } from '../../../projections/ready/orders.js'
import type { ReadyOrder } from '../../../projections/ready/readyOrder.js'
import { turnPattern } from '../../../projections/ready/turnPattern.js'

type Kind = OrderSettings['order']
type Entry = Readonly<{ ordinal: number; priority: number; since: number }>
const KINDS: ReadonlyArray<Kind> = ['priority', 'fifo', 'lifo', 'weighted', 'adaptive']
const SHARES = { high: 6, normal: 3, low: 1 }
const bandOf = (priority: number): number => (priority > 0 ? 0 : priority === 0 ? 1 : 2)

/** An order, what is ready by its own word, and the naive answer to "which is next". */
class Side {
  readonly ready = new Map<number, Entry>()
  readonly order: ReadyOrder
  private turn = 0
  private readonly pattern: ReadonlyArray<number>

  constructor(
    readonly kind: Kind,
    shares = SHARES,
  ) {
    this.pattern = [...turnPattern([shares.high, shares.normal, shares.low])]
    this.order = newOrder(
      { order: kind, bandShares: shares },
      {
        priorityOf: (ordinal) => this.ready.get(ordinal)?.priority ?? Number.NaN,
        sinceOf: (ordinal) => this.ready.get(ordinal)?.since ?? Number.NaN,
      },
    )
  }

  push(entry: Entry): void {
    this.ready.set(entry.ordinal, entry)
    this.order.push(entry.priority, entry.ordinal, entry.since)
  }

  gone(ordinal: number): void {
    const entry = this.ready.get(ordinal)
    if (entry === undefined) return
    this.ready.delete(ordinal)
    this.order.dropHead(entry.priority, ordinal)
  }

  /** Takes what is next; NaN when nothing is. */
  take(at: number): number {
    const ordinal = this.order.peek(at)
    const entry = this.ready.get(ordinal)
    if (entry === undefined) return ordinal
    this.ready.delete(ordinal)
    this.order.served(entry.priority, ordinal)
    if (this.kind === 'weighted') this.turn = this.turnOf(bandOf(entry.priority)) + 1
    return ordinal
  }

  naiveNext(at: number): number {
    const entries = [...this.ready.values()].sort((a, b) => a.ordinal - b.ordinal)
    if (entries.length === 0) return Number.NaN
    switch (this.kind) {
      case 'fifo':
        return entries[0]?.ordinal ?? Number.NaN
      case 'lifo':
        return entries.at(-1)?.ordinal ?? Number.NaN
      case 'priority':
        return best(entries, ({ priority }) => priority)
      case 'weighted': {
        const bands = new Set(entries.map(({ priority }) => bandOf(priority)))
        const turns = [...bands].sort((a, b) => this.turnOf(a) - this.turnOf(b))
        return entries.find(({ priority }) => bandOf(priority) === turns[0])?.ordinal ?? Number.NaN
      }
      case 'adaptive': {
        const bySince = entries.sort((a, b) => a.since - b.since || a.ordinal - b.ordinal)
        const lagMs = at - (bySince[0]?.since ?? at)
        const stepMs = AGE_STEP_MS / (1 + lagMs / LAG_UNIT_MS)
        return best(bySince, ({ priority, since }) => priority + (at - since) / stepMs)
      }
    }
  }

  private turnOf(band: number): number {
    let turn = this.turn
    while (this.pattern[turn % this.pattern.length] !== band) turn++
    return turn
  }
}

/** The first of those with the greatest value. */
const best = (entries: ReadonlyArray<Entry>, value: (entry: Entry) => number): number => {
  let found: Entry | undefined
  for (const entry of entries) if (found === undefined || value(entry) > value(found)) found = entry
  return found?.ordinal ?? Number.NaN
}

const priority = fc.constantFrom(-10, -1, 0, 0, 3, 10)
const pick = fc.nat({ max: 1_000 })
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('push' as const), priority, pick }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('take' as const), priority, pick }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('back' as const), priority, pick }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('gone' as const), priority, pick }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('edit' as const), priority, pick }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), priority, pick }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('sweep' as const), priority, pick }) },
  ),
  { maxLength: 200, size: 'max' },
)

describe.each(KINDS)('the order %s', (kind) => {
  it('B4 B2 says the same as a plain search, whatever comes, comes back, changes or goes', () => {
    fc.assert(
      fc.property(steps, (steps) => {
        const side = new Side(kind)
        const away: Entry[] = []
        let at = 1_000
        let last = 0
        for (const { do: what, priority, pick } of steps) {
          const ready = [...side.ready.values()]
          const one = ready[pick % Math.max(1, ready.length)]
          if (what === 'push') side.push({ ordinal: ++last, priority, since: at })
          else if (what === 'take') {
            const next = side.naiveNext(at)
            const entry = side.ready.get(next)
            same(side.take(at), next)
            if (entry !== undefined) away.push(entry)
          } else if (what === 'back') {
            const [entry] = away.splice(pick % Math.max(1, away.length), 1)
            if (entry !== undefined) side.push({ ...entry, since: pick % 2 === 0 ? entry.since : at })
          } else if (what === 'gone' && one !== undefined) {
            side.gone(one.ordinal)
            away.push(one)
          } else if (what === 'edit' && one !== undefined) {
            side.gone(one.ordinal)
            side.push({ ...one, priority })
          } else if (what === 'pass') at += pick * 100
          else if (what === 'sweep') {
            side.order.sweep()
            same(side.order.size, side.ready.size)
          }
          same(side.order.peek(at), side.naiveNext(at))
          same(side.order.peek(at), side.order.peek(at))
        }
        const heads = new Set<number>()
        side.order.forEachHead((ordinal) => heads.add(ordinal))
        for (const ordinal of heads) expect(side.ready.has(ordinal)).toBe(true)
        if (side.ready.size > 0) expect(heads.size).toBeGreaterThan(0)
        // Nothing is lost, and nothing comes twice.
        const left = [...side.ready.keys()].sort((a, b) => a - b)
        const taken = left.map(() => side.take(at)).sort((a, b) => a - b)
        expect(taken).toEqual(left)
        same(side.take(at), Number.NaN)
        same(side.order.size, 0)
      }),
      { numRuns: 150 },
    )
  })

  it('B4 visits the message that has waited longest among the heads', () => {
    fc.assert(
      fc.property(fc.array(priority, { minLength: 1, maxLength: 40 }), (priorities) => {
        const side = new Side(kind)
        priorities.forEach((priority, n) => {
          side.push({ ordinal: n + 1, priority, since: n })
        })
        let oldest = Number.POSITIVE_INFINITY
        side.order.forEachHead((ordinal) => {
          oldest = Math.min(oldest, side.ready.get(ordinal)?.since ?? Number.NaN)
        })
        expect(oldest).toBe(0)
      }),
    )
  })
})

/** For each band the longest run of turns, round the cycle, from one of its turns to the next. */
const longestWaits = (pattern: ReadonlyArray<number>, bands: number): number[] =>
  Array.from({ length: bands }, (_, band) => {
    const turns = pattern.flatMap((other, turn) => (other === band ? [turn] : []))
    const next = (n: number): number => turns[n + 1] ?? (turns[0] ?? 0) + pattern.length
    return Math.max(...turns.map((turn, n) => next(n) - turn))
  })

describe('the bound of weighted', () => {
  it('B4 no band waits longer than 3S/2s + 1 turns for its next, and the default ones not longer than S/s', () => {
    for (let high = 1; high <= 12; high++) {
      for (let normal = 1; normal <= 12; normal++) {
        for (let low = 1; low <= 12; low++) {
          const shares = [high, normal, low]
          const total = high + normal + low
          const pattern = [...turnPattern(shares)]
          longestWaits(pattern, 3).forEach((wait, band) => {
            const share = shares[band] ?? 0
            expect(wait).toBeLessThanOrEqual(Math.floor((3 * total) / (2 * share)) + 1)
            const turns = pattern.filter((other) => other === band).length
            expect(turns * total).toBe(share * pattern.length)
          })
        }
      }
    }
    expect(longestWaits([...turnPattern([6, 3, 1])], 3)).toEqual([2, 4, 10])
    expect(turnPattern([100, 100, 100]).length).toBe(3)
  })

  it('B4 is kept by these very turns, in every version: what is next must not change with an upgrade', () => {
    const turns = (...shares: number[]): string => turnPattern(shares).join('')
    expect(turns(6, 3, 1)).toBe('0100102010')
    expect(turns(3, 2, 1)).toBe('010210')
    expect(turns(5, 4, 1)).toBe('0101010210')
    expect(turns(7, 2, 5)).toBe('02021002020120')
    expect(turns(12, 6, 2)).toBe(turns(6, 3, 1))
  })

  it('B4 a band with work is served within its bound, whatever the other bands do meanwhile', () => {
    const share = fc.integer({ min: 1, max: 9 })
    const arrivals = fc.array(priority, { maxLength: 300, size: 'max' })
    fc.assert(
      fc.property(
        fc.record({ high: share, normal: share, low: share }),
        fc.constantFrom(-1, 0, 1),
        arrivals,
        (shares, watched, arrivals) => {
          const side = new Side('weighted', shares)
          const total = shares.high + shares.normal + shares.low
          const own = [shares.high, shares.normal, shares.low][bandOf(watched)] ?? 0
          const bound = Math.floor((3 * total) / (2 * own)) + 1
          let ordinal = 0
          for (let n = 0; n < 40; n++) side.push({ ordinal: ++ordinal, priority: watched, since: 0 })
          let waited = 0
          let served = 0
          for (const priority of arrivals) {
            if (bandOf(priority) !== bandOf(watched)) side.push({ ordinal: ++ordinal, priority, since: 0 })
            const taken = side.ready.get(side.order.peek(0))?.priority ?? 0
            side.take(0)
            waited++
            if (bandOf(taken) === bandOf(watched)) {
              waited = 0
              served++
            }
            if (served === 40) return
            expect(waited).toBeLessThan(bound)
          }
        },
      ),
    )
  })
})

describe('the bound of adaptive', () => {
  it('B4 is not passed by what became ready a step of age later for each step of priority, under any load', () => {
    const arrival = fc.record({ priority, afterMs: fc.nat({ max: 20_000 }), picks: fc.nat({ max: 2 }) })
    fc.assert(
      fc.property(fc.array(arrival, { maxLength: 120, size: 'max' }), (arrivals) => {
        const side = new Side('adaptive')
        let at = 0
        let ordinal = 0
        for (const { priority, afterMs, picks } of arrivals) {
          at += afterMs
          side.push({ ordinal: ++ordinal, priority, since: at })
          for (let n = 0; n < picks; n++) {
            const taken = side.ready.get(side.order.peek(at))
            if (taken === undefined) break
            side.take(at)
            for (const passed of side.ready.values()) {
              const allowance = Math.max(0, taken.priority - passed.priority) * AGE_STEP_MS
              expect(taken.since - passed.since).toBeLessThanOrEqual(allowance)
            }
          }
        }
      }),
    )
  })

  it('B4 takes the one that has waited longer of two whose age and priority come to the same', () => {
    const side = new Side('adaptive')
    // A minute's lag makes a step of three seconds: twenty of them are a minute.
    side.push({ ordinal: 2, priority: 0, since: 0 })
    side.push({ ordinal: 1, priority: 20, since: LAG_UNIT_MS })
    expect(side.order.peek(LAG_UNIT_MS)).toBe(2)
    side.push({ ordinal: 3, priority: 10, since: LAG_UNIT_MS / 2 })
    expect(side.order.peek(LAG_UNIT_MS)).toBe(2)
  })

  it('B4 gives age more weight in a queue that lags', () => {
    const side = new Side('adaptive')
    side.push({ ordinal: 1, priority: 0, since: 0 })
    side.push({ ordinal: 2, priority: 2, since: 8_000 })
    // Eight seconds of age against two steps of priority: too little while the queue is fresh …
    expect(side.order.peek(8_000)).toBe(2)
    // … and enough when its oldest message has waited for a minute.
    expect(side.order.peek(60_000)).toBe(1)
  })
})

/** `expect` on each of thousands of numbers would be most of the run. */
const same = (found: number, wanted: number): void => {
  if (!Object.is(found, wanted)) expect(found).toBe(wanted)
}
