// C15: which messages have waited too long for a closed gate, by the rule alone: what a wait is, and how much one step does of it.
import { describe, expect, it } from 'vitest'
import { giveUpGateWaits } from '../../src/engine/decideGateWaits.js'
import { Decisions } from './decisions.js'

const WAIT_MS = 60_000
const BANK = new Set(['bank'])
const gated = (over: Readonly<{ group?: string; onFailure?: { queue: string } }> = {}) => ({
  attributes: { gate: 'bank', ...over },
})
const closed = (config = {}): Decisions => {
  const partition = new Decisions({ gateWaitMaxMs: WAIT_MS, maxSize: 100_000, ...config })
  partition.adopt({}, { closedGates: ['bank'] })
  return partition
}
const step = (partition: Decisions, from = 0, gates: ReadonlySet<string> = BANK): number | undefined =>
  giveUpGateWaits(partition.context, gates, from)

describe('C15: a wait for a gate', () => {
  it('is over to the millisecond, counted from when the message could have run', () => {
    const partition = closed()
    const [early, later] = [partition.one(gated()), partition.one({ ...gated(), delayMs: 10 })]
    partition.pass(10)
    partition.pass(WAIT_MS - 11)
    step(partition)
    expect(partition.events()).toEqual([])
    partition.pass(1)
    step(partition)
    expect([partition.tag(early), partition.tag(later)]).toEqual(['Dead', 'Waiting'])
    expect(partition.events()).toEqual([
      { type: 'MessageDeadLettered', ordinal: early, callerId: undefined, reason: 'waitedTooLong' },
    ])
    partition.pass(10)
    step(partition)
    expect(partition.tag(later)).toBe('Dead')
  })

  it('has no end in a queue without a bound, and none while the queue is paused', () => {
    const partition = closed()
    const ordinal = partition.one(gated())
    partition.pass(2 * WAIT_MS)
    partition.adopt({ gateWaitMaxMs: 0 })
    expect(step(partition)).toBeUndefined()
    partition.adopt({ gateWaitMaxMs: WAIT_MS }, {}, true)
    expect(step(partition)).toBeUndefined()
    expect([partition.events(), partition.tag(ordinal)]).toEqual([[], 'Waiting'])
    partition.adopt({}, {}, false)
    step(partition)
    expect(partition.tag(ordinal)).toBe('Dead')
  })

  it('is one for a gate that is closed, and has been for the whole of it', () => {
    const partition = closed()
    const [bank, shop, free] = partition.enqueue(gated(), { attributes: { gate: 'shop' } }, {})
    partition.pass(WAIT_MS)
    step(partition, 0, new Set(['shop']))
    step(partition, 0, new Set())
    partition.adopt({}, { closedGates: [] })
    step(partition)
    expect(partition.events()).toEqual([])
    partition.adopt({}, { closedGates: ['shop', 'bank'] })
    step(partition)
    const tags = [bank, shop, free].map((ordinal) => partition.tag(ordinal ?? 0))
    expect(tags).toEqual(['Dead', 'Waiting', 'Waiting'])
  })

  it('is none of a message that runs, is dead, or whose group is paused', () => {
    const partition = closed()
    partition.adopt({}, { closedGates: [], pausedGroups: ['g'] })
    const [running, dead, paused, other] = partition.enqueue(
      gated(),
      gated(),
      gated({ group: 'g' }),
      gated({ group: 'h' }),
    ) as [number, number, number, number]
    partition.start(running)
    partition.start(dead)
    partition.settle(dead, {
      outcome: 'fail',
      failureType: 'SYSTEM',
      message: '',
      retryable: false,
      delayMs: undefined,
    })
    partition.adopt({}, { closedGates: ['bank'] })
    partition.pass(WAIT_MS)
    step(partition)
    expect(partition.events()).toMatchObject([{ type: 'MessageDeadLettered', ordinal: other }])
    expect([running, paused].map((ordinal) => partition.tag(ordinal))).toEqual(['Leased', 'Waiting'])
  })

  it('ends with the callback that the sender asked for, and without a payload in memory', () => {
    const partition = closed()
    const ordinal = partition.one(gated({ onFailure: { queue: 'told' } }))
    expect(partition.keeps(ordinal)).toBe(true)
    const slot = partition.slot(ordinal)
    partition.pass(WAIT_MS)
    step(partition)
    const [event] = partition.events()
    if (event?.type !== 'MessageDeadLettered') throw new Error('it is not dead')
    expect(event.followUps).toHaveLength(1)
    expect(event.followUps?.[0]?.queue).toBe('told')
    expect(JSON.parse(event.followUps?.[0]?.payload ?? '')).toMatchObject({
      operationId: `orders.0.${ordinal.toString(36)}`,
      queue: 'orders',
      error: { type: 'RESOURCE' },
    })
    expect(partition.payloads.get(slot)).toBeUndefined()
  })

  it('A15 ends with a purge, too, in a queue without dead letters; between two of them the batch may be cut', () => {
    const partition = closed({ deadLetters: false })
    partition.enqueue(gated(), gated())
    partition.pass(WAIT_MS)
    step(partition)
    expect(partition.types()).toEqual([
      'MessageDeadLettered',
      'MessagePurged',
      'MessageDeadLettered',
      'MessagePurged',
    ])
    expect(partition.cuts).toEqual([0, 2])
  })
})

describe('C15: one step', () => {
  it('looks at ten thousand messages, and says where the next one goes on', () => {
    const partition = closed()
    const first = partition.one(gated())
    partition.enqueue(...Array.from({ length: 10_000 }, () => ({})))
    const last = partition.one(gated())
    partition.pass(WAIT_MS)
    const places = [0]
    for (let from: number | undefined = 0; from !== undefined; ) {
      from = step(partition, from)
      if (from !== undefined) places.push(from)
    }
    expect(places).toEqual([0, 10_001])
    expect(partition.events()).toMatchObject([{ ordinal: first }, { ordinal: last }])
  })

  it('gives up a thousand messages, and says where the next one goes on', () => {
    const partition = closed()
    const ordinals = partition.enqueue(...Array.from({ length: 1_200 }, () => gated()))
    partition.pass(WAIT_MS)
    const counts: number[] = []
    for (let from: number | undefined = 0; from !== undefined; ) {
      from = step(partition, from)
      counts.push(partition.events().length)
    }
    expect(counts).toEqual([1_000, 200])
    expect(ordinals.filter((ordinal) => partition.tag(ordinal) !== 'Dead')).toEqual([])
  })
})
