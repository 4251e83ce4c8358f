// B5: what may stand in a schedule, when two of them have the same instants, and the id of a planned instant.
import { describe, expect, it } from 'vitest'
import {
  isMissedPolicy,
  isScheduleName,
  MISSED_RULE,
  SCHEDULE_NAME_RULE,
  sameWhen,
  tickId,
  type When,
} from '../../../domain/schedule/index.js'

describe('B5: the name of a schedule', () => {
  it.each(['a', '_', '7', 'nightly-report', 'a.b_c-D9', 'a'.repeat(96)])('may be %s', (name) => {
    expect(isScheduleName(name)).toBe(true)
  })

  it.each(['', '-a', '.a', 'a b', 'a:b', 'ä', 'a\n', 'a'.repeat(97), 7, null, undefined])(
    'is not %j',
    (name) => {
      expect(isScheduleName(name)).toBe(false)
    },
  )

  it('is told in words', () => {
    expect(SCHEDULE_NAME_RULE).toBe(
      'letters, digits, ".", "_" and "-", 1 to 96 of them, starting with a letter, digit or "_"',
    )
  })
})

describe('B5: what becomes of missed instants', () => {
  it.each(['skip', 'one', { kind: 'all', atMost: 1 }, { kind: 'all', atMost: 1_000 }])(
    'may be %j',
    (policy) => {
      expect(isMissedPolicy(policy)).toBe(true)
    },
  )

  it.each([
    'all',
    '',
    null,
    undefined,
    5,
    {},
    { kind: 'all' },
    { kind: 'some', atMost: 1 },
    { kind: 'all', atMost: 0 },
    { kind: 'all', atMost: 1_001 },
    { kind: 'all', atMost: 1.5 },
    { kind: 'all', atMost: '5' },
  ])('is not %j', (policy) => {
    expect(isMissedPolicy(policy)).toBe(false)
  })

  it('is told in words', () => {
    expect(MISSED_RULE).toBe('"skip", "one" or {"kind":"all","atMost":n} with n from 1 to 1000')
  })
})

describe('B5: the instants of two schedules', () => {
  const cron: When = { kind: 'cron', expression: '0 3 * * *', timeZone: 'UTC' }
  const every: When = { kind: 'every', everyMs: 5_000, from: 7 }

  it('are the same when each part is', () => {
    expect(sameWhen(cron, { ...cron })).toBe(true)
    expect(sameWhen(every, { ...every })).toBe(true)
  })

  it.each<readonly [When, When]>([
    [cron, { ...cron, expression: '0 4 * * *' }],
    [cron, { ...cron, timeZone: 'Europe/Warsaw' }],
    [cron, every],
    [every, cron],
    [every, { ...every, everyMs: 6_000 }],
    [every, { ...every, from: 8 }],
  ])('are others when one part differs: %j, %j', (one, other) => {
    expect(sameWhen(one, other)).toBe(false)
  })
})

describe('§4.2 the id of a planned instant', () => {
  it('names schedule and instant, in the basic form of ISO 8601', () => {
    expect(tickId('report', Date.UTC(2026, 10, 22, 3, 4, 5))).toBe('report@20261122T030405Z')
    expect(tickId('a-b', 250)).toBe('a-b@19700101T000000.250Z')
  })
})
