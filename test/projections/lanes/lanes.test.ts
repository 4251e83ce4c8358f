// Lanes, caps, rates, gates, zones and groups together (B1, B4, B7, B8, C7, C15): random histories against a judge that
// remembers every start and searches every message, then the promises one by one.
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MessageAttributes } from '../../../domain/message/index.js'
import type { QueueConfig, QueueOrder } from '../../../domain/queue/index.js'
import {
  PartitionState,
  SnapshotInProgress,
  SnapshotLoader,
  stateHash,
} from '../../../projections/partition/index.js'
import { oldestClaimableAgeMs } from '../../../projections/queries/partitionQueries.js'
import { type Known, LaneQueue, zonesOf } from '../../support/laneQueue.js'

const STREAM = 'partition-orders~1.0'
const maybe = (...names: ReadonlyArray<string | undefined>): fc.Arbitrary<string | undefined> =>
  fc.constantFrom(undefined, ...names)
const attributes: fc.Arbitrary<MessageAttributes> = fc
  .record({
    tenant: maybe('t', 'u'),
    zone: maybe('eu', 'us'),
    gate: maybe(undefined, 'gpu'),
    group: maybe('g', 'h'),
  })
  .chain((given) =>
    fc.constantFrom(undefined, ['us'], ['eu', 'us']).map((fallbackZones) => {
      const all = given.zone === undefined ? given : { ...given, fallbackZones }
      return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
    }),
  )
const rate = fc.record({ count: fc.integer({ min: 1, max: 4 }), perMs: fc.constantFrom(7, 50, 1_000) })
const cap = fc.record(
  { concurrencyMax: fc.integer({ min: 1, max: 4 }), rate },
  { requiredKeys: [], noNullPrototype: true },
)
const limits = fc.oneof(
  fc.constant({}),
  cap.map((perTenant) => ({ perTenant })),
  fc.tuple(cap, cap).map(([queue, perTenant]) => ({ ...queue, perTenant })),
)
const pick = fc.nat({ max: 1_000 })
const names = (...all: string[]): fc.Arbitrary<string[]> => fc.subarray(all)

const order = fc.constantFrom<QueueOrder>('priority', 'fifo', 'lifo', 'weighted', 'adaptive')
const groupHead = fc.constantFrom<QueueConfig['groupHead']>('block', 'skip')
const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('enqueue' as const),
      attributes,
      priority: fc.constantFrom(0, 0, 5, -5),
      delayMs: fc.constantFrom(0, 0, 0, 40),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant('take' as const), count: fc.integer({ min: 1, max: 5 }) }),
  },
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      pick,
      how: fc.constantFrom('ack', 'retry', 'retry', 'lost', 'dead', 'release'),
      gate: maybe('gpu'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('redrive' as const, 'redrive' as const, 'cancel' as const),
      pick,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 3, 20, 300) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('adopt' as const),
      order,
      groupHead,
      closedGates: names('gpu'),
      pausedGroups: names('g'),
      open: names('eu'),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('circuit' as const),
      circuit: fc.constantFrom('eu', 'us', 'default'),
      to: fc.constantFrom('CircuitOpened', 'CircuitHalfOpened', 'CircuitClosed'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reload' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** The same partition from a snapshot of it. */
const reloaded = (state: PartitionState): PartitionState => {
  const snapshot = new SnapshotInProgress(state, STREAM)
  const loader = new SnapshotLoader(STREAM)
  for (let chunk = 0; chunk <= snapshot.chunkCount; chunk++) loader.add(snapshot.take(chunk))
  snapshot.end()
  const finished = loader.finish()
  assert.ok(finished._tag === 'Right')
  assert.equal(stateHash(finished.right), stateHash(state))
  return finished.right
}

class History {
  queue = new LaneQueue()
  circuits: Readonly<Record<string, string>> = {}
  readonly seen = new Map<string, number>()

  take(step: Step): void {
    const { queue } = this
    switch (step.do) {
      case 'enqueue':
        queue.enqueue(step.attributes, step.priority, step.delayMs === 0 ? 0 : queue.at + step.delayMs)
        return
      case 'take':
        this.takeNext(true)
        for (let n = 0; n < step.count; n++) this.takeNext(false)
        return
      case 'settle': {
        const running = queue.messages('running')
        const one = running[step.pick % Math.max(1, running.length)]
        if (one === undefined) return
        if (step.how === 'ack') queue.ack(one.ordinal)
        else if (step.how === 'release') queue.release(one.ordinal)
        else if (step.how === 'dead') queue.fail(one.ordinal, 'dead')
        else if (step.how === 'lost') queue.fail(one.ordinal, { retryAt: queue.at }, step.gate, 'workerLost')
        else queue.fail(one.ordinal, { retryAt: queue.at + 30 }, step.gate)
        return
      }
      case 'redrive':
      case 'cancel': {
        const among = queue.messages(step.do === 'redrive' ? 'dead' : 'waiting')
        const one = among[step.pick % Math.max(1, among.length)]
        if (one !== undefined) queue[step.do](one.ordinal)
        return
      }
      case 'pass':
        return queue.pass(step.ms)
      case 'adopt': {
        const { order, groupHead, closedGates, pausedGroups } = step
        const forcedCircuits = Object.fromEntries(step.open.map((zone) => [zone, 'open' as const]))
        return queue.adopt({ order, groupHead }, { closedGates, pausedGroups, forcedCircuits })
      }
      case 'circuit':
        return this.circuit(step.circuit, step.to)
      case 'reload': {
        const { at, known, starts, config, switches } = queue
        this.queue = Object.assign(new LaneQueue(reloaded(queue.state)), {
          at,
          known,
          starts,
          config,
          switches,
        })
        return this.queue.pass(0)
      }
    }
  }

  /** Only the changes that the machine of circuits makes. */
  private circuit(circuit: string, to: string): void {
    const { queue } = this
    const state =
      queue.state.circuits.list(queue.at).find((view) => view.circuit === circuit)?.state ?? 'closed'
    if (to === 'CircuitOpened' && state === 'closed') {
      queue.apply({ type: to, circuit, reason: 'failureThreshold', retryAt: queue.at + 100 })
    } else if (to === 'CircuitHalfOpened' && state === 'open') queue.apply({ type: to, circuit })
    else if (to === 'CircuitClosed' && state === 'halfOpen') {
      queue.apply({ type: to, circuit, reason: 'probesSucceeded' })
    }
  }

  private takeNext(inDoubt: boolean): void {
    const { queue } = this
    const startable = queue.startable().filter((message) => message.inDoubt === inDoubt)
    const ordinal = queue.next(inDoubt)
    this.note(ordinal < 0 ? 'nothing' : 'something')
    assert.equal(ordinal >= 0, startable.length > 0, 'something starts whenever something may')
    if (ordinal < 0) return this.sleepsNotTooLong()
    const message = startable.find((one) => one.ordinal === ordinal)
    assert.ok(message !== undefined, `message ${ordinal} may start`)
    assert.equal(queue.next(inDoubt), ordinal, 'asking again changes nothing')
    for (const { ordinal } of queue.messages('waiting').filter((message) => message.inDoubt === inDoubt)) {
      const mayStart = queue.state.mayStart(queue.state.table.slotOf(ordinal), queue.at)
      assert.equal(
        mayStart,
        startable.some((one) => one.ordinal === ordinal),
        `whether ${ordinal} may start`,
      )
    }
    this.isFirstOfLane(message, startable)
    queue.start(ordinal)
    const zones = zonesOf(message.attributes)
    const { forcedCircuits } = queue.switches
    if (message.zone !== undefined) assert.notEqual(forcedCircuits[message.zone], 'open')
    assert.equal(message.zone === undefined, zones.length === 0)
  }

  /** If time alone lets something start, somebody is woken by then. */
  private sleepsNotTooLong(): void {
    const { state, at } = this.queue
    // As the writer does, which waits only when there is nothing of either kind.
    if (this.queue.next(true) >= 0 || this.queue.next(false) >= 0) return
    const wakeAt = Math.min(state.nextOpenAt(at), state.due.nextAt())
    for (const later of [1, 7, 20, 50, 500, 1_000, 5_000]) {
      if (this.queue.startable(at + later).length > 0)
        assert.ok(wakeAt <= at + later, `it sleeps until ${wakeAt}`)
    }
  }

  private isFirstOfLane(message: Known, startable: ReadonlyArray<Known>): void {
    const { order } = this.queue.config
    const alike = startable.filter((other) => laneOf(other) === laneOf(message))
    const before = (other: Known): boolean =>
      order === 'fifo'
        ? other.ordinal < message.ordinal
        : order === 'lifo'
          ? other.ordinal > message.ordinal
          : other.priority === message.priority && other.ordinal < message.ordinal && order !== 'adaptive'
    assert.deepEqual(alike.filter(before), [])
    if (order === 'priority') assert.ok(alike.every(({ priority }) => priority <= message.priority))
  }

  private note(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
  }
}

const laneOf = ({ attributes }: Known): string =>
  JSON.stringify([attributes.tenant, zonesOf(attributes), attributes.gate])

describe('lanes', () => {
  it('B4 B7 B8 C7 C15 B1 start something whenever something may start, and nothing that may not', () => {
    const seen = { nothing: 0, something: 0 }
    fc.assert(
      fc.property(limits, order, groupHead, fc.array(step, { maxLength: 120, size: 'max' }), (...given) => {
        const [limits, order, groupHead, steps] = given
        const history = new History()
        history.queue.adopt({ limits, order, groupHead })
        for (const step of steps) history.take(step)
        // Everything comes out in the end: nothing is lost in a lane that was closed.
        const { queue } = history
        queue.adopt({ limits: {}, circuit: null }, { closedGates: [], pausedGroups: [], forcedCircuits: {} })
        queue.pass(1_000)
        for (const { ordinal } of queue.messages('running')) queue.ack(ordinal)
        for (const inDoubt of [true, false, true, false]) {
          for (let ordinal = queue.next(inDoubt); ordinal >= 0; ordinal = queue.next(inDoubt)) {
            queue.start(ordinal)
            queue.ack(ordinal)
          }
        }
        assert.deepEqual(queue.messages('waiting'), [])
        seen.nothing += history.seen.get('nothing') ?? 0
        seen.something += history.seen.get('something') ?? 0
      }),
      { numRuns: 200 },
    )
    expect(seen.nothing).toBeGreaterThan(200)
    expect(seen.something).toBeGreaterThan(200)
  })
})

/** Takes until there is nothing, and counts by tenant as it goes. */
const takeAll = (queue: LaneQueue, max: number): Array<string | undefined> => {
  const tenants: Array<string | undefined> = []
  for (let n = 0; n < max; n++) {
    const ordinal = queue.take()
    if (ordinal < 0) break
    tenants.push(queue.of(ordinal).attributes.tenant)
  }
  return tenants
}

describe('tenants', () => {
  it('B8 take turns while they have work, in whatever order it came and however many zones and gates they name', () => {
    const message = fc.record({
      tenant: fc.constantFrom('t', 'u'),
      zone: maybe('eu', 'us'),
      gate: maybe('gpu'),
    })
    fc.assert(
      fc.property(order, fc.array(message, { maxLength: 60, size: 'max' }), (order, messages) => {
        const queue = new LaneQueue()
        queue.adopt({ order })
        const waiting = { t: 0, u: 0 }
        for (const { tenant, zone, gate } of messages) {
          queue.enqueue({
            tenant,
            ...(zone === undefined ? {} : { zone }),
            ...(gate === undefined ? {} : { gate }),
          })
          waiting[tenant as 't' | 'u']++
        }
        const served = { t: 0, u: 0 }
        for (const tenant of takeAll(queue, messages.length)) {
          served[tenant as 't' | 'u']++
          if (served.t >= waiting.t || served.u >= waiting.u) break
          expect(Math.abs(served.t - served.u)).toBeLessThanOrEqual(1)
        }
      }),
    )
  })

  it('B8 are not held up by one that is out of tokens, nor by one at its cap', () => {
    const queue = new LaneQueue()
    queue.adopt({ limits: { perTenant: { rate: { count: 2, perMs: 1_000 }, concurrencyMax: 3 } } })
    for (let n = 0; n < 20; n++) queue.enqueue({ tenant: 'busy' })
    for (const tenant of ['a', 'b']) for (let n = 0; n < 2; n++) queue.enqueue({ tenant })
    for (let n = 0; n < 2; n++) queue.enqueue({})
    const taken = takeAll(queue, 100)
    expect(taken.filter((tenant) => tenant === 'busy')).toHaveLength(2)
    expect(taken).toHaveLength(8)
    expect(queue.state.nextOpenAt(queue.at)).toBe(1_500)
    queue.pass(500)
    expect(takeAll(queue, 100)).toEqual(['busy'])
    queue.pass(10_000)
    // Three of it run: the tokens are there, the cap is not.
    expect(takeAll(queue, 100)).toEqual([])
    expect(queue.state.nextOpenAt(queue.at)).toBe(Number.POSITIVE_INFINITY)
    queue.ack(1)
    expect(takeAll(queue, 100)).toEqual(['busy'])
  })

  it('B8 C13 hold back a message in doubt at their cap, and let it go on like the others', () => {
    const queue = new LaneQueue()
    queue.adopt({ limits: { perTenant: { concurrencyMax: 2 } } })
    const [lost, other] = ['t', 't', 't'].map((tenant) => queue.enqueue({ tenant }))
    expect([queue.take(), queue.take()]).toEqual([lost, other])
    queue.fail(lost ?? 0, { retryAt: queue.at }, undefined, 'workerLost')
    expect(queue.take()).toBe(3)
    expect(queue.next(true)).toBe(-1)
    queue.ack(other ?? 0)
    expect(queue.next(true)).toBe(lost)
  })

  it('B8 by the ten thousand cost no more per pick than a few, and leave nothing when they are gone', () => {
    const queue = new LaneQueue()
    const tenants = 10_000
    for (let n = 0; n < 2 * tenants; n++) queue.enqueue({ tenant: `tenant-${n % tenants}` })
    const first = new Set(takeAll(queue, tenants))
    expect(first.size).toBe(tenants)
    expect(takeAll(queue, tenants)).toHaveLength(tenants)
    for (const { ordinal } of queue.messages('running')) queue.ack(ordinal)
    for (let n = 0; n < 20_000; n++) {
      queue.enqueue({ tenant: `later-${n}` })
      queue.ack(queue.take())
    }
    const lanes = Reflect.get(Reflect.get(queue.state, 'placement') as object, 'book') as object
    expect((Reflect.get(lanes, 'byKey') as Map<string, number>).size).toBeLessThan(1_000)
  })
})

describe('limits of the whole queue', () => {
  it('B8 are split by partition, and a start that is handed back keeps its token', () => {
    const limits = { concurrencyMax: 7, rate: { count: 5, perMs: 1_000 } }
    const started = [0, 1].map((partition) => {
      const queue = new LaneQueue(new PartitionState(partition))
      queue.adopt({ limits, partitions: 2 })
      for (let n = 0; n < 20; n++) queue.enqueue()
      const taken = takeAll(queue, 100).length
      queue.release(1)
      expect(queue.next()).toBe(-1)
      expect(queue.state.nextOpenAt(queue.at)).toBe(1_000 + Math.ceil(1_000 / taken))
      return taken
    })
    expect(started).toEqual([3, 2])
  })
})

describe('zones', () => {
  it('C7 fall back while the preferred one is sick, wait when all are, and return when it is well', () => {
    const queue = new LaneQueue()
    const zoned = { zone: 'eu', fallbackZones: ['us'] }
    for (let n = 0; n < 4; n++) queue.enqueue(zoned)
    const elsewhere = queue.enqueue({ zone: 'ap' })
    const zoneOfNext = (): string | undefined => queue.of(queue.take()).zone
    expect(zoneOfNext()).toBe('eu')
    expect(queue.take()).toBe(elsewhere)
    queue.adopt({}, { forcedCircuits: { eu: 'open' } })
    expect(zoneOfNext()).toBe('us')
    queue.adopt({}, { forcedCircuits: { eu: 'open', us: 'open' } })
    expect(queue.next()).toBe(-1)
    expect(oldestClaimableAgeMs(queue.state, queue.at + 50)).toBe(0)
    queue.adopt({}, { forcedCircuits: {} })
    expect(zoneOfNext()).toBe('eu')
    expect(oldestClaimableAgeMs(queue.state, queue.at + 50)).toBe(50)
  })
})

describe('gates', () => {
  it('C15 hold back what names them, and what a failure for want of the resource has made wait', () => {
    const queue = new LaneQueue()
    queue.adopt({}, { closedGates: ['gpu'] })
    const gated = queue.enqueue({ gate: 'gpu' })
    const free = queue.enqueue()
    expect(queue.take()).toBe(free)
    queue.fail(free, { retryAt: queue.at }, 'gpu')
    expect(queue.next()).toBe(-1)
    expect(oldestClaimableAgeMs(queue.state, queue.at + 50)).toBe(0)
    queue.adopt({}, { closedGates: [] })
    expect([queue.take(), queue.take()]).toEqual([gated, free])
  })
})

describe('groups', () => {
  it('B1 wait for a head that waits for its retry; or the next goes first, still one at a time, until it is due', () => {
    const queue = new LaneQueue()
    const [first, second, third] = [1, 2, 3].map(() => queue.enqueue({ group: 'g' }))
    expect(queue.take()).toBe(first)
    queue.fail(first ?? 0, { retryAt: 2_000 })
    expect(queue.next()).toBe(-1)
    queue.adopt({ groupHead: 'skip' })
    expect(queue.take()).toBe(second)
    expect(queue.next()).toBe(-1)
    queue.pass(1_000)
    // It is due again, but one of its group runs.
    expect(queue.next()).toBe(-1)
    queue.ack(second ?? 0)
    expect(queue.take()).toBe(first)
    queue.ack(first ?? 0)
    expect(queue.take()).toBe(third)
  })

  it('B7 that are paused offer nothing and are not late; resumed they go on with their first', () => {
    const queue = new LaneQueue()
    const first = queue.enqueue({ group: 'g' })
    queue.enqueue({ group: 'g' })
    const other = queue.enqueue({ group: 'h' })
    queue.adopt({}, { pausedGroups: ['g'] })
    expect(queue.take()).toBe(other)
    expect(queue.next()).toBe(-1)
    expect(oldestClaimableAgeMs(queue.state, queue.at + 500)).toBe(0)
    expect(queue.state.counts.pending).toBe(2)
    queue.adopt({}, { pausedGroups: [] })
    expect(oldestClaimableAgeMs(queue.state, queue.at + 500)).toBe(500)
    expect(queue.take()).toBe(first)
  })
})

describe('an order', () => {
  it('B4 can be changed under what waits', () => {
    const queue = new LaneQueue()
    for (const priority of [0, 5, -5]) queue.enqueue({}, priority)
    const nextBy = (order: QueueOrder): number => {
      queue.adopt({ order })
      return queue.next()
    }
    expect(nextBy('priority')).toBe(2)
    expect(nextBy('fifo')).toBe(1)
    expect(nextBy('lifo')).toBe(3)
    expect(nextBy('weighted')).toBe(2)
    expect(nextBy('adaptive')).toBe(2)
    queue.adopt({ order: 'fifo' })
    expect(takeAll(queue, 9)).toHaveLength(3)
  })

  it('B4 keeps no more entries than there are messages to be found, however often they come and go', () => {
    const queue = new LaneQueue()
    queue.adopt({}, { closedGates: ['gpu'] })
    const kept = queue.enqueue({ gate: 'gpu' })
    for (let n = 0; n < 10_000; n++) queue.cancel(queue.enqueue({ gate: 'gpu' }))
    const lanes = Reflect.get(queue.state.ready, 'lanes') as ReadonlyArray<
      { order: { size: number } } | undefined
    >
    expect(lanes.reduce((sum, lane) => sum + (lane?.order.size ?? 0), 0)).toBeLessThan(3_000)
    queue.adopt({}, { closedGates: [] })
    expect(queue.take()).toBe(kept)
    expect(queue.take()).toBe(-1)
  })
})
