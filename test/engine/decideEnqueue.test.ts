// New messages by the rule alone (A1, A6, A9, A11, C10): what a call becomes in events, how much room it needs, and what is refused.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { NewMessage } from '../../src/engine/requests.js'
import { message } from '../support/ledger.js'
import { Decisions, failing, START_AT } from './decisions.js'

const keyed = (dedupKey: string, over: Partial<NewMessage> = {}): Partial<NewMessage> => ({
  attributes: { dedupKey },
  ...over,
})

describe('B3: when a new message may run', () => {
  it.each([
    { own: {}, config: {}, notBefore: 0 },
    { own: {}, config: { delayMs: 500 }, notBefore: START_AT + 500 },
    { own: { delayMs: 70 }, config: { delayMs: 500 }, notBefore: START_AT + 70 },
    { own: { notBefore: START_AT + 9 }, config: {}, notBefore: START_AT + 9 },
    { own: { notBefore: START_AT + 9 }, config: { delayMs: 500 }, notBefore: START_AT + 9 },
    { own: { notBefore: START_AT + 9, delayMs: 70 }, config: { delayMs: 500 }, notBefore: START_AT + 70 },
  ])('is $notBefore for $own in a queue of $config', ({ own, config, notBefore }) => {
    const partition = new Decisions(config)
    partition.enqueue(own)
    expect(partition.events()).toMatchObject([{ type: 'MessageEnqueued', notBefore }])
  })

  it.each([
    { own: {}, config: {}, expiresAt: 0 },
    { own: { ttlMs: 70 }, config: {}, expiresAt: START_AT + 70 },
    { own: {}, config: { ttlMs: 500 }, expiresAt: START_AT + 500 },
    { own: { ttlMs: 70 }, config: { ttlMs: 500 }, expiresAt: START_AT + 70 },
  ])('A7: $own expires at $expiresAt in a queue of $config', ({ own, config, expiresAt }) => {
    const partition = new Decisions(config)
    partition.enqueue(own)
    expect(partition.events()).toMatchObject([{ type: 'MessageEnqueued', expiresAt }])
  })

  it('keeps its payload in memory if that is within a minute', () => {
    const partition = new Decisions()
    const ordinals = partition.enqueue({}, { delayMs: 60_000 }, { delayMs: 60_001 })
    expect(ordinals.map((ordinal) => partition.keeps(ordinal))).toEqual([true, true, false])
  })
})

describe('a call', () => {
  it('is answered with where each message stands, in the batch and in the partition', () => {
    const partition = new Decisions()
    const before = partition.batch.events.length
    partition.one(keyed('k'))
    expect(partition.offer(message('a'), message('b', keyed('k')), message('c'))).toEqual([
      { ordinal: 2, index: before + 1 },
      { ordinal: 1, index: -1 },
      { ordinal: 3, index: before + 2 },
    ])
    expect(partition.types()).toEqual(['MessageEnqueued', 'MessageEnqueued', 'MessageEnqueued'])
  })

  it('A11: brings the contents of its replacements in one event each', () => {
    const partition = new Decisions({ delayMs: 20 })
    const ordinal = partition.one(keyed('k', { delayMs: 70 }))
    partition.pass(10)
    const own = { priority: 3, ttlMs: 90, attributes: { dedupKey: 'k', type: 'late' } }
    const replaced = partition.offer(message('new', { ...own, dedupMode: 'replace' }))
    expect(replaced).toEqual([{ ordinal, index: 0, replaced: true }])
    const contents = { payload: '"new"', priority: 3, attributes: own.attributes, by: undefined }
    const at = START_AT + 10
    const edited = { type: 'MessageEdited', ordinal, ...contents, expiresAt: at + 90 }
    expect(partition.events()).toMatchObject([{ ...edited, notBefore: START_AT + 70, cause: 'replaced' }])
    expect(partition.keeps(ordinal)).toBe(false)
    const over = { ...own, dedupMode: 'replace' } as const
    partition.offer(message('new', { ...over, delayMs: 5 }), message('new', { ...over, notBefore: at + 7 }))
    partition.offer(message('new', { ...own, dedupMode: 'debounce' }))
    expect(partition.events()).toMatchObject([
      { notBefore: at + 5, cause: 'replaced' },
      { notBefore: at + 7, cause: 'replaced' },
      { notBefore: at + 20, cause: 'debounced' },
    ])
  })
})

describe('A6: a duplicate', () => {
  it('is told by the caller’s id first, then by the idempotency key, then by the dedup key', () => {
    const partition = new Decisions()
    const [byId, byCall, byKey] = partition.enqueue(
      { callerId: 'a' },
      { attributes: { idempotencyKey: 'i' } },
      { attributes: { dedupKey: 'k' } },
    )
    const attributes = { idempotencyKey: 'i', dedupKey: 'k' }
    expect(partition.enqueue({ callerId: 'a', attributes })).toEqual([byId])
    expect(partition.enqueue({ callerId: 'new', attributes })).toEqual([byCall])
    expect(partition.enqueue({ attributes: { idempotencyKey: 'new', dedupKey: 'k' } })).toEqual([byKey])
    expect(partition.enqueue({ attributes: { idempotencyKey: 'k', dedupKey: 'i' } })).toEqual([4])
  })

  it('by its id is one for the window after it has finished, and no longer', () => {
    const partition = new Decisions({ dedupWindowMs: 100 })
    const first = partition.one({ callerId: 'a' })
    partition.start(first)
    partition.settle(first, { outcome: 'ack', result: undefined })
    partition.pass(99)
    expect(partition.one({ callerId: 'a' })).toBe(first)
    partition.pass(1)
    expect(partition.one({ callerId: 'a' })).not.toBe(first)
  })

  it('A11: is a message of its own when it asks for the latest and the earlier one does not wait any more', () => {
    for (const dedupMode of ['replace', 'debounce'] as const) {
      const partition = new Decisions()
      const first = partition.one(keyed('k'))
      partition.start(first)
      expect(partition.one(keyed('k'))).toBe(first)
      const second = partition.one(keyed('k', { dedupMode }))
      expect(second).not.toBe(first)
      partition.start(second)
      partition.settle(second, { outcome: 'ack', result: undefined })
      expect(partition.one(keyed('k', { dedupMode }))).toBe(3)
    }
  })
})

describe('A9: room', () => {
  const names = (...all: string[]): fc.Arbitrary<string | undefined> => fc.constantFrom(undefined, ...all)
  const anyMessage = fc
    .record({
      callerId: names('a', 'b'),
      dedupKey: names('k', 'l'),
      idempotencyKey: names('i', 'j'),
      dedupMode: fc.constantFrom<'replace' | 'debounce' | undefined>(
        undefined,
        undefined,
        'replace',
        'debounce',
      ),
    })
    .map(({ callerId, dedupKey, idempotencyKey, dedupMode }) => {
      const keys = {
        ...(dedupKey === undefined ? {} : { dedupKey }),
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      }
      const isPlain = dedupKey === undefined && idempotencyKey === undefined
      const mode = dedupKey === undefined || dedupMode === undefined ? {} : { dedupMode }
      return message('x', { callerId, attributes: isPlain ? undefined : keys, ...mode })
    })
  const history = fc.array(
    fc.tuple(anyMessage, fc.constantFrom('waits', 'waits', 'runs', 'finished', 'dead')),
    { maxLength: 6 },
  )
  /** The partition after that history, with so much room. */
  const partitionAfter = (
    past: ReadonlyArray<readonly [NewMessage, string]>,
    dedupWindowMs: number,
  ): Decisions => {
    const partition = new Decisions({ maxSize: 1_000, dedupWindowMs })
    for (const [one, then] of past) {
      const [ordinal = 0] = partition.enqueue(one)
      if (then === 'waits' || partition.tag(ordinal) !== 'Waiting') continue
      partition.start(ordinal)
      if (then === 'finished') partition.settle(ordinal, { outcome: 'ack', result: undefined })
      if (then === 'dead') partition.settle(ordinal, { ...failing('SYSTEM') })
    }
    partition.pass(1)
    return partition
  }

  it('A6 A11: a call needs exactly as much as it has messages that are new, whatever they have in common', () => {
    const calls = fc.array(anyMessage, { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(history, calls, fc.constantFrom(0, 60_000), (past, call, dedupWindowMs) => {
        const roomy = partitionAfter(past, dedupWindowMs)
        const { size } = roomy.state
        const answer = roomy.offer(...call)
        const needed = roomy.types().filter((type) => type === 'MessageEnqueued').length

        const tight = partitionAfter(past, dedupWindowMs)
        tight.adopt({ maxSize: size + needed })
        expect(tight.offer(...call)).toMatchObject(
          (answer as ReadonlyArray<{ ordinal: number }>).map(({ ordinal }) => ({ ordinal })),
        )
        if (needed === 0) return
        const tooTight = partitionAfter(past, dedupWindowMs)
        const maxSize = size + needed - 1
        tooTight.adopt({ maxSize })
        expect(tooTight.offer(...call)).toEqual({ type: 'QueueFull', maxSize, size })
        expect(tooTight.types().filter((type) => type !== 'CapacityReached')).toEqual([])
      }),
      { numRuns: 100 },
    )
  })

  it('A6 A11: is needed by none that repeats a key which a replacement of the same call has brought', () => {
    const partition = new Decisions({ maxSize: 1 })
    const repeated = { dedupKey: 'k', idempotencyKey: 'i' }
    const call = [
      message('a', keyed('k')),
      message('b', { attributes: repeated, dedupMode: 'replace' }),
      message('c', { attributes: { idempotencyKey: 'i' } }),
    ]
    expect(partition.offer(...call)).toMatchObject([
      { ordinal: 1 },
      { ordinal: 1, replaced: true },
      { ordinal: 1 },
    ])
  })

  it('A1: is needed by each message without an id, also beside one that is called undefined', () => {
    for (const call of [
      [message('a', { callerId: 'undefined' }), message('b')],
      [message('a'), message('b', { callerId: 'undefined' })],
    ]) {
      expect(new Decisions({ maxSize: 1 }).offer(...call)).toMatchObject({ type: 'QueueFull' })
    }
  })

  it('is full to the last place, says so once, and refuses what goes beyond', () => {
    const partition = new Decisions({ maxSize: 3 })
    partition.enqueue({}, {})
    expect(partition.types()).toEqual(['MessageEnqueued', 'MessageEnqueued'])
    expect(partition.offer(message(1), message(2))).toEqual({ type: 'QueueFull', maxSize: 3, size: 2 })
    expect(partition.types()).toEqual([])
    partition.enqueue({})
    expect(partition.events()).toMatchObject([
      { type: 'MessageEnqueued' },
      { type: 'CapacityReached', size: 3, maxSize: 3 },
    ])
    expect(partition.offer(message(1))).toEqual({ type: 'QueueFull', maxSize: 3, size: 3 })
    expect(partition.types()).toEqual([])
  })

  it('is none in a queue that was made smaller, and that is said before the refusal', () => {
    const partition = new Decisions({ maxSize: 5 })
    partition.enqueue({}, {}, {})
    partition.adopt({ maxSize: 2 })
    expect(partition.offer(message(1))).toEqual({ type: 'QueueFull', maxSize: 2, size: 3 })
    expect(partition.events()).toEqual([{ type: 'CapacityReached', size: 3, maxSize: 2 }])
    partition.offer(message(1))
    expect(partition.events()).toEqual([])
  })

  it('is made by the oldest, with its cause and before the new ones, and its payload goes with it', () => {
    const partition = new Decisions({ maxSize: 2, overflow: 'dropOldest' })
    const [running, oldest] = partition.enqueue({}, {}) as [number, number]
    partition.start(running)
    const slot = partition.slot(oldest)
    partition.events()
    partition.enqueue({ delayMs: 100_000 })
    expect(partition.events()).toMatchObject([
      { type: 'MessagePurged', ordinal: oldest, by: undefined, cause: 'overflow' },
      { type: 'MessageEnqueued' },
    ])
    expect(partition.payloads.get(slot)).toBeUndefined()
  })

  it('is made by a lower priority than any of the call that is new, duplicates left out', () => {
    const partition = new Decisions({ maxSize: 2, overflow: 'dropLowestPriority' })
    const [low] = partition.enqueue({ priority: 1 }, keyed('k', { priority: 5 })) as [number]
    partition.events()
    const two = [message('a', { priority: 2 }), message('b', { priority: 1 })]
    expect(partition.offer(...two)).toEqual({ type: 'QueueFull', maxSize: 2, size: 2 })
    expect(partition.offer(message('c', { priority: 1 }))).toEqual({ type: 'QueueFull', maxSize: 2, size: 2 })
    expect(partition.events()).toEqual([])
    partition.enqueue({ priority: 2 }, keyed('k', { priority: -9 }))
    expect(partition.events()).toMatchObject([
      { type: 'MessagePurged', ordinal: low },
      { type: 'MessageEnqueued', priority: 2 },
    ])
  })

  it('is never made by a message that the call is answered with', () => {
    const partition = new Decisions({ maxSize: 2, overflow: 'dropOldest' })
    const [first, second] = partition.enqueue(keyed('k'), {})
    partition.events()
    expect(partition.enqueue(keyed('k'), {})[0]).toBe(first)
    expect(partition.events()).toMatchObject([{ type: 'MessagePurged', ordinal: second }, {}])
  })
})

describe('C10: shedding', () => {
  const settings = { maxSize: 10, shedAbovePercent: 50, shedBelowPriority: 5 }
  const filled = (messages: number, config = {}): Decisions => {
    const partition = new Decisions({ ...settings, ...config })
    for (let n = 0; n < messages; n++) partition.enqueue(keyed(`k${n}`, { priority: 9 }))
    partition.events()
    return partition
  }
  const low = message('low', { priority: 4 })

  it('begins with the share, for priorities below the bound', () => {
    expect(filled(4).offer(low)).toMatchObject([{ ordinal: 5 }])
    expect(filled(5).offer(low)).toEqual({ type: 'LoadShed', size: 5, maxSize: 10, shedBelowPriority: 5 })
    expect(filled(5).offer(message('as high', { priority: 5 }))).toMatchObject([{ ordinal: 6 }])
    expect(filled(9).offer(message('high', { priority: 6 }), low)).toMatchObject({ type: 'LoadShed' })
  })

  it('takes a duplicate of what is in, however low, and all of a call or nothing', () => {
    const partition = filled(5)
    expect(partition.enqueue(keyed('k3', { priority: 0 }))).toEqual([4])
    expect(partition.offer(message('dup', keyed('k3', { priority: 0 })), low)).toMatchObject({
      type: 'LoadShed',
    })
    expect(partition.events()).toEqual([])
  })

  it('is never done at a share of a hundred: the queue is full, then', () => {
    expect(filled(10, { shedAbovePercent: 100 }).offer(low)).toMatchObject({ type: 'QueueFull' })
    expect(filled(9, { shedAbovePercent: 100 }).offer(low)).toMatchObject([{ ordinal: 10 }])
    expect(filled(10, { shedAbovePercent: 99 }).offer(low)).toMatchObject({ type: 'LoadShed' })
  })
})
