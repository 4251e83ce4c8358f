// The schedules of a queue behind HTTP.
import { accepted } from '../api/acceptedOptions.js'
import type { Actor, ScheduleOperations, ScheduleView } from '../api/types/index.js'
import type { Transport } from './transport.js'

const instantText = (value: unknown): unknown => (value instanceof Date ? value.toISOString() : value)

const actorBody = (by: Actor | undefined): Readonly<Record<string, unknown>> =>
  by === undefined ? {} : { by: { who: by.who, why: by.why } }

/** `path` of the queue; `payloadText` as it is sent, refused as the ledger would refuse it. */
export const scheduleCalls = <A>(
  call: Transport['call'],
  path: string,
  payloadText: (payload: A) => string,
): ScheduleOperations<A> => {
  const schedulePath = (name: string): string => `${path}/schedules/${encodeURIComponent(name)}`
  return {
    schedule: async (given, by?: Actor) => {
      const { name, payload, ...request } = accepted('schedule', given)
      const fields = Object.entries(request).map(([field, value]) => [field, instantText(value)])
      const rest = JSON.stringify({
        ...Object.fromEntries(fields),
        ...actorBody(by),
      })
      const bodyText = `{"payload":${payloadText(payload)}${rest === '{}' ? '' : `,${rest.slice(1, -1)}`}}`
      // Set twice it is the same schedule.
      return (await call('PUT', schedulePath(name), { bodyText })) as ScheduleView
    },
    pauseSchedule: async (name, by) =>
      (await call('POST', `${schedulePath(name)}:pause`, { body: actorBody(by) })) as ScheduleView,
    resumeSchedule: async (name, by) =>
      (await call('POST', `${schedulePath(name)}:resume`, { body: actorBody(by) })) as ScheduleView,
    unschedule: async (name, by) => {
      await call('DELETE', schedulePath(name), { query: { who: by?.who, why: by?.why } })
    },
    schedules: async () => {
      const answer = await call('GET', `${path}/schedules`)
      return (answer as { schedules: ReadonlyArray<ScheduleView> }).schedules
    },
    preview: async (name, count) => {
      const answer = await call('GET', `${schedulePath(name)}/preview`, { query: { count } })
      return (answer as { ticks: ReadonlyArray<string> }).ticks
    },
  }
}
