// Schedules of a whole ledger on a clock that is moved by hand: each planned instant once, whatever happens in between.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MissedPolicy, ScheduleRequest } from '../../src/api/types/index.js'
import { ScheduleHouse } from '../support/scheduleHouse.js'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const NOON = '2026-11-22T12:00:00Z'
const every = (everyMs: number, over: Partial<ScheduleRequest<unknown>> = {}): ScheduleRequest<unknown> =>
  ({ name: 'tick', everyMs, payload: { n: 1 }, ...over }) as ScheduleRequest<unknown>

describe('B5: recurring messages', () => {
  it('are enqueued at their instants, and say which they stand for', async () => {
    const house = await ScheduleHouse.open('2026-11-22T12:00:30Z')
    const orders = await house.done(house.ledger.queue('orders'))
    const options = {
      type: 'report',
      topic: 'reports',
      group: 'g',
      tenant: 't',
      priority: 'high' as const,
      headers: { a: 'b' },
    }
    const view = await house.done(
      orders.schedule(every(MINUTE_MS, { ...options, ttlMs: 5_000, timeoutMs: 700 })),
    )
    expect(view).toMatchObject({
      name: 'tick',
      queue: 'orders',
      everyMs: MINUTE_MS,
      priority: 10,
      missed: 'one',
      nextTick: '2026-11-22T12:01:00.000Z',
      lastTick: undefined,
      enqueued: 0,
    })
    await house.clock.advance(29_999)
    expect(await house.enqueued('orders')).toEqual([])
    await house.clock.advance(1)
    const [message] = await house.done(orders.claim({ worker: 'w' }))
    expect(message).toMatchObject({
      id: 'tick@20261122T120100Z',
      payload: { n: 1 },
      type: 'report',
      topic: 'reports',
      group: 'g',
      priority: 10,
      timeoutMs: 700,
      headers: { a: 'b', 'ledgerq-schedule': 'tick', 'ledgerq-tick': '2026-11-22T12:01:00.000Z' },
    })
    expect(await house.done(orders.list({ tenant: 't' }))).toMatchObject({ messages: [{ id: message?.id }] })
    await house.clock.advance(2 * MINUTE_MS)
    expect(await house.enqueued('orders')).toEqual([
      'tick@20261122T120100Z',
      'tick@20261122T120200Z',
      'tick@20261122T120300Z',
    ])
    expect(await house.done(orders.schedules())).toMatchObject([
      {
        lastTick: '2026-11-22T12:03:00.000Z',
        nextTick: '2026-11-22T12:04:00.000Z',
        enqueued: 3,
        missedTicks: 0,
      },
    ])
  })

  it('R22: follow a cron expression over a change of clocks, in its zone', async () => {
    const house = await ScheduleHouse.open('2026-03-28T12:00:00Z')
    const orders = await house.done(house.ledger.queue('orders'))
    const nightly = { name: 'nightly', cron: '30 2 * * *', timeZone: 'Europe/Berlin', payload: null }
    await house.done(orders.schedule(nightly))
    expect(await house.done(orders.preview('nightly', 2))).toEqual([
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ])
    await house.clock.advance(2 * DAY_MS)
    expect(await house.enqueued('orders')).toEqual(['nightly@20260329T010000Z', 'nightly@20260330T003000Z'])
  })

  it('R22: fire at the instant when it is further away than a timer reaches', async () => {
    const house = await ScheduleHouse.open('2026-12-05T00:00:00Z')
    const orders = await house.done(house.ledger.queue('orders'))
    await house.done(orders.schedule({ name: 'new-year', cron: '0 0 1 1 *', payload: 1 }))
    await house.clock.advance(27 * DAY_MS - 1)
    expect(await house.enqueued('orders')).toEqual([])
    await house.clock.advance(1)
    expect(await house.enqueued('orders')).toEqual(['new-year@20270101T000000Z'])
  })

  it.each<readonly [MissedPolicy, number, ReadonlyArray<string>, number]>([
    ['one', 9.5, ['0800'], 3],
    ['skip', 9.5, [], 4],
    ['skip', 8.5, ['0800'], 3],
    [{ kind: 'all', atMost: 3 }, 9.5, ['0400', '0600', '0800'], 1],
  ])(
    'that were missed while nobody ran are dealt with by policy %j after %d minutes',
    async (missed, minutes, times, missedTicks) => {
      const house = await ScheduleHouse.open(NOON)
      const orders = await house.done(house.ledger.queue('orders'))
      await house.done(orders.schedule(every(2 * MINUTE_MS, { missed })))
      house.crash()
      house.clock.block(minutes * MINUTE_MS)
      await house.begin()
      expect(await house.enqueued('orders')).toEqual(times.map((time) => `tick@20261122T12${time}Z`))
      const again = await house.done(house.ledger.queue('orders'))
      expect(await house.done(again.schedules())).toMatchObject([
        { lastTick: '2026-11-22T12:08:00.000Z', enqueued: times.length, missedTicks },
      ])
    },
  )

  it('are enqueued once when the process dies before it noted that, also when the message is finished and forgotten', async () => {
    const house = await ScheduleHouse.open(NOON)
    const orders = await house.done(house.ledger.queue('orders', { dedupWindowMs: 1_000 }))
    await house.done(orders.schedule(every(HOUR_MS)))
    house.notes = 'lost'
    await house.clock.advance(HOUR_MS)
    await house.drain('orders')
    house.crash()
    house.clock.block(30 * MINUTE_MS)
    await house.begin()
    expect(await house.enqueued('orders')).toEqual(['tick@20261122T130000Z'])
    const again = await house.done(house.ledger.queue('orders'))
    expect(await house.done(again.schedules())).toMatchObject([{ enqueued: 1, missedTicks: 0 }])
    await house.clock.advance(30 * MINUTE_MS)
    expect(await house.enqueued('orders')).toEqual(['tick@20261122T130000Z', 'tick@20261122T140000Z'])
  })

  it('R18: are enqueued once when the clock is set back while nobody ran, and the note was lost', async () => {
    const house = await ScheduleHouse.open(NOON)
    const orders = await house.done(house.ledger.queue('orders', { dedupWindowMs: 1_000 }))
    await house.done(orders.schedule(every(15 * MINUTE_MS, { missed: { kind: 'all', atMost: 9 } })))
    house.notes = 'lost'
    await house.clock.advance(15 * MINUTE_MS)
    await house.drain('orders')
    house.crash()
    // The next process begins ten minutes before the instant that is done already.
    house.clock.jumpWall(-10 * MINUTE_MS)
    await house.begin()
    await house.clock.advance(30 * MINUTE_MS)
    expect(await house.enqueued('orders')).toEqual(['tick@20261122T121500Z', 'tick@20261122T123000Z'])
  })

  it('R18: are enqueued once when an append was held up over the instant, the note was lost and the clock set back', async () => {
    const house = await ScheduleHouse.open(NOON)
    const orders = await house.done(house.ledger.queue('orders', { dedupWindowMs: 1_000 }))
    await house.done(orders.schedule(every(15 * MINUTE_MS)))
    await house.clock.advance(15 * MINUTE_MS - 2_000)
    house.log.plan('held')
    house.notes = 'lost'
    const held = orders.enqueue('held')
    await house.clock.settle()
    // It waits in a batch that was opened before the instant, and keeps that time.
    const behind = orders.enqueue('behind')
    await house.clock.advance(3_000)
    house.log.release()
    await house.done(Promise.all([held, behind]))
    house.crash()
    house.clock.jumpWall(-10 * MINUTE_MS)
    await house.begin()
    await house.drain('orders')
    await house.clock.advance(20 * MINUTE_MS)
    const ticks = (await house.enqueued('orders')).filter((id) => id.startsWith('tick'))
    expect(ticks.slice(0, 1)).toEqual(['tick@20261122T121500Z'])
    expect(new Set(ticks).size).toBe(ticks.length)
  })

  it('are enqueued once by a schedule that was removed, and set again after the clock was set back', async () => {
    const house = await ScheduleHouse.open(NOON)
    const orders = await house.done(house.ledger.queue('orders', { dedupWindowMs: 1_000 }))
    await house.done(orders.schedule(every(15 * MINUTE_MS)))
    await house.clock.advance(15 * MINUTE_MS)
    await house.drain('orders')
    await house.done(orders.unschedule('tick'))
    house.clock.jumpWall(-10 * MINUTE_MS)
    await house.done(orders.schedule(every(15 * MINUTE_MS)))
    await house.clock.advance(15 * MINUTE_MS)
    expect(await house.enqueued('orders')).toEqual(['tick@20261122T121500Z'])
  })

  it('R18: tick no instant twice when the wall clock goes back, and notice within a minute that it went forward', async () => {
    const house = await ScheduleHouse.open('2026-11-22T12:00:30Z')
    const orders = await house.done(house.ledger.queue('orders', { dedupWindowMs: 0 }))
    await house.done(orders.schedule(every(15 * MINUTE_MS)))
    await house.clock.advance(15 * MINUTE_MS)
    await house.drain('orders')
    house.clock.jumpWall(-HOUR_MS)
    await house.clock.advance(HOUR_MS)
    expect(await house.enqueued('orders')).toEqual(['tick@20261122T121500Z'])
    house.clock.jumpWall(15 * MINUTE_MS)
    await house.clock.advance(MINUTE_MS)
    expect(await house.enqueued('orders')).toEqual(['tick@20261122T121500Z', 'tick@20261122T123000Z'])
  })

  it('pause with their schedule, and take up again with the first instant after it', async () => {
    const house = await ScheduleHouse.open(NOON)
    const orders = await house.done(house.ledger.queue('orders'))
    await house.done(orders.schedule(every(MINUTE_MS)))
    await house.clock.advance(MINUTE_MS)
    expect(await house.done(orders.pauseSchedule('tick', { who: 'ada' }))).toMatchObject({
      paused: true,
      nextTick: undefined,
    })
    await house.clock.advance(10 * MINUTE_MS)
    expect(await house.done(orders.resumeSchedule('tick'))).toMatchObject({ missedTicks: 0 })
    await house.clock.advance(MINUTE_MS)
    expect(await house.enqueued('orders')).toEqual(['tick@20261122T120100Z', 'tick@20261122T121200Z'])
  })

  it('go on while their queue is paused: a pause holds back work, not messages', async () => {
    const house = await ScheduleHouse.open(NOON)
    const orders = await house.done(house.ledger.queue('orders'))
    await house.done(orders.schedule(every(MINUTE_MS)))
    await house.done(orders.pause())
    await house.clock.advance(2 * MINUTE_MS)
    expect(await house.enqueued('orders')).toHaveLength(2)
  })

  it('stay inside their bounds, and stop when they are removed', async () => {
    const house = await ScheduleHouse.open(NOON)
    const orders = await house.done(house.ledger.queue('orders'))
    const bounds = { startAt: '2026-11-22T12:02:00Z', endAt: '2026-11-22T12:04:00Z' }
    await house.done(orders.schedule(every(MINUTE_MS, { name: 'bound', ...bounds })))
    await house.done(orders.schedule(every(MINUTE_MS, { name: 'gone' })))
    await house.clock.advance(MINUTE_MS)
    await house.done(orders.unschedule('gone'))
    await house.clock.advance(10 * MINUTE_MS)
    expect(await house.enqueued('orders')).toEqual([
      'gone@20261122T120100Z',
      'bound@20261122T120200Z',
      'bound@20261122T120300Z',
    ])
    await expect(house.done(orders.unschedule('gone'))).rejects.toMatchObject({ code: 'schedule_not_found' })
  })

  it('go on undisturbed when they are set again as they are, and under new instants when not', async () => {
    const house = await ScheduleHouse.open(NOON)
    const orders = await house.done(house.ledger.queue('orders'))
    await house.done(orders.schedule(every(MINUTE_MS)))
    const before = (await house.done(house.ledger.stats())).log.position
    await house.done(orders.schedule(every(MINUTE_MS)))
    expect((await house.done(house.ledger.stats())).log.position).toBe(before)
    await house.clock.advance(30_000)
    await house.done(orders.schedule(every(5 * MINUTE_MS)))
    await house.clock.advance(5 * MINUTE_MS)
    expect(await house.enqueued('orders')).toEqual(['tick@20261122T120500Z'])
  })
})

describe('B5: a schedule that cannot enqueue', () => {
  it('tries again with growing pauses, says so, and enqueues each instant once', async () => {
    const house = await ScheduleHouse.open(NOON)
    const orders = await house.done(house.ledger.queue('orders', { dedupWindowMs: 0 }))
    await house.done(orders.schedule(every(HOUR_MS)))
    house.log.always = 'full'
    await house.clock.advance(HOUR_MS)
    await house.clock.advance(20_000)
    expect(house.troubles.length).toBeGreaterThanOrEqual(3)
    expect(house.troubles.length).toBeLessThan(15)
    expect(house.troubles.at(-1)).toMatchObject({ queue: 'orders', final: false })
    house.log.heal()
    await house.clock.advance(MINUTE_MS)
    expect(await house.enqueued('orders')).toEqual(['tick@20261122T130000Z'])
  })

  it('because its queue is full waits for room', async () => {
    const house = await ScheduleHouse.open(NOON)
    const orders = await house.done(house.ledger.queue('orders', { maxSize: 1 }))
    await house.done(orders.enqueue('in the way'))
    await house.done(orders.schedule(every(HOUR_MS)))
    await house.clock.advance(HOUR_MS)
    expect(house.troubles).toMatchObject([{ queue: 'orders', partition: -1, final: false }])
    expect(house.troubles[0]?.message).toMatch(/tick .*queue holds 1 messages/)
    await house.drain('orders')
    await house.clock.advance(MINUTE_MS)
    expect(await house.enqueued('orders')).toEqual(['generated 1', 'tick@20261122T130000Z'])
  })

  it('but not note it, enqueues once, also when the message is finished and forgotten before the next try', async () => {
    const house = await ScheduleHouse.open(NOON)
    const orders = await house.done(house.ledger.queue('orders', { dedupWindowMs: 1_000 }))
    await house.done(orders.schedule(every(HOUR_MS)))
    house.notes = 'refused'
    await house.clock.advance(HOUR_MS)
    await house.drain('orders')
    expect(house.troubles.at(0)?.message).toMatch(/could not tick and will be tried again/)
    house.notes = 'kept'
    await house.clock.advance(2 * MINUTE_MS)
    expect(await house.enqueued('orders')).toEqual(['tick@20261122T130000Z'])
    expect(await house.done(orders.schedules())).toMatchObject([{ enqueued: 1, missedTicks: 0 }])
  })

  it('because the log does not answer enqueues once, whether or not the request arrived', async () => {
    for (const fault of ['lostReply', 'lostRequest', 'lateRequest'] as const) {
      const house = await ScheduleHouse.open(NOON)
      const orders = await house.done(house.ledger.queue('orders', { dedupWindowMs: 0 }))
      await house.done(orders.schedule(every(HOUR_MS)))
      house.log.plan(fault, fault)
      await house.clock.advance(HOUR_MS)
      house.log.release()
      await house.clock.advance(2 * MINUTE_MS)
      expect(await house.enqueued('orders')).toEqual(['tick@20261122T130000Z'])
    }
  })
})

describe('B5: many schedules', () => {
  it('share one timer over queues and partitions, and tick all at once', async () => {
    const house = await ScheduleHouse.open(NOON)
    const quiet = house.clock.timerCount
    const queues = [
      await house.done(house.ledger.queue('orders', { partitions: 4 })),
      await house.done(house.ledger.queue('mail')),
    ]
    const timers = house.clock.timerCount
    for (const queue of queues)
      for (let n = 0; n < 500; n++) await house.done(queue.schedule(every(HOUR_MS, { name: `s${n}` })))
    expect(house.clock.timerCount - timers).toBeLessThanOrEqual(1)
    await house.clock.advance(HOUR_MS)
    for (const name of ['orders', 'mail']) expect(new Set(await house.enqueued(name)).size).toBe(500)
    // A tick is no change that partitions have to adopt.
    const stream = await house.done(house.ledger.events({ limit: 500 }))
    expect(stream.events.filter(({ type }) => type === 'ConfigAdopted').length).toBeLessThanOrEqual(5)
    await house.done(house.ledger.close())
    expect(house.clock.timerCount).toBe(quiet)
  })

  it('end with their queue, and do not come back with its next generation', async () => {
    const house = await ScheduleHouse.open(NOON)
    const orders = await house.done(house.ledger.queue('orders'))
    await house.done(orders.schedule(every(MINUTE_MS)))
    await house.done(house.ledger.deleteQueue('orders'))
    await house.clock.advance(5 * MINUTE_MS)
    const next = await house.done(house.ledger.queue('orders'))
    expect(await house.done(next.schedules())).toEqual([])
    expect(await house.enqueued('orders')).toEqual([])
    expect(house.troubles).toEqual([])
  })
})

type Step = Readonly<{ kind: 'wait' | 'down' | 'die' | 'back' | 'drain' | 'full' | 'refuse'; ms: number }>

describe('B5: over any sequence of waits, crashes, lost notes, clocks set back and full disks', () => {
  it('each planned instant has exactly one message', async () => {
    const step: fc.Arbitrary<Step> = fc.record({
      kind: fc.constantFrom('wait', 'wait', 'down', 'die', 'back', 'drain', 'full', 'refuse'),
      ms: fc.integer({ min: 1, max: 20 * MINUTE_MS }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
        const house = await ScheduleHouse.open(NOON)
        const orders = await house.done(house.ledger.queue('orders', { dedupWindowMs: 1_000, partitions: 2 }))
        await house.done(orders.schedule(every(5 * MINUTE_MS, { missed: { kind: 'all', atMost: 1_000 } })))
        let newest = house.clock.wallMs()
        const passed = (): void => {
          newest = Math.max(newest, house.clock.wallMs())
        }
        for (const { kind, ms } of steps) {
          if (kind === 'drain') await house.drain('orders')
          if (kind === 'back') house.clock.jumpWall(-ms)
          if (kind === 'die') house.notes = 'lost'
          if (kind === 'refuse') house.notes = 'refused'
          if (kind === 'full') house.log.plan('full', 'lostReply')
          if (kind === 'wait' || kind === 'die' || kind === 'refuse') await house.clock.advance(ms)
          passed()
          if (kind === 'die') await house.drain('orders')
          if (kind === 'down' || kind === 'die') {
            house.crash()
            house.clock.block(ms)
            passed()
            await house.begin()
          }
        }
        house.log.heal()
        house.notes = 'kept'
        // An instant that the clock touched before it was set back comes when it is reached again.
        await house.clock.advance(newest - house.clock.wallMs() + 3 * MINUTE_MS)
        passed()
        const planned: string[] = []
        for (let at = Date.parse(NOON) + 5 * MINUTE_MS; at <= newest; at += 5 * MINUTE_MS)
          planned.push(`tick@${new Date(at).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`)
        expect((await house.enqueued('orders')).sort()).toEqual(planned)
      }),
      { numRuns: 60 },
    )
  }, 60_000)
})
