// Every version of the events of schedules as they are stored. Not the codec of the door: bounds that move later must not
// make a recorded schedule unreadable.
import * as t from 'io-ts'
import { firstVersion } from '../eventCodec.js'
import { ActorCodec } from '../message/codecs.js'
import { IntegerCodec, NaturalCodec, orUndefined, storedRecord, withJsonText } from '../storedFields.js'
import type { MissedPolicy, TickOptions, When } from './schedule.js'

const CronCodec = storedRecord('cron', {
  kind: t.literal('cron'),
  expression: t.string,
  timeZone: t.string,
})
const EveryCodec = storedRecord('every', {
  kind: t.literal('every'),
  everyMs: NaturalCodec,
  from: NaturalCodec,
})
const WhenCodec: t.Type<When, unknown> = t.union([CronCodec, EveryCodec])

const AllCodec = storedRecord('all', { kind: t.literal('all'), atMost: NaturalCodec })
const MissedCodec: t.Type<MissedPolicy, unknown> = t.union([t.literal('skip'), t.literal('one'), AllCodec])

const OptionsCodec: t.Type<TickOptions, unknown> = storedRecord(
  'TickOptions',
  {},
  {
    priority: IntegerCodec,
    type: t.string,
    topic: t.string,
    group: t.string,
    tenant: t.string,
    ttlMs: NaturalCodec,
    timeoutMs: NaturalCodec,
    headers: t.record(t.string, t.string),
  },
)

const ScheduleCodec = withJsonText(
  'payload',
  storedRecord('Schedule', {
    name: t.string,
    when: WhenCodec,
    payload: t.string,
    options: OptionsCodec,
    missed: MissedCodec,
    paused: t.boolean,
    startAt: NaturalCodec,
    endAt: NaturalCodec,
  }),
)

const by = { by: orUndefined(ActorCodec) }

export const scheduleCodecs = {
  ScheduleSet: firstVersion(
    'ScheduleSet',
    storedRecord('ScheduleSet', { schedule: ScheduleCodec, after: NaturalCodec, ...by }),
  ),
  ScheduleRemoved: firstVersion(
    'ScheduleRemoved',
    storedRecord('ScheduleRemoved', { name: t.string, ...by }),
  ),
  ScheduleTicked: firstVersion(
    'ScheduleTicked',
    storedRecord('ScheduleTicked', {
      name: t.string,
      tick: NaturalCodec,
      enqueued: NaturalCodec,
      missed: NaturalCodec,
    }),
  ),
}
