// What setting, removing and recording decide, and their fold; stored forms come back as they were.
import fc from 'fast-check'
import { isLeft, left, right } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { scheduleCodecs } from '../../../domain/schedule/codecs.js'
import {
  evolveSchedules,
  NO_SCHEDULES,
  recordTicks,
  removeSchedule,
  SCHEDULES_MAX,
  type ScheduleEvent,
  type Schedules,
  setSchedule,
} from '../../../domain/schedule/index.js'
import { schedule, scheduleOf } from '../../support/schedules.js'

const by = { who: 'ada' }
const folded = (...events: ReadonlyArray<ScheduleEvent>): Schedules =>
  events.reduce(evolveSchedules, NO_SCHEDULES)
const set = (schedules: Schedules, over: Parameters<typeof scheduleOf>[0], at: number): Schedules => {
  const events = setSchedule(schedules, scheduleOf(over), at, by)
  if (isLeft(events)) throw new Error(JSON.stringify(events.left))
  return events.right.reduce(evolveSchedules, schedules)
}
const afterOf = (schedules: Schedules): number | undefined => schedules.get('report')?.after

describe('B5: a schedule', () => {
  it('begins when it is set; setting it again as it is changes nothing', () => {
    const one = set(NO_SCHEDULES, { options: { type: 'a', topic: 'b' } }, 1_000)
    expect(afterOf(one)).toBe(1_000)
    expect(setSchedule(one, scheduleOf({ options: { topic: 'b', type: 'a' } }), 9_000, by)).toEqual(right([]))
  })

  it('goes on where it was when only its message changes, and begins anew with other instants', () => {
    const one = set(NO_SCHEDULES, {}, 1_000)
    expect(afterOf(set(one, { payload: '2' }, 9_000))).toBe(1_000)
    expect(afterOf(set(one, { when: { kind: 'every', everyMs: 5_000, from: 0 } }, 9_000))).toBe(9_000)
    expect(
      afterOf(set(one, { when: { kind: 'cron', expression: '* * * * *', timeZone: 'UTC' } }, 9_000)),
    ).toBe(9_000)
  })

  it('that was paused is not concerned with what passed meanwhile', () => {
    const paused = set(set(NO_SCHEDULES, {}, 1_000), { paused: true }, 2_000)
    expect(afterOf(paused)).toBe(1_000)
    expect(afterOf(set(paused, { paused: false }, 9_000))).toBe(9_000)
  })

  it('never goes back behind an instant that is done with, whatever the clock says', () => {
    const ticked = folded(
      { type: 'ScheduleSet', schedule: scheduleOf({}), after: 1_000, by },
      { type: 'ScheduleTicked', name: 'report', tick: 60_000, enqueued: 1, missed: 0 },
    )
    expect(afterOf(set(ticked, { when: { kind: 'every', everyMs: 7_000, from: 0 } }, 500))).toBe(60_000)
  })

  it('counts what was enqueued and what was missed, also over changes of itself', () => {
    const one = recordTicks(set(NO_SCHEDULES, {}, 1_000), 'report', {
      enqueue: [60_000],
      upTo: 60_000,
      missed: 2,
    })
    const ticked = one.reduce(evolveSchedules, set(NO_SCHEDULES, {}, 1_000))
    expect(set(ticked, { payload: '2' }, 70_000).get('report')).toMatchObject({
      lastTick: 60_000,
      enqueued: 1,
      missed: 2,
    })
  })

  it('records no tick twice, and none of a schedule that is gone', () => {
    const ticks = { enqueue: [60_000], upTo: 60_000, missed: 0 }
    const one = set(NO_SCHEDULES, {}, 1_000)
    const ticked = recordTicks(one, 'report', ticks).reduce(evolveSchedules, one)
    expect(recordTicks(ticked, 'report', ticks)).toEqual([])
    expect(recordTicks(NO_SCHEDULES, 'report', ticks)).toEqual([])
  })

  it('is removed once', () => {
    const one = set(NO_SCHEDULES, {}, 1_000)
    const events = removeSchedule(one, 'report', by)
    expect(events).toEqual(right([{ type: 'ScheduleRemoved', name: 'report', by }]))
    expect(removeSchedule(NO_SCHEDULES, 'report', by)).toEqual(
      left({ type: 'ScheduleNotFound', name: 'report' }),
    )
    expect(() => evolveSchedules(NO_SCHEDULES, { type: 'ScheduleRemoved', name: 'report', by })).toThrow(/I8/)
  })

  it('is one of a bounded number', () => {
    let schedules: Schedules = NO_SCHEDULES
    const full = new Map(schedules)
    for (let n = 0; n < SCHEDULES_MAX; n++) {
      const name = `s${n}`
      full.set(name, { schedule: scheduleOf({ name }), after: 0, lastTick: 0, enqueued: 0, missed: 0 })
    }
    schedules = full
    expect(setSchedule(schedules, scheduleOf({}), 0, by)).toMatchObject(left({ type: 'TooManySchedules' }))
    expect(setSchedule(schedules, scheduleOf({ name: 's7', payload: '8' }), 0, by)).toMatchObject({
      _tag: 'Right',
    })
  })

  it('I8: every event that is decided is accepted by the fold, over any sequence of commands', () => {
    const name = fc.constantFrom('a', 'b')
    const command = fc.oneof(
      fc.record({ kind: fc.constant('set' as const), name, schedule, at: fc.nat(100_000) }),
      fc.record({ kind: fc.constant('remove' as const), name }),
      fc.record({ kind: fc.constant('tick' as const), name, upTo: fc.nat(100_000), missed: fc.nat(9) }),
    )
    fc.assert(
      fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
        let schedules: Schedules = NO_SCHEDULES
        const before = new Map<string, number>()
        for (const one of commands) {
          const decided =
            one.kind === 'set'
              ? setSchedule(schedules, { ...one.schedule, name: one.name }, one.at, undefined)
              : one.kind === 'remove'
                ? removeSchedule(schedules, one.name, undefined)
                : right(
                    recordTicks(schedules, one.name, {
                      enqueue: [one.upTo],
                      upTo: one.upTo,
                      missed: one.missed,
                    }),
                  )
          if (isLeft(decided)) continue
          schedules = decided.right.reduce(evolveSchedules, schedules)
          if (one.kind === 'remove') before.delete(one.name)
          for (const [known, { after }] of schedules) {
            expect(after).toBeGreaterThanOrEqual(before.get(known) ?? 0)
            before.set(known, after)
          }
        }
      }),
    )
  })

  it('is read back as it was stored, its payload as JSON', () => {
    fc.assert(
      fc.property(schedule, fc.nat(), (one, after) => {
        const { ScheduleSet } = scheduleCodecs
        const stored: unknown = JSON.parse(JSON.stringify(ScheduleSet.encode({ schedule: one, after, by })))
        expect(ScheduleSet.decode(1, stored)).toStrictEqual(
          right({ type: 'ScheduleSet', schedule: one, after, by }),
        )
      }),
    )
    expect(
      scheduleCodecs.ScheduleSet.encode({ schedule: scheduleOf({}), after: 1, by: undefined }),
    ).toMatchObject({
      schedule: { payload: { kind: 'daily' } },
    })
  })
})
