// What a lane, a tenant and their orders cost while nobody can use them (B4, B8, C7, C15): who is held back is asked again when
// what held it back is over, and not before; who is gone leaves nothing, and his number to one who has nothing to do with him.
import { describe, expect, it, vi } from 'vitest'
import type { LaneDoors } from '../../../projections/lanes/laneDoors.js'
import { oldestClaimableAgeMs } from '../../../projections/queries/partitionQueries.js'
import type { ReadyOrder } from '../../../projections/ready/readyOrder.js'
import { LaneQueue } from '../../support/laneQueue.js'

type Turn = Readonly<{ order: ReadyOrder; next: Turn | undefined; lanes: Round }>
type Round = Readonly<{ first: Turn | undefined }>
/** Of the lanes, what only this test looks at: what they hold in memory. */
type Inside = Readonly<{
  lanes: ReadonlyArray<Turn | undefined>
  tenants: ReadonlyArray<Turn | undefined>
  round: Round
  closedByGate: ReadonlySet<unknown>
  closedByZones: ReadonlyMap<string, ReadonlySet<unknown>>
  waking: Readonly<{ size: number }>
}>
const inside = (queue: LaneQueue): Inside => queue.state.ready as unknown as Inside
const lengthOf = ({ first }: Round): number => {
  let length = 0
  for (let turn = first; turn !== undefined; turn = turn.next === first ? undefined : turn.next) length++
  return length
}

/** Counts what the lanes ask of gates, circuits and limits from now on. */
const questions = (queue: LaneQueue): (() => Readonly<{ gate: number; zones: number; tenant: number }>) => {
  const doors = Reflect.get(Reflect.get(queue.state, 'placement') as object, 'doors') as LaneDoors
  const spies = [
    vi.spyOn(doors, 'isGateOpen'),
    vi.spyOn(doors, 'admits'),
    vi.spyOn(doors, 'tenantOpensAt'),
  ] as const
  return () => {
    const [gate, zones, tenant] = spies.map(({ mock }) => mock.calls.length)
    for (const spy of spies) spy.mockClear()
    return { gate: gate ?? 0, zones: zones ?? 0, tenant: tenant ?? 0 }
  }
}
/** What a circuit needs to let a probe through. */
const CIRCUIT = {
  failureThreshold: 5,
  windowMs: 1_000,
  openMs: 50,
  probesMax: 1,
  successThreshold: 1,
  adaptive: false,
  failureTypes: ['DATABASE'],
}
const NONE = { gate: 0, zones: 0, tenant: 0 }

const takeAll = (queue: LaneQueue): number[] => {
  const taken: number[] = []
  for (let ordinal = queue.take(); ordinal >= 0; ordinal = queue.take()) taken.push(ordinal)
  return taken
}
const tenantsOf = (queue: LaneQueue, ordinals: ReadonlyArray<number>): Array<string | undefined> =>
  ordinals.map((ordinal) => queue.of(ordinal).attributes.tenant)
/** So many lanes come and go: whoever is in no lane any more is swept. */
const others = (queue: LaneQueue, count: number): void => {
  for (let n = 0; n < count; n++) queue.cancel(queue.enqueue({ tenant: `other${n}` }))
}

describe('a tenant that is held back', () => {
  it('B8 by a rate is not asked again before its time has come, whatever it adds meanwhile', () => {
    const queue = new LaneQueue()
    queue.adopt({ limits: { perTenant: { rate: { count: 1, perMs: 1_000 } } } })
    for (let n = 0; n < 300; n++) queue.enqueue({ tenant: `t${n % 100}` })
    expect(takeAll(queue)).toHaveLength(100)
    const asked = questions(queue)
    expect(queue.next()).toBe(-1)
    queue.enqueue({ tenant: 't7' })
    queue.pass(999)
    expect(queue.next()).toBe(-1)
    expect(asked()).toEqual(NONE)
    queue.pass(1)
    expect(queue.next()).toBeGreaterThan(0)
    expect(asked().tenant).toBe(1)
    expect(takeAll(queue)).toHaveLength(100)
  })

  it('B8 is not asked at an instant that held before other limits were adopted', () => {
    const queue = new LaneQueue()
    const slow = (perMs: number) => ({ limits: { perTenant: { rate: { count: 1, perMs } } } })
    queue.adopt(slow(1_000))
    for (let n = 0; n < 2; n++) queue.enqueue({ tenant: 't' })
    expect(takeAll(queue)).toHaveLength(1)
    queue.adopt(slow(4_000))
    expect(queue.next()).toBe(-1)
    const asked = questions(queue)
    queue.pass(1_000)
    expect(queue.next()).toBe(-1)
    expect(asked()).toEqual(NONE)
    queue.pass(3_000)
    expect(takeAll(queue)).toHaveLength(1)
  })

  it('B8 by its cap goes on at once when the cap is raised', () => {
    const queue = new LaneQueue()
    queue.adopt({ limits: { perTenant: { concurrencyMax: 1 } } })
    for (let n = 0; n < 4; n++) queue.enqueue({ tenant: 't' })
    expect(takeAll(queue)).toHaveLength(1)
    queue.adopt({ limits: { perTenant: { concurrencyMax: 3 } } })
    expect(takeAll(queue)).toHaveLength(2)
  })

  it('B8 by its cap waits for no instant, however often it gets there', () => {
    const queue = new LaneQueue()
    queue.adopt({ limits: { perTenant: { concurrencyMax: 1 } } })
    for (let n = 0; n < 100; n++) queue.enqueue({ tenant: 't' })
    for (let n = 0; n < 100; n++) {
      const ordinal = queue.take()
      expect([queue.next(), queue.state.ready.nextOpenAt()]).toEqual([-1, Number.POSITIVE_INFINITY])
      queue.ack(ordinal)
    }
    expect(inside(queue).waking.size).toBe(0)
  })

  it('B8 and is gone when its time comes wakes nobody', () => {
    const queue = new LaneQueue()
    queue.adopt({ limits: { perTenant: { rate: { count: 1, perMs: 1_000 } } } })
    const [first, second] = [queue.enqueue({ tenant: 'gone' }), queue.enqueue({ tenant: 'gone' })]
    expect(takeAll(queue)).toEqual([first])
    queue.ack(first)
    queue.cancel(second)
    // His number is free, and nobody has it yet.
    others(queue, 300)
    queue.pass(2_000)
    expect(queue.next()).toBe(-1)
    const other = queue.enqueue({ tenant: 'other' })
    expect(takeAll(queue)).toEqual([other])
  })
})

describe('a lane that is closed', () => {
  it('C15 by its gate is not asked again until gates or circuits have changed', () => {
    const queue = new LaneQueue()
    queue.adopt({}, { closedGates: ['ftp'] })
    for (let n = 0; n < 50; n++) queue.enqueue({ tenant: `t${n}`, gate: 'ftp' })
    expect(queue.next()).toBe(-1)
    const asked = questions(queue)
    for (let n = 0; n < 20; n++) expect(queue.next()).toBe(-1)
    expect(asked()).toEqual(NONE)
    queue.adopt({}, { closedGates: [] })
    expect(takeAll(queue)).toHaveLength(50)
    // They have nothing more, and stay out of the round.
    asked()
    queue.adopt({})
    expect(queue.next()).toBe(-1)
    expect(asked()).toEqual(NONE)
  })

  it('C7 for want of a zone that is well costs one question for all of the same zones', () => {
    const queue = new LaneQueue()
    queue.adopt({}, { forcedCircuits: { eu: 'open' } })
    for (let n = 0; n < 50; n++) queue.enqueue({ tenant: `t${n}`, zone: 'eu' })
    expect(queue.next()).toBe(-1)
    const asked = questions(queue)
    for (let n = 0; n < 20; n++) expect(queue.next()).toBe(-1)
    expect(asked()).toEqual({ gate: 0, zones: 20, tenant: 0 })
    queue.adopt({}, { forcedCircuits: {} })
    for (let n = 0; n < 3; n++) {
      expect(queue.next()).toBeGreaterThan(0)
      // The one whose turn it is, nobody else.
      expect(asked().zones).toBe(1)
    }
    expect(takeAll(queue)).toHaveLength(50)
  })

  it('C7 is opened for its own zones, not for others whose names run together with them', () => {
    const queue = new LaneQueue()
    const sick = queue.enqueue({ zone: 'a', fallbackZones: ['bc'] })
    const well = queue.enqueue({ zone: 'ab', fallbackZones: ['c'] })
    for (const circuit of ['a', 'bc', 'ab', 'c']) {
      queue.apply({ type: 'CircuitOpened', circuit, reason: 'failureThreshold', retryAt: queue.at + 9 })
    }
    queue.adopt({ circuit: CIRCUIT })
    expect(queue.next()).toBe(-1)
    queue.apply({ type: 'CircuitHalfOpened', circuit: 'c' })
    expect(queue.next()).toBe(well)
    queue.apply({ type: 'CircuitClosed', circuit: 'a', reason: 'probesSucceeded' })
    expect(takeAll(queue).toSorted()).toEqual([sick, well])
  })

  it('C7 asks once after its zone is well again, and is forgotten by then', () => {
    const queue = new LaneQueue()
    queue.adopt({ circuit: CIRCUIT })
    queue.apply({ type: 'CircuitOpened', circuit: 'eu', reason: 'failureThreshold', retryAt: queue.at + 9 })
    queue.enqueue({ zone: 'eu' })
    expect(queue.next()).toBe(-1)
    queue.apply({ type: 'CircuitHalfOpened', circuit: 'eu' })
    queue.apply({ type: 'CircuitClosed', circuit: 'eu', reason: 'probesSucceeded' })
    expect(queue.next()).toBe(1)
    const asked = questions(queue)
    expect(queue.next()).toBe(1)
    expect(asked().zones).toBe(1)
    expect(inside(queue).closedByZones.size).toBe(0)
  })
})

describe('another order', () => {
  it('B4 B8 leaves turns, closed lanes and held tenants of the former one behind', () => {
    const queue = new LaneQueue()
    queue.adopt({}, { closedGates: ['ftp'] })
    for (const tenant of ['t', 'u'])
      for (let n = 0; n < 4; n++) queue.enqueue({ tenant, gate: 'ftp', zone: 'eu' })
    expect(queue.next()).toBe(-1)
    queue.adopt({ order: 'fifo' }, { closedGates: [], forcedCircuits: { eu: 'open' } })
    expect(lengthOf(inside(queue).round)).toBe(2)
    expect(queue.next()).toBe(-1)
    queue.adopt({ order: 'priority' }, { forcedCircuits: {} })
    expect(queue.state.ready.size).toBe(8)
    expect(lengthOf(inside(queue).round)).toBe(2)
    const taken = tenantsOf(queue, takeAll(queue))
    expect(taken).toEqual(['t', 'u', 't', 'u', 't', 'u', 't', 'u'])
  })

  it('B4 B8 waits for no instant that limits of before had named', () => {
    const queue = new LaneQueue()
    queue.adopt({ limits: { perTenant: { rate: { count: 1, perMs: 1_000 } } } })
    for (let n = 0; n < 3; n++) queue.enqueue({ tenant: 't' })
    expect(takeAll(queue)).toHaveLength(1)
    expect(queue.state.ready.nextOpenAt()).toBe(2_000)
    queue.adopt({ order: 'fifo', limits: {} })
    expect(queue.state.ready.nextOpenAt()).toBe(Number.POSITIVE_INFINITY)
    expect(takeAll(queue)).toHaveLength(2)
  })

  it('B4 weighted gives each band its share of the turns', () => {
    const queue = new LaneQueue()
    queue.adopt({ order: 'weighted', bandShares: { high: 6, normal: 3, low: 1 } })
    for (const priority of [5, 0, -5]) for (let n = 0; n < 20; n++) queue.enqueue({}, priority)
    const priorities = Array.from({ length: 20 }, () => queue.of(queue.take()).priority)
    expect([5, 0, -5].map((priority) => priorities.filter((one) => one === priority).length)).toEqual([
      12, 6, 2,
    ])
  })
})

describe('what is ready', () => {
  it('B4 B8 is counted lane by lane, and the one that has waited longest is known', () => {
    const queue = new LaneQueue()
    const first = queue.enqueue({ tenant: 't' })
    expect(oldestClaimableAgeMs(queue.state, queue.at + 50)).toBe(50)
    queue.pass(20)
    const second = queue.enqueue({ tenant: 'u' })
    const third = queue.enqueue()
    expect(queue.state.ready.size).toBe(3)
    queue.start(first)
    expect([queue.state.ready.size, oldestClaimableAgeMs(queue.state, queue.at + 5)]).toEqual([2, 5])
    queue.cancel(third)
    expect(queue.state.ready.size).toBe(1)
    queue.release(first)
    queue.adopt({ order: 'lifo' })
    expect(queue.state.ready.size).toBe(2)
    expect(takeAll(queue)).toHaveLength(2)
    expect(queue.state.ready.size).toBe(0)
    expect([first, second].map((ordinal) => queue.of(ordinal).situation)).toEqual(['running', 'running'])
  })
})

describe('tenants who come and go', () => {
  it('B8 have limits of their own under a number that somebody else had', () => {
    const queue = new LaneQueue()
    queue.adopt({ limits: { perTenant: { concurrencyMax: 1 } } })
    for (let n = 0; n < 600; n++) {
      queue.enqueue({ tenant: `former${n}` })
      queue.ack(queue.take())
    }
    for (let n = 0; n < 600; n++) queue.enqueue({ tenant: `new${n % 300}` })
    const started = takeAll(queue)
    expect(new Set(tenantsOf(queue, started)).size).toBe(300)
    expect(started).toHaveLength(300)
    for (const ordinal of started) queue.ack(ordinal)
    expect(takeAll(queue)).toHaveLength(300)
  })

  it('B8 stay one tenant in all their lanes when one of these is forgotten and comes back', () => {
    const queue = new LaneQueue()
    queue.adopt({ limits: { perTenant: { concurrencyMax: 1 } } })
    const running = queue.enqueue({ tenant: 't' })
    expect(takeAll(queue)).toEqual([running])
    const waiting = queue.enqueue({ tenant: 't' })
    queue.cancel(queue.enqueue({ tenant: 't', gate: 'ftp' }))
    expect(queue.next()).toBe(-1)
    others(queue, 600)
    const back = queue.enqueue({ tenant: 't', gate: 'ftp' })
    expect(queue.next()).toBe(-1)
    queue.ack(running)
    expect(takeAll(queue)).toEqual([waiting])
    queue.ack(waiting)
    expect(takeAll(queue)).toEqual([back])
  })

  it('B8 leave nothing in the rounds, even if nobody asks what is next', () => {
    const queue = new LaneQueue()
    queue.enqueue({ tenant: 'kept' })
    for (let n = 0; n < 3_000; n++) {
      queue.cancel(queue.enqueue({ tenant: `t${n}` }))
      queue.cancel(queue.enqueue({ tenant: 'kept', gate: `g${n}` }))
    }
    const { round, tenants } = inside(queue)
    expect(lengthOf(round)).toBeLessThan(600)
    for (const tenant of tenants) {
      if (tenant !== undefined) expect(lengthOf(tenant.lanes)).toBeLessThan(600)
    }
    expect(takeAll(queue)).toEqual([1])
  })

  it('C7 C15 leave nothing behind a closed gate, nor where no zone is well', () => {
    const queue = new LaneQueue()
    const zones = Array.from({ length: 900 }, (_, n) => `zone${n}`)
    const forcedCircuits = Object.fromEntries([...zones, 'eu'].map((zone) => [zone, 'open' as const]))
    queue.adopt({}, { closedGates: ['ftp'], forcedCircuits })
    for (const [n, zone] of zones.entries()) {
      const wishes = [{ tenant: `t${n}`, gate: 'ftp' }, { tenant: `t${n}`, zone: 'eu' }, { zone }]
      const ordinals = wishes.map((one) => queue.enqueue(one))
      expect(queue.next()).toBe(-1)
      for (const ordinal of ordinals) queue.cancel(ordinal)
    }
    expect(queue.next()).toBe(-1)
    const { closedByGate, closedByZones } = inside(queue)
    expect(closedByGate.size).toBeLessThan(600)
    expect(closedByZones.size).toBeLessThan(600)
    expect(closedByZones.get('eu')?.size).toBeLessThan(600)
  })
})

describe('the order of a lane', () => {
  const orderOf = (queue: LaneQueue): ReadyOrder => {
    const [turn] = inside(queue).lanes
    if (turn === undefined) throw new Error('there is no lane')
    return turn.order
  }
  /** Counts how often it is asked for its size, and swept. */
  const watched = (order: ReadyOrder): { sizes: number; sweeps: number } => {
    const size = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(order), 'size')?.get
    const seen = { sizes: 0, sweeps: 0 }
    Object.defineProperty(order, 'size', {
      get: () => {
        seen.sizes++
        return size?.call(order) as number
      },
    })
    const sweep = order.sweep.bind(order)
    order.sweep = () => {
      seen.sweeps++
      sweep()
    }
    return seen
  }

  it('B4 keeps no entry of a message that ended while it was first', () => {
    const queue = new LaneQueue()
    for (let n = 0; n < 500; n++) queue.cancel(queue.enqueue())
    expect(orderOf(queue).size).toBe(0)
  })

  it('B4 is neither measured nor swept while all that comes stays', () => {
    const queue = new LaneQueue()
    queue.enqueue()
    const seen = watched(orderOf(queue))
    for (let n = 0; n < 5_000; n++) queue.enqueue()
    expect(seen).toEqual({ sizes: 0, sweeps: 0 })
  })

  it('B4 is measured seldom and never swept while all that comes is served', () => {
    const queue = new LaneQueue()
    queue.enqueue()
    const seen = watched(orderOf(queue))
    for (let n = 0; n < 10_000; n++) {
      queue.ack(queue.take())
      queue.enqueue()
    }
    expect(seen.sizes).toBeLessThan(30)
    expect(seen.sweeps).toBe(0)
  })

  it('B4 is not swept while it holds less than twice what is ready', () => {
    const queue = new LaneQueue()
    queue.adopt({ order: 'lifo' })
    for (let n = 0; n < 3_000; n++) queue.enqueue()
    const seen = watched(orderOf(queue))
    for (let n = 0; n < 6_000; n++) queue.cancel(queue.enqueue())
    expect(seen.sweeps).toBe(0)
  })

  it('B4 is swept of what ended behind its first, also after many were served', () => {
    const queue = new LaneQueue()
    queue.adopt({ order: 'fifo' })
    for (let n = 0; n < 5_000; n++) {
      queue.enqueue()
      queue.ack(queue.take())
    }
    const kept = queue.enqueue()
    const seen = watched(orderOf(queue))
    for (let n = 0; n < 10_000; n++) queue.cancel(queue.enqueue())
    expect(seen.sweeps).toBeGreaterThan(3)
    expect(seen.sweeps).toBeLessThan(30)
    expect(orderOf(queue).size).toBeLessThan(3_000)
    expect(takeAll(queue)).toEqual([kept])
  })
})
