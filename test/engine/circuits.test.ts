// Circuits (C6), zones (C7) and gates (C15) in a partition that works: nothing is started where it would fail, what waits burns
// no attempt, and a restart in the middle changes nothing.
import { describe, expect, it } from 'vitest'
import type { MessageAttributes } from '../../domain/message/index.js'
import { closeGate, forceCircuit, openGate, type QueueSettings } from '../../domain/queue/index.js'
import { fixed } from '../../domain/retry/index.js'
import type { Delivery } from '../../src/engine/requests.js'
import { ack, batchesOfQueue, fail, message, release, TestQueue } from '../support/ledger.js'
import { watch } from '../support/manualClock.js'

const OPEN_MS = 30_000
const settings: QueueSettings = {
  failures: { DATABASE: fixed({ delayMs: 1, retriesMax: 50 }) },
  leaseMs: 600_000,
}
const open = (over: QueueSettings = {}) => TestQueue.open({ settings: { ...settings, ...over } })
const many = (count: number, attributes?: MessageAttributes) =>
  Array.from({ length: count }, (_, n) => message(n, { attributes }))
const failAll = async (queue: TestQueue, deliveries: ReadonlyArray<Delivery>, failureType = 'DATABASE') =>
  queue.settled(...deliveries.map((delivery) => fail(delivery, { failureType })))
const circuitEvents = async (queue: TestQueue) =>
  (await queue.events()).filter(({ type }) => type.startsWith('Circuit'))
const control = (queue: TestQueue, decide: ReturnType<typeof forceCircuit>) => {
  if (decide._tag === 'Left') throw new Error(decide.left.type)
  return queue.clock.settled(queue.engine.changeControl(() => decide.right))
}
const force = (queue: TestQueue, circuit: string, to: 'open' | 'closed' | 'auto') =>
  control(queue, forceCircuit(queue.engine.control, circuit, to, { who: 'ops' }))
const attemptsOf = (queue: TestQueue, ordinal: number): number | undefined => {
  const found = queue.engine.partition(0).state?.messageAt(ordinal)
  return found === undefined || found.tag === 'Absent' || found.tag === 'Finished'
    ? undefined
    : found.attempts
}
/** Five failures of the database open the circuit of messages that name no zone. */
const opened = async (over: QueueSettings = {}, waiting = 3) => {
  const queue = await open(over)
  await queue.enqueued(...many(5 + waiting))
  await failAll(queue, await queue.claimed({ max: 5 }))
  return queue
}

describe('a circuit (C6)', () => {
  it('C6: opens with the failure that is one too many, in its batch, and nothing more is started', async () => {
    const queue = await opened()
    expect(await circuitEvents(queue)).toMatchObject([
      { type: 'CircuitOpened', circuit: 'default', reason: 'failureThreshold' },
    ])
    await queue.clock.advance(OPEN_MS - 2)
    expect(await queue.claimed({ max: 10 })).toEqual([])
    expect([6, 7, 8].map((ordinal) => attemptsOf(queue, ordinal))).toEqual([0, 0, 0])
    expect([1, 5].map((ordinal) => attemptsOf(queue, ordinal))).toEqual([1, 1])
    await queue.assertReplayAgrees()
  })

  it('C6: a claim that stood behind the failures in the queue of requests gets nothing any more', async () => {
    const queue = await open()
    await queue.enqueued(...many(8))
    const held = await queue.claimed({ max: 5 })
    const failing = queue.settle(...held.map((delivery) => fail(delivery, { failureType: 'DATABASE' })))
    const claim = queue.claim({ max: 3 })
    await queue.clock.settled(failing)
    expect(await queue.clock.settled(claim)).toMatchObject({ right: { value: { deliveries: [] } } })
  })

  it('C6: stands right behind the failure that opened it, also among others that were reported with it', async () => {
    const queue = await open()
    await queue.enqueued(...many(7))
    await failAll(queue, await queue.claimed({ max: 7 }))
    const types = (await queue.eventTypes()).slice(-15)
    expect(types.indexOf('CircuitOpened')).toBe(10)
    expect(await circuitEvents(queue)).toHaveLength(1)
  })

  it('C6, C5: attempts that were lost with their process open it in the batch that says so', async () => {
    const queue = await open({ circuit: { failureTypes: ['CRASH'] } })
    await queue.enqueued(...many(7))
    await queue.claimed({ max: 6, worker: queue.localWorker })
    await queue.restart()
    const batches = await batchesOfQueue(queue)
    const lost = batches.find(({ events }) => events.some(({ type }) => type === 'AttemptFailed'))
    expect(lost?.events.filter(({ type }) => type === 'CircuitOpened')).toHaveLength(1)
    expect(await queue.claimed({ max: 7 })).toEqual([])
  })

  it('C6: other failures do not open it, nor do five that lie further apart than the window', async () => {
    const queue = await open()
    await queue.enqueued(...many(10))
    await failAll(queue, await queue.claimed({ max: 6 }), 'NETWORK')
    for (let n = 0; n < 5; n++) {
      await failAll(queue, await queue.claimed({ max: 1 }))
      await queue.clock.advance(15_001)
    }
    expect(await circuitEvents(queue)).toEqual([])
  })

  it('C6: half-open it lets three probes through, wakes a waiting claim for them, and closes after three successes', async () => {
    const queue = await opened()
    const claim = watch(queue.claim({ max: 10, waitMs: 120_000 }))
    await queue.clock.advance(OPEN_MS - 1)
    expect(claim.isOpen).toBe(true)
    await queue.clock.advance(1)
    expect(claim.value).toMatchObject({ right: { value: { deliveries: [{}, {}, {}] } } })
    const reply = claim.value
    const probes = reply?._tag === 'Right' ? reply.right.value.deliveries : []
    expect(await queue.claimed({ max: 10 })).toEqual([])
    await queue.settled(...probes.slice(0, 2).map((delivery) => ack(delivery)))
    expect(await queue.claimed({ max: 10 })).toHaveLength(2)
    await queue.settled(...probes.slice(2).map((delivery) => ack(delivery)))
    expect((await circuitEvents(queue)).map(({ type }) => type)).toEqual([
      'CircuitOpened',
      'CircuitHalfOpened',
      'CircuitClosed',
    ])
    expect(await queue.claimed({ max: 10 })).toHaveLength(3)
    await queue.assertReplayAgrees()
  })

  it('C6: a probe that fails opens it again; one that is handed back leaves its place to another', async () => {
    const queue = await opened()
    await queue.clock.advance(OPEN_MS)
    const [first, second, third] = await queue.claimed({ max: 10 })
    if (first === undefined || second === undefined || third === undefined) throw new Error('three probes')
    await queue.settled(release(first))
    expect(await queue.claimed({ max: 10 })).toHaveLength(1)
    await failAll(queue, [second])
    expect((await circuitEvents(queue)).at(-1)).toMatchObject({
      type: 'CircuitOpened',
      reason: 'probeFailed',
    })
    await queue.clock.advance(OPEN_MS - 1)
    expect(await queue.claimed({ max: 10 })).toEqual([])
    await queue.clock.advance(1)
    expect(await queue.claimed({ max: 10 })).toHaveLength(3)
  })

  it('C6: attempts that end without a word count, when the settings say so', async () => {
    const queue = await open({ circuit: { failureTypes: ['CRASH'] }, leaseMs: 1_000 })
    await queue.enqueued(...many(7))
    await queue.claimed({ max: 5, leaseMs: 1_000 })
    await queue.clock.advance(1_000)
    expect(await circuitEvents(queue)).toMatchObject([{ type: 'CircuitOpened' }])
    expect(await queue.claimed({ max: 10 })).toEqual([])
  })

  it.each([0, 1])(
    'C6: is as open after a restart, to the millisecond (snapshot every %d events)',
    async (every) => {
      const queue = await TestQueue.open({ settings, snapshotEveryEvents: every })
      await queue.enqueued(...many(8))
      await failAll(queue, await queue.claimed({ max: 4 }))
      await queue.restart()
      await failAll(queue, await queue.claimed({ max: 1 }))
      expect(await circuitEvents(queue)).toHaveLength(1)
      await queue.restart()
      await queue.clock.advance(OPEN_MS - 1)
      expect(await queue.claimed({ max: 10 })).toEqual([])
      await queue.clock.advance(1)
      await queue.restart()
      const probes = await queue.claimed({ max: 10 })
      expect(probes).toHaveLength(3)
      await queue.restart()
      expect(await queue.claimed({ max: 10 })).toEqual([])
      await queue.settled(...probes.map((delivery) => ack(delivery)))
      expect((await circuitEvents(queue)).at(-1)).toMatchObject({ type: 'CircuitClosed' })
      await queue.assertReplayAgrees()
    },
  )

  it('C6: forced open nothing starts, forced closed it does though it fails, and auto leaves it to the machine', async () => {
    const queue = await open()
    await queue.enqueued(...many(12))
    await force(queue, 'default', 'open')
    expect(await queue.claimed({ max: 10 })).toEqual([])
    const claim = watch(queue.claim({ max: 6, waitMs: 60_000 }))
    await queue.clock.settle()
    expect(claim.isOpen).toBe(true)
    await force(queue, 'default', 'closed')
    await queue.clock.settle()
    const deliveries = claim.value?._tag === 'Right' ? claim.value.right.value.deliveries : []
    expect(deliveries).toHaveLength(6)
    await failAll(queue, deliveries)
    expect(await queue.claimed({ max: 3 })).toHaveLength(3)
    expect(await circuitEvents(queue)).toEqual([])
    await queue.restart()
    expect(await queue.claimed({ max: 1 })).toHaveLength(1)
    await force(queue, 'default', 'auto')
    expect(await queue.claimed({ max: 3 })).toEqual([])
    expect((await circuitEvents(queue)).at(-1)).toMatchObject({ type: 'CircuitOpened' })
    await queue.assertReplayAgrees()
  })

  it('C6: a queue without a circuit goes on, however often it fails', async () => {
    const queue = await opened({ circuit: null })
    await failAll(queue, await queue.claimed({ max: 3 }))
    expect(await circuitEvents(queue)).toEqual([])
    await queue.clock.advance(1)
    expect(await queue.claimed({ max: 10 })).toHaveLength(8)
  })
})

describe('zones (C7)', () => {
  const A = { zone: 'a', fallbackZones: ['b'] }
  const zoneOf = async (queue: TestQueue, { ordinal, fence }: Delivery): Promise<string | undefined> => {
    const started = (await queue.events()).find(
      (event) => event.type === 'AttemptStarted' && event.ordinal === ordinal && event.fence === fence,
    )
    return started?.type === 'AttemptStarted' ? started.zone : undefined
  }
  const zonesOf = async (queue: TestQueue, max: number) =>
    Promise.all((await queue.claimed({ max })).map((delivery) => zoneOf(queue, delivery)))

  it('C7: another zone takes over while its own is sick, and the work returns when that is well', async () => {
    const queue = await open()
    await queue.enqueued(...many(20, A))
    const sick = await queue.claimed({ max: 5 })
    expect(await zoneOf(queue, sick[0] as Delivery)).toBe('a')
    await failAll(queue, sick)
    expect(await circuitEvents(queue)).toMatchObject([{ type: 'CircuitOpened', circuit: 'a' }])
    expect(await zonesOf(queue, 2)).toEqual(['b', 'b'])
    await queue.restart()
    expect(await zonesOf(queue, 1)).toEqual(['b'])
    await queue.clock.advance(OPEN_MS)
    const probes = await queue.claimed({ max: 4 })
    const zones = await Promise.all(probes.map((delivery) => zoneOf(queue, delivery)))
    expect(zones).toEqual(['a', 'a', 'a', 'b'])
    await queue.settled(...probes.map((delivery) => ack(delivery)))
    expect(await zonesOf(queue, 2)).toEqual(['a', 'a'])
    await queue.assertReplayAgrees()
  })

  it('C7: the failures of the zone that took over are that zone’s, and with both sick all wait without an attempt', async () => {
    const queue = await open()
    await queue.enqueued(...many(15, A))
    await failAll(queue, await queue.claimed({ max: 5 }))
    await failAll(queue, await queue.claimed({ max: 5 }))
    expect(await circuitEvents(queue)).toMatchObject([{ circuit: 'a' }, { circuit: 'b' }])
    expect(await queue.claimed({ max: 5 })).toEqual([])
    expect(attemptsOf(queue, 15)).toBe(0)
  })

  it('C7: messages without a zone and of another zone go on', async () => {
    const queue = await open()
    await queue.enqueued(
      ...many(6, { zone: 'a' }),
      message('none'),
      message('c', { attributes: { zone: 'c' } }),
    )
    await force(queue, 'a', 'open')
    const payloads = await queue.drainPayloads()
    expect(payloads.sort()).toEqual(['c', 'none'])
    await force(queue, 'a', 'auto')
    expect(await queue.drainPayloads()).toHaveLength(6)
  })
})

describe('gates (C15)', () => {
  const gate = (queue: TestQueue, name: string, to: 'open' | 'closed') => {
    const decide = to === 'open' ? openGate : closeGate
    return control(queue, decide(queue.engine.control, name, { who: 'probe' }))
  }

  it('C15: behind a closed gate a message waits without an attempt, others do not, and opening wakes a claim', async () => {
    const queue = await open()
    await gate(queue, 'ftp', 'closed')
    await queue.enqueued(message('gated', { priority: 10, attributes: { gate: 'ftp' } }), message('free'))
    const free = await queue.one()
    expect(free.ordinal).toBe(2)
    await queue.settled(ack(free))
    const claim = watch(queue.claim({ waitMs: 3_600_000 }))
    await queue.clock.advance(600_000)
    await queue.restart()
    expect(await queue.drainPayloads()).toEqual([])
    expect(attemptsOf(queue, 1)).toBe(0)
    const again = watch(queue.claim({ waitMs: 3_600_000 }))
    await gate(queue, 'ftp', 'open')
    await queue.clock.settle()
    expect([claim.isOpen, again.isOpen]).toEqual([true, false])
    await queue.assertReplayAgrees()
  })

  it('C15: a failure for want of a resource waits for its gate, too; other failures do not', async () => {
    const queue = await open({
      waitFor: { RESOURCE: 'ftp' },
      failures: { RESOURCE: fixed({ delayMs: 10 }), NETWORK: fixed({ delayMs: 10 }) },
    })
    await queue.enqueued(message('needs'), message('other'))
    await gate(queue, 'ftp', 'closed')
    const [needs, other] = await queue.claimed({ max: 2 })
    if (needs === undefined || other === undefined) throw new Error('two deliveries')
    await queue.settled(fail(needs, { failureType: 'RESOURCE' }), fail(other, { failureType: 'NETWORK' }))
    const gates = (await queue.events()).flatMap((event) =>
      event.type === 'RetryScheduled' ? [event.gate] : [],
    )
    expect(gates).toEqual(['ftp', undefined])
    await queue.clock.advance(10)
    expect(await queue.drainPayloads()).toEqual(['other'])
    await queue.restart()
    expect(await queue.drainPayloads()).toEqual([])
    await gate(queue, 'ftp', 'open')
    expect(await queue.drainPayloads()).toEqual(['needs'])
    expect(attemptsOf(queue, 1)).toBe(2)
  })
})
