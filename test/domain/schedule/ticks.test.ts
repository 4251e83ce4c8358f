// Which planned instants are enqueued: laws over arbitrary plans, with instants that a test makes up.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isCallerId } from '../../../domain/ids.js'
import {
  everyAfter,
  MISSED_COUNT_MAX,
  type MissedPolicy,
  type NextAfter,
  nextTick,
  ON_TIME_MS,
  type Schedule,
  tickId,
  ticksDue,
} from '../../../domain/schedule/index.js'
import { EVERY_MS_MAX, EVERY_MS_MIN } from '../../../domain/schedule/schedule.js'
import { scheduleOf } from '../../support/schedules.js'

const planned =
  (instants: ReadonlyArray<number>): NextAfter =>
  (at) =>
    instants.find((instant) => instant > at)

const missedPolicy: fc.Arbitrary<MissedPolicy> = fc.oneof(
  fc.constantFrom<MissedPolicy>('skip', 'one'),
  fc.integer({ min: 1, max: 5 }).map((atMost): MissedPolicy => ({ kind: 'all', atMost })),
)
const plan = fc
  .uniqueArray(fc.integer({ min: 1, max: 400_000 }), { maxLength: 30 })
  .map((instants) => instants.sort((a, b) => a - b))
const time = fc.integer({ min: 0, max: 500_000 })

const atMostOf = (missed: MissedPolicy): number => (typeof missed === 'string' ? 1 : missed.atMost)

describe('B5: the ticks that are due', () => {
  it('are planned instants, in order, after what is done and up to now, never more than the policy allows', () => {
    fc.assert(
      fc.property(plan, time, time, missedPolicy, (instants, after, now, missed) => {
        const ticks = ticksDue(scheduleOf({ missed }), after, now, planned(instants))
        const due = instants.filter((instant) => instant > after && instant <= now)
        expect(ticks === undefined).toBe(due.length === 0)
        if (ticks === undefined) return
        expect(due).toEqual(expect.arrayContaining([...ticks.enqueue]))
        expect([...ticks.enqueue]).toEqual([...new Set(ticks.enqueue)].sort((a, b) => a - b))
        expect(ticks.enqueue.length).toBeLessThanOrEqual(atMostOf(missed))
        expect(ticks.upTo).toBe(due.at(-1))
        expect(ticks.enqueue.length + ticks.missed).toBe(due.length)
      }),
    )
  })

  it('policy "one" is the newest alone, "all" the newest few, "skip" the newest if it is on time', () => {
    fc.assert(
      fc.property(plan, time, time, missedPolicy, (instants, after, now, missed) => {
        const due = instants.filter((instant) => instant > after && instant <= now)
        const enqueue = ticksDue(scheduleOf({ missed }), after, now, planned(instants))?.enqueue ?? []
        const newest = due.at(-1) ?? 0
        const expected = missed === 'skip' && now - newest > ON_TIME_MS ? [] : due.slice(-atMostOf(missed))
        expect(enqueue).toEqual(expected)
      }),
    )
  })

  it('tick no instant twice over any run of a clock that jumps either way, and lose none but those counted', () => {
    const jumps = fc.array(fc.integer({ min: -100_000, max: 150_000 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(plan, jumps, missedPolicy, (instants, steps, missed) => {
        const enqueued: number[] = []
        let [after, now, lost, newest] = [0, 0, 0, 0]
        for (const step of steps) {
          now = Math.max(0, now + step)
          newest = Math.max(newest, now)
          const ticks = ticksDue(scheduleOf({ missed }), after, now, planned(instants))
          if (ticks === undefined) continue
          expect(ticks.upTo).toBeGreaterThan(after)
          enqueued.push(...ticks.enqueue)
          lost += ticks.missed
          after = ticks.upTo
        }
        expect(new Set(enqueued).size).toBe(enqueued.length)
        expect(enqueued).toEqual([...enqueued].sort((a, b) => a - b))
        expect(enqueued.length + lost).toBe(instants.filter((instant) => instant <= newest).length)
      }),
    )
  })

  it('are the same however often the clock looks: a look decides nothing', () => {
    fc.assert(
      fc.property(plan, fc.array(time, { maxLength: 8 }), (instants, looks) => {
        const schedule = scheduleOf({ missed: { kind: 'all', atMost: 30 } })
        const run = (times: ReadonlyArray<number>): number[] => {
          let after = 0
          return [...times, 500_000].flatMap((now) => {
            const ticks = ticksDue(schedule, after, now, planned(instants))
            after = ticks?.upTo ?? after
            return [...(ticks?.enqueue ?? [])]
          })
        }
        expect(run(looks)).toEqual(run([]))
      }),
    )
  })

  it('stay inside the bounds of the schedule: from startAt, before endAt', () => {
    fc.assert(
      fc.property(plan, time, time, time, (instants, startAt, endAt, now) => {
        const schedule = scheduleOf({ startAt, endAt, missed: { kind: 'all', atMost: 30 } })
        const expected = instants.filter(
          (instant) => instant >= startAt && (endAt === 0 || instant < endAt) && instant <= now,
        )
        expect(ticksDue(schedule, 0, now, planned(instants))?.enqueue ?? []).toEqual(expected)
      }),
    )
  })

  it('after a month without anybody are found without looking at each of them', () => {
    const monthMs = 30 * 24 * 3_600_000
    let looks = 0
    const everySecond: NextAfter = (at) => {
      looks++
      return everyAfter({ kind: 'every', everyMs: 1_000, from: 0 })(at)
    }
    const schedule: Schedule = scheduleOf({ missed: { kind: 'all', atMost: 3 } })
    expect(ticksDue(schedule, 0, monthMs, everySecond)).toEqual({
      enqueue: [monthMs - 2_000, monthMs - 1_000, monthMs],
      upTo: monthMs,
      missed: MISSED_COUNT_MAX,
    })
    expect(looks).toBeLessThan(1_100)
  })
})

describe('B5: a fixed interval', () => {
  it('is a grid from its beginning, by elapsed time; the next is always later and one step away at most', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000, max: 90_000_000 }),
        time,
        fc.integer({ min: 0, max: 2_000_000_000_000 }),
        (everyMs, from, at) => {
          const next = everyAfter({ kind: 'every', everyMs, from })(at) ?? 0
          expect(next).toBeGreaterThan(at)
          expect((next - from) % everyMs).toBe(0)
          if (at >= from) expect(next - at).toBeLessThanOrEqual(everyMs)
          else expect(next).toBe(from)
        },
      ),
    )
  })

  it('has its first tick at its beginning, if that is after the schedule was set', () => {
    expect(nextTick(scheduleOf({}), 999, everyAfter({ kind: 'every', everyMs: 60_000, from: 1_000 }))).toBe(
      1_000,
    )
    expect(nextTick(scheduleOf({}), 1_000, everyAfter({ kind: 'every', everyMs: 60_000, from: 1_000 }))).toBe(
      61_000,
    )
  })
})

describe('B5: the edges of a schedule, to the millisecond', () => {
  const tick = 1_000_000
  const due = (over: Partial<Schedule>, now: number) => ticksDue(scheduleOf(over), 0, now, planned([tick]))

  it('an instant is due at its time, not before', () => {
    expect(due({ missed: 'one' }, tick - 1)).toBeUndefined()
    expect(due({ missed: 'one' }, tick)).toEqual({ enqueue: [tick], upTo: tick, missed: 0 })
  })

  it('an instant at the end is none of the schedule’s, one right before it is; one at the start is, too', () => {
    expect(due({ endAt: tick }, tick)).toBeUndefined()
    expect(due({ endAt: tick + 1 }, tick)).toMatchObject({ enqueue: [tick] })
    expect(due({ startAt: tick }, tick)).toMatchObject({ enqueue: [tick] })
    expect(due({ startAt: tick + 1 }, tick + 1)).toBeUndefined()
  })

  it('one that is skipped when it was missed is on time for a minute', () => {
    expect(due({ missed: 'skip' }, tick + ON_TIME_MS)).toEqual({ enqueue: [tick], upTo: tick, missed: 0 })
    expect(due({ missed: 'skip' }, tick + ON_TIME_MS + 1)).toEqual({ enqueue: [], upTo: tick, missed: 1 })
  })

  it('an interval is a second at least, and 366 days at most', () => {
    expect([EVERY_MS_MIN, EVERY_MS_MAX]).toEqual([1_000, 31_622_400_000])
  })
})

describe('B5: the id of a tick', () => {
  it('is one that a caller may choose, and another one for each name and instant', () => {
    const instant = fc.integer({ min: 1, max: 4_102_444_800_000 })
    const name = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,95}$/)
    fc.assert(
      fc.property(name, name, instant, instant, (name1, name2, at1, at2) => {
        expect(isCallerId(tickId(name1, at1))).toBe(true)
        expect(tickId(name1, at1) === tickId(name2, at2)).toBe(name1 === name2 && at1 === at2)
      }),
    )
    expect(tickId('report', Date.parse('2026-11-22T03:00:00Z'))).toBe('report@20261122T030000Z')
    expect(tickId('report', Date.parse('2026-11-22T03:00:00.250Z'))).toBe('report@20261122T030000.250Z')
  })
})
