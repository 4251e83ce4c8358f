// B5, I8: what the events of schedules leave behind, and which of them call the log corrupt.
import { describe, expect, it } from 'vitest'
import {
  evolveSchedules,
  NO_SCHEDULES,
  type ScheduleEvent,
  type Schedules,
} from '../../../domain/schedule/index.js'
import { scheduleOf } from '../../support/schedules.js'

const set = (name: string): ScheduleEvent => ({
  type: 'ScheduleSet',
  schedule: scheduleOf({ name }),
  after: 10,
  by: undefined,
})
const ticked = (name: string, tick: number): ScheduleEvent => ({
  type: 'ScheduleTicked',
  name,
  tick,
  enqueued: 1,
  missed: 2,
})
const removed = (name: string): ScheduleEvent => ({ type: 'ScheduleRemoved', name, by: undefined })
const folded = (...events: ReadonlyArray<ScheduleEvent>): Schedules =>
  events.reduce(evolveSchedules, NO_SCHEDULES)

describe('B5: the fold of schedules', () => {
  it('knows those that were set and not removed', () => {
    expect([...folded(set('a'), set('b'), removed('a')).keys()]).toEqual(['b'])
    expect(folded(set('a'), removed('a')).size).toBe(0)
  })

  it('adds up what was enqueued and missed, and goes on behind the last instant', () => {
    expect(folded(set('a'), ticked('a', 20), ticked('a', 30)).get('a')).toMatchObject({
      after: 30,
      lastTick: 30,
      enqueued: 2,
      missed: 4,
    })
  })

  it('leaves the schedules before an event as they were', () => {
    const before = folded(set('a'))
    evolveSchedules(before, removed('a'))
    evolveSchedules(before, ticked('a', 20))
    expect(before.get('a')).toMatchObject({ after: 10, enqueued: 0 })
  })

  it.each<readonly [string, ReadonlyArray<ScheduleEvent>]>([
    ['a tick of a schedule that is not there', [ticked('a', 20)]],
    ['a tick of one that was removed', [set('a'), removed('a'), ticked('a', 20)]],
    ['a tick that is done with', [set('a'), ticked('a', 20), ticked('a', 20)]],
    ['a tick at the instant it was set after', [set('a'), ticked('a', 10)]],
    ['a second removal', [set('a'), removed('a'), removed('a')]],
  ])('I8: calls %s a corrupt log', (_, events) => {
    expect(() => folded(...events)).toThrow(/^I8 /)
  })
})
