// Schedules for tests, complete but for what a test is about.
import fc from 'fast-check'
import type { Schedule } from '../../domain/schedule/index.js'

export const scheduleOf = (over: Partial<Schedule>): Schedule => ({
  name: 'report',
  when: { kind: 'every', everyMs: 60_000, from: 0 },
  payload: '{"kind":"daily"}',
  options: {},
  missed: 'one',
  paused: false,
  startAt: 0,
  endAt: 0,
  ...over,
})

/** Read back from JSON, every record has the ordinary prototype. */
const plain = <A>(fields: { [Name in keyof A]: fc.Arbitrary<A[Name]> }): fc.Arbitrary<A> =>
  fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<A>

const natural = fc.integer({ min: 0, max: 4_000_000_000_000 })

/** What a log may hold, wider than what the door takes today. */
export const schedule: fc.Arbitrary<Schedule> = plain({
  name: fc.string({ minLength: 1, maxLength: 20 }),
  when: fc.oneof(
    plain({ kind: fc.constant('cron' as const), expression: fc.string(), timeZone: fc.string() }),
    plain({ kind: fc.constant('every' as const), everyMs: natural, from: natural }),
  ),
  payload: fc.jsonValue().map((value) => JSON.stringify(value)),
  options: fc.record(
    {
      priority: fc.integer({ min: -1_000, max: 1_000 }),
      type: fc.string(),
      topic: fc.string(),
      group: fc.string(),
      tenant: fc.string(),
      ttlMs: natural,
      timeoutMs: natural,
      headers: fc.dictionary(
        fc.string().filter((name) => name !== '__proto__'),
        fc.string(),
        { maxKeys: 3, noNullPrototype: true },
      ),
    },
    { requiredKeys: [], noNullPrototype: true },
  ),
  missed: fc.oneof(
    fc.constantFrom('skip' as const, 'one' as const),
    plain({ kind: fc.constant('all' as const), atMost: natural }),
  ),
  paused: fc.boolean(),
  startAt: natural,
  endAt: natural,
})
