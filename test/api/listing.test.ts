// Lists by filter (A8, C3): whatever the filter, the order and the size of a page, the pages together hold exactly the
// messages that a naive filter over single look-ups would take, in order. The population has every state and attribute.
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MESSAGE_STATES } from '../../domain/message/index.js'
import { fixed } from '../../domain/retry/index.js'
import type {
  ClaimedMessage,
  DeadLetterOptions,
  EnqueueOptions,
  ListOptions,
  MessageSelection,
  MessageState,
  MessageView,
  Queue,
  SettlementRequest,
} from '../../src/api/types/index.js'
import { calls, TestLedger } from '../support/ledger.js'

type World = { test: TestLedger; queue: Queue<unknown>; views: MessageView[] }

const TYPES = ['invoice', 'mail', undefined]
const ZONES = ['eu', 'us', undefined]
const PRIORITIES = [-10, 0, 0, 3, 10, 1_000]
const STEP_MS = 1_000
const MESSAGES = 90

const optionsOf = (n: number): EnqueueOptions => {
  const [type, zone] = [TYPES[n % 3], ZONES[(n >> 1) % 3]]
  return {
    ...(type === undefined ? {} : { type }),
    ...(zone === undefined ? {} : { zone }),
    ...(n % 5 === 0 ? { tenant: `t${n % 2}` } : {}),
    ...(n % 7 === 0 ? { topic: 'billing', group: `g${n}` } : {}),
    ...(n % 11 === 0 ? { id: `own-${n}` } : {}),
    ...(n % 6 === 5 ? { delayMs: 100_000_000 } : {}),
    ...(n % 13 === 12 ? { ttlMs: 500_000 } : {}),
    priority: PRIORITIES[n % PRIORITIES.length] ?? 0,
  }
}

/** Acks, failures that are tried again, and failures of both kinds that are not. */
const settleSome = async (test: TestLedger, queue: Queue<unknown>): Promise<void> => {
  const done = <A>(promise: Promise<A>): Promise<A> => test.done(promise)
  const claimed = await done(queue.claim({ worker: 'w', max: 45, leaseMs: 3_600_000 }))
  for (let more = claimed; more.length > 0 && claimed.length < 45; ) {
    more = await done(queue.claim({ worker: 'w', max: 45 - claimed.length, leaseMs: 3_600_000 }))
    ;(claimed as ClaimedMessage[]).push(...more)
  }
  const settlements = claimed.slice(0, 38).map(({ leaseToken }, n): SettlementRequest => {
    if (n % 3 === 0) return { leaseToken, outcome: 'ack' }
    const type = n % 3 === 1 ? 'NETWORK' : n % 2 === 0 ? 'UNKNOWN' : 'SYSTEM'
    return { leaseToken, outcome: 'fail', failure: { type, message: 'no' } }
  })
  await done(queue.settle(settlements))
  const { messages } = await done(queue.deadLetters({ limit: 500 }))
  for (const { id } of messages.slice(0, 3)) await done(queue.discard(id))
}

/** A queue with messages of every state, enqueued one after another, a second apart. */
const populated = async (partitions: number): Promise<World> => {
  const test = await TestLedger.open()
  const done = <A>(promise: Promise<A>): Promise<A> => test.done(promise)
  const failures = {
    UNKNOWN: fixed({ retriesMax: 0 }),
    NETWORK: fixed({ delayMs: 10_000_000, retriesMax: 3 }),
  }
  const circuit = null
  const queue = await done(test.ledger.queue('orders', { partitions, failures, circuit }))
  const ids: string[] = []
  for (let n = 0; n < MESSAGES; n++) {
    ids.push((await done(queue.enqueue({ n }, optionsOf(n)))).id)
    await test.clock.advance(STEP_MS)
  }
  await settleSome(test, queue)
  for (const id of ids.slice(20, 90)) {
    const view = await done(queue.message(id))
    if (view?.state === 'pending' && view.priority === 0) await done(queue.cancel(id))
  }
  await test.clock.advance(600_000)
  const views: MessageView[] = []
  for (const id of ids) {
    const view = await done(queue.message(id))
    assert.ok(view !== undefined, id)
    views.push(view)
  }
  return { test, queue, views }
}

/** Written anew, field by field, from what the documentation says. */
const naive = (views: ReadonlyArray<MessageView>, by: ListOptions): ReadonlyArray<MessageView> =>
  views.filter((view) => {
    const states = by.state === undefined ? MESSAGE_STATES : [by.state].flat()
    const at = Date.parse(view.enqueuedAt)
    if (!states.includes(view.state)) return false
    if (by.priorityMin !== undefined && view.priority < Number(by.priorityMin)) return false
    if (by.priorityMax !== undefined && view.priority > Number(by.priorityMax)) return false
    if (by.enqueuedFrom !== undefined && at < Number(by.enqueuedFrom)) return false
    if (by.enqueuedTo !== undefined && at >= Number(by.enqueuedTo)) return false
    if (by.idPrefix !== undefined && !view.id.startsWith(by.idPrefix)) return false
    return (['type', 'topic', 'group', 'tenant', 'zone', 'failureType'] as const).every(
      (field) => by[field] === undefined || by[field] === view[field],
    )
  })

const inOrder = (views: ReadonlyArray<MessageView>, sort: ListOptions['sort']): ReadonlyArray<MessageView> =>
  [...views].sort((a, b) => {
    const age = Date.parse(a.enqueuedAt) - Date.parse(b.enqueuedAt)
    if (sort === 'priority') return b.priority - a.priority || age
    return sort === 'oldest' ? age : -age
  })

const allPages = async ({ test, queue }: World, options: ListOptions): Promise<MessageView[]> => {
  const found: MessageView[] = []
  let cursor: string | undefined
  for (let pages = 0; pages < 1_000; pages++) {
    const page = await test.done(queue.list({ ...options, ...(cursor === undefined ? {} : { cursor }) }))
    assert.ok(page.messages.length <= (options.limit ?? 50))
    found.push(...page.messages)
    cursor = page.cursor
    if (cursor === undefined) return found
  }
  throw new Error('the pages do not end')
}

const LIVE: ReadonlyArray<MessageState> = ['scheduled', 'pending', 'retrying', 'processing', 'dead-lettered']
const worlds = new Map<number, Promise<World>>()
/** Reads change nothing, so the worlds serve all tests of this file. */
const world = (partitions: number): Promise<World> => {
  const known = worlds.get(partitions) ?? populated(partitions)
  worlds.set(partitions, known)
  return known
}

/** Mostly left out: a filter of all fields at once takes nothing. */
const seldom = <A>(arbitrary: fc.Arbitrary<A>): fc.Arbitrary<A | undefined> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })
const someStates = fc.subarray([...MESSAGE_STATES], { minLength: 1 })
const selectionOver = (views: ReadonlyArray<MessageView>): fc.Arbitrary<MessageSelection> => {
  const instant = fc
    .constantFrom(...views)
    .chain(({ enqueuedAt }) =>
      fc.constantFrom(Date.parse(enqueuedAt), Date.parse(enqueuedAt) + 1, Date.parse(enqueuedAt) - 500),
    )
  const priority = fc.constantFrom(-1_000, -10, -1, 0, 3, 10, 1_000)
  return fc
    .record({
      state: seldom(fc.oneof(fc.constantFrom(...MESSAGE_STATES), someStates)),
      type: seldom(fc.constantFrom('invoice', 'mail', 'nobody')),
      topic: seldom(fc.constant('billing')),
      tenant: seldom(fc.constantFrom('t0', 't1')),
      group: seldom(fc.constantFrom('g0', 'g7', 'g49')),
      zone: seldom(fc.constantFrom('eu', 'us')),
      priorityMin: seldom(priority),
      priorityMax: seldom(priority),
      enqueuedFrom: seldom(instant),
      enqueuedTo: seldom(instant),
      idPrefix: seldom(fc.constantFrom('own-', 'orders.', 'orders.0.1', 'x')),
      failureType: seldom(fc.constantFrom('NETWORK', 'SYSTEM')),
    })
    .map(
      (fields) =>
        Object.fromEntries(
          Object.entries(fields).filter(([, value]) => value !== undefined),
        ) as MessageSelection,
    )
}

describe('lists of messages', () => {
  it('A8: the population has messages of every state, in one partition and in three', async () => {
    for (const partitions of [1, 3]) {
      const { views } = await world(partitions)
      expect([...new Set(views.map(({ state }) => state))].sort()).toEqual([...MESSAGE_STATES].sort())
    }
  })

  it.each([1, 3])(
    'A8: hold what a naive filter takes, in order, page by page, over %i partitions',
    async (partitions) => {
      const here = await world(partitions)
      const sort = fc.constantFrom('newest' as const, 'oldest' as const)
      const asked = fc.tuple(selectionOver(here.views), sort, fc.constantFrom(1, 2, 7, 50, 500))
      await fc.assert(
        fc.asyncProperty(asked, async ([selection, sort, limit]) => {
          const listed = await allPages(here, { ...selection, sort, limit })
          const expected = inOrder(naive(here.views, selection), sort)
          assert.deepEqual(
            listed.map(({ id }) => id),
            expected.map(({ id }) => id),
          )
        }),
        { numRuns: 120 },
      )
    },
  )

  it.each([1, 3])('A8: sorted by priority, hold the same, over %i partitions', async (partitions) => {
    const here = await world(partitions)
    const asked = fc.tuple(
      selectionOver(here.views),
      fc.subarray([...LIVE], { minLength: 1 }),
      fc.integer({ min: 1, max: 60 }),
    )
    await fc.assert(
      fc.asyncProperty(asked, async ([selection, state, limit]) => {
        const by = { ...selection, state }
        const listed = await allPages(here, { ...by, sort: 'priority', limit })
        const expected = inOrder(naive(here.views, by), 'priority')
        assert.deepEqual(
          listed.map(({ id }) => id),
          expected.map(({ id }) => id),
        )
      }),
      { numRuns: 60 },
    )
  })

  it.each([1, 3])('A8: counts agree with the naive filter, over %i partitions', async (partitions) => {
    const here = await world(partitions)
    const asked = fc.tuple(selectionOver(here.views), fc.subarray([...LIVE], { minLength: 1 }))
    await fc.assert(
      fc.asyncProperty(asked, async ([selection, state]) => {
        const by = { ...selection, state }
        const counts = await here.test.done(here.queue.count(by))
        const expected = naive(here.views, by)
        assert.equal(counts.total, expected.length)
        for (const one of LIVE)
          assert.equal(counts[one as 'pending'], expected.filter((view) => view.state === one).length)
      }),
      { numRuns: 60 },
    )
  })

  it('C3: dead letters are listed by kind, failure type and time of death', async () => {
    const { test, queue, views } = await world(3)
    const dead = views.filter(({ state }) => state === 'dead-lettered')
    const ids = async (options: DeadLetterOptions): Promise<string[]> =>
      (await test.done(queue.deadLetters({ limit: 500, ...options }))).messages.map(({ id }) => id).sort()
    const idsOf = (wanted: (view: MessageView) => boolean): string[] =>
      dead
        .filter(wanted)
        .map(({ id }) => id)
        .sort()
    expect(idsOf(({ failureType }) => failureType === 'SYSTEM').length).toBeGreaterThan(1)
    expect(await ids({})).toEqual(idsOf(() => true))
    expect(await ids({ kind: 'system' })).toEqual(idsOf(({ failureType }) => failureType === 'SYSTEM'))
    expect(await ids({ kind: 'business' })).toEqual(idsOf(({ failureType }) => failureType !== 'SYSTEM'))
    expect(await ids({ failureType: 'UNKNOWN', priorityMin: 3 })).toEqual(
      idsOf(({ failureType, priority }) => failureType === 'UNKNOWN' && priority >= 3),
    )
    const [letter] = (await test.done(queue.deadLetters({ limit: 1 }))).messages
    assert.ok(letter !== undefined)
    expect(await ids({ deadFrom: letter.deadAt })).toEqual(idsOf(() => true))
    expect(await ids({ deadTo: letter.deadAt })).toEqual([])
    expect(await ids({ deadFrom: new Date(Date.parse(letter.deadAt) + 1) })).toEqual([])
  })

  it('A8: a page that looked at enough without filling says so, and the next one goes on', async () => {
    const test = await TestLedger.open()
    const queue = await test.done(test.ledger.queue('orders', { maxSize: 200_000 }))
    await test.done(queue.enqueue('first', { type: 'rare' }))
    const plain = Array.from({ length: 110_000 }, () => ({ payload: 0 }))
    for (const some of calls(plain)) await test.done(queue.enqueueBatch(some))
    const first = await test.done(queue.list({ type: 'rare' }))
    expect(first).toMatchObject({ messages: [], scanned: 100_000, cursor: expect.any(String) })
    const second = await test.done(queue.list({ type: 'rare', cursor: first.cursor ?? '' }))
    expect(second).toMatchObject({ messages: [{ payload: 'first' }], scanned: 10_001, cursor: undefined })
  })

  it('A8: finished messages of a range of time are found by halving, not by reading all that came later', async () => {
    const test = await TestLedger.open()
    const queue = await test.done(test.ledger.queue('orders', {}))
    const times: number[] = []
    for (let n = 0; n < 40; n++) {
      times.push(test.clock.wallMs())
      await test.done(queue.enqueueBatch(Array.from({ length: 100 }, (_, i) => ({ payload: [n, i] }))))
      const claimed = await test.done(queue.claim({ worker: 'w', max: 100 }))
      await test.done(
        queue.settle(claimed.map(({ leaseToken }) => ({ leaseToken, outcome: 'ack' }) as const)),
      )
      await test.clock.advance(1_000)
    }
    for (const sort of ['newest', 'oldest'] as const) {
      const page = await test.done(
        queue.list({ sort, enqueuedFrom: times[3] ?? 0, enqueuedTo: times[4] ?? 0, limit: 500 }),
      )
      expect(page.messages).toHaveLength(100)
      expect(page.cursor).toBeUndefined()
      expect(page.scanned).toBeLessThan(110)
    }
  })

  it.each([
    [{ state: 'waiting' }, 'state'],
    [{ state: [] }, 'state'],
    [{ priorityMax: 1.5 }, 'priorityMax'],
    [{ enqueuedFrom: 'yesterday' }, 'enqueuedFrom'],
    [{ type: '' }, 'type'],
    [{ sort: 'size' }, 'sort'],
    [{ sort: 'priority', state: 'succeeded' }, 'sort'],
    [{ limit: 501 }, 'limit'],
    [{ cursor: 'o.1' }, 'cursor'],
    [{ cursor: 'n.1.2.3' }, 'cursor'],
    [{ sort: 'priority', cursor: 'n.1' }, 'cursor'],
  ])('A8: refuse what they do not understand, by the name of the field: %j', async (options, field) => {
    const { test, queue } = await world(1)
    await expect(test.done(queue.list(options as ListOptions))).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(new RegExp(`^${field}: `)),
    })
  })
})
