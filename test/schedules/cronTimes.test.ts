// The instants of cron expressions, against the days on which clocks are changed and against a reading of the wall clock
// that shares no code with the library.
import fc from 'fast-check'
import { isLeft } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { acceptCron, nextAfter } from '../../src/schedules/cronTimes.js'

const instants = (expression: string, zone: string, from: string, count: number): string[] => {
  const found: string[] = []
  for (let at = Date.parse(from); found.length < count; ) {
    const next = nextAfter(expression, zone, at)
    if (next === undefined) break
    found.push(new Date(next).toISOString().replace('.000Z', 'Z'))
    at = next
  }
  return found
}

describe('B5: the instants of a cron expression', () => {
  it.each([
    [
      'Europe/Berlin',
      '30 2 * * *',
      '2026-03-28T00:00:00Z',
      '2026-03-28T01:30:00Z',
      '2026-03-29T01:00:00Z',
      '2026-03-30T00:30:00Z',
    ],
    [
      'America/New_York',
      '30 2 * * *',
      '2026-03-07T00:00:00Z',
      '2026-03-07T07:30:00Z',
      '2026-03-08T07:00:00Z',
      '2026-03-09T06:30:00Z',
    ],
    [
      'Australia/Lord_Howe',
      '15 2 * * *',
      '2026-10-03T00:00:00Z',
      '2026-10-03T15:30:00Z',
      '2026-10-04T15:15:00Z',
      '2026-10-05T15:15:00Z',
    ],
    [
      'America/Santiago',
      '0 0 * * *',
      '2026-09-05T12:00:00Z',
      '2026-09-06T04:00:00Z',
      '2026-09-07T03:00:00Z',
      '2026-09-08T03:00:00Z',
    ],
  ])(
    'R22: in %s, "%s" comes once on the day on which it is left out: right after the gap',
    (zone, expression, from, ...expected) => {
      expect(instants(expression, zone, from, 3)).toEqual(expected)
    },
  )

  it.each([
    ['Europe/Berlin', '30 2 * * *', '2026-10-24T12:00:00Z', '2026-10-25T00:30:00Z', '2026-10-26T01:30:00Z'],
    [
      'America/New_York',
      '30 1 * * *',
      '2026-10-31T12:00:00Z',
      '2026-11-01T05:30:00Z',
      '2026-11-02T06:30:00Z',
    ],
    [
      'Australia/Lord_Howe',
      '45 1 * * *',
      '2026-04-04T00:00:00Z',
      '2026-04-04T14:45:00Z',
      '2026-04-05T15:15:00Z',
    ],
  ])(
    'R22: in %s, "%s" comes once on the day on which it comes twice: the first time',
    (zone, expression, from, ...expected) => {
      expect(instants(expression, zone, from, 2)).toEqual(expected)
      const [first = ''] = expected
      // Asked in the middle of the repeated hour, the second coming is not offered either.
      const between = new Date(Date.parse(first) + 15 * 60_000).toISOString()
      expect(instants(expression, zone, between, 1)).toEqual(expected.slice(1))
    },
  )

  it('R22: several times of one gap are one instant', () => {
    expect(instants('0,15,30,45 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2)).toEqual([
      '2026-03-29T01:00:00Z',
      '2026-03-30T00:00:00Z',
    ])
  })

  it('R22: "every twenty minutes" goes on evenly over both changes', () => {
    for (const from of ['2026-03-29T00:00:00Z', '2026-10-25T00:00:00Z']) {
      const found = instants('*/20 * * * *', 'Europe/Berlin', from, 9)
      expect(found.map((at) => Date.parse(at) - Date.parse(from))).toEqual(
        found.map((_, n) => (n + 1) * 20 * 60_000),
      )
    }
  })

  it('knows leap days, last days, weekdays by number in the month, seconds and nicknames', () => {
    const from = '2026-03-07T00:00:00Z'
    expect(instants('0 0 29 2 *', 'UTC', from, 2)).toEqual(['2028-02-29T00:00:00Z', '2032-02-29T00:00:00Z'])
    expect(instants('0 0 L * *', 'UTC', from, 2)).toEqual(['2026-03-31T00:00:00Z', '2026-04-30T00:00:00Z'])
    expect(instants('0 9 * * MON#2', 'UTC', from, 2)).toEqual([
      '2026-03-09T09:00:00Z',
      '2026-04-13T09:00:00Z',
    ])
    expect(instants('*/20 * * * * *', 'UTC', from, 2)).toEqual([
      '2026-03-07T00:00:20Z',
      '2026-03-07T00:00:40Z',
    ])
    expect(instants('@daily', 'Asia/Kolkata', from, 1)).toEqual(['2026-03-07T18:30:00Z'])
    // Both days are given: either is enough, as in every crontab.
    expect(instants('0 0 9 * MON', 'UTC', '2026-03-08T12:00:00Z', 2)).toEqual([
      '2026-03-09T00:00:00Z',
      '2026-03-16T00:00:00Z',
    ])
  })

  it.each([
    ['', 'five fields'],
    ['* * * *', 'five fields'],
    ['* * * * * * *', 'five fields'],
    ['60 * * * *', 'Invalid value for minute'],
    ['*/0 * * * *', 'illegal stepping'],
    ['5-1 * * * *', 'larger'],
    ['a b c d e', 'illegal characters'],
    ['? * * * *', 'five fields'],
    ['0 0 * * * ; rm', 'five fields'],
    ['@reboot', 'five fields'],
    ['2026-01-01T00:00:00', 'five fields'],
    ['0 0 30 2 *', 'never'],
    [`${'1,'.repeat(200)}1 * * * *`, 'five fields'],
    [7, 'five fields'],
  ])('is refused with what is accepted: %j', (expression, says) => {
    const refused = acceptCron(expression, 'UTC', 0)
    expect(refused).toMatchObject({
      left: { type: 'ScheduleInvalid', field: 'cron', accepted: expect.stringContaining(says) },
    })
  })

  it.each(['', 'Europe/Nowhere', '+02:00', 'GMT+2', 'Local', '../etc', undefined, 2])(
    'is refused in a zone that is none: %j',
    (zone) => {
      expect(acceptCron('0 0 * * *', zone, 0)).toMatchObject({ left: { field: 'timeZone' } })
    },
  )

  it('is stored with its fields one space apart', () => {
    expect(acceptCron('  0   3 * *  MON ', 'Europe/Berlin', 0)).toMatchObject({
      right: { expression: '0 3 * * MON' },
    })
  })
})

// An independent reading: the wall clock of a zone by Intl alone, minute by minute over the days of a change.
const wallClock = (zone: string): ((at: number) => { shows: number; label: string }) => {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  })
  return (at) => {
    const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]))
    return {
      shows: Number(parts.hour) * 60 + Number(parts.minute),
      label: `${parts.year}-${parts.month}-${parts.day}`,
    }
  }
}
const MINUTE_MS = 60_000
const CHANGES = [
  ['Europe/Berlin', '2026-03-28T20:00:00Z'],
  ['Europe/Berlin', '2026-10-24T20:00:00Z'],
  ['America/New_York', '2026-03-08T00:00:00Z'],
  ['America/New_York', '2026-11-01T00:00:00Z'],
  ['Australia/Lord_Howe', '2026-04-04T10:00:00Z'],
  ['Australia/Lord_Howe', '2026-10-03T10:00:00Z'],
  ['America/Santiago', '2026-09-05T23:00:00Z'],
  ['Asia/Kolkata', '2026-03-28T20:00:00Z'],
] as const

describe('R22: over a change of clocks, against a reading of the wall clock minute by minute', () => {
  it.each(CHANGES)('in %s after %s, every named time comes exactly once a day', (zone, from) => {
    const start = Date.parse(from)
    const read = wallClock(zone)
    const clocks = Array.from({ length: 30 * 60 }, (_, n) => ({
      at: start + n * MINUTE_MS,
      ...read(start + n * MINUTE_MS),
    }))
    // What the clock of a day has reached with each minute, and before it: a time is there when it is first reached.
    const reached = clocks.slice(1).map(({ at, label, shows }, n) => {
      const earlier = clocks.slice(0, n + 1).filter((clock) => clock.label === label)
      return { at, shows, before: Math.max(-1, ...earlier.map((clock) => clock.shows)) }
    })
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 59 }), fc.integer({ min: 0, max: 23 }), (minute, hour) => {
        const wanted = hour * 60 + minute
        const expected = reached.filter(({ before, shows }) => before < wanted && wanted <= shows)
        const found: number[] = []
        const end = start + 30 * 3_600_000
        for (let at = nextAfter(`${minute} ${hour} * * *`, zone, start); at !== undefined && at < end; ) {
          found.push(at)
          at = nextAfter(`${minute} ${hour} * * *`, zone, at)
        }
        expect(found).toEqual(expected.map(({ at }) => at))
      }),
      { numRuns: 100 },
    )
  })

  it.each(CHANGES)(
    'in %s after %s, the instant after any instant is the same from anywhere before it',
    (zone, from) => {
      const start = Date.parse(from)
      const offset = fc.integer({ min: 0, max: 30 * 3_600_000 })
      const expression = fc.constantFrom(
        '30 2 * * *',
        '*/7 * * * *',
        '0 1-3 * * *',
        '15,45 0-2 * * *',
        '10 */2 * * *',
        '5 * * * * *',
      )
      fc.assert(
        fc.property(expression, offset, offset, (text, a, b) => {
          const [early, late] = [start + Math.min(a, b), start + Math.max(a, b)]
          const afterEarly = nextAfter(text, zone, early)
          const afterLate = nextAfter(text, zone, late)
          if (afterEarly === undefined || afterLate === undefined) throw new Error('these never end')
          expect(afterLate).toBeGreaterThanOrEqual(afterEarly)
          if (afterEarly > late) expect(afterLate).toBe(afterEarly)
        }),
        { numRuns: 200 },
      )
    },
  )

  it('accepts nothing that it cannot follow', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123459*,-/ LW#@aM'), maxLength: 24 }), (text) => {
        const accepted = acceptCron(text, 'Europe/Berlin', 1_790_000_000_000)
        if (isLeft(accepted)) return
        const { expression, timeZone } = accepted.right
        let at = 1_790_000_000_000
        for (let n = 0; n < 5; n++) {
          const next = nextAfter(expression, timeZone, at)
          if (next === undefined) break
          expect(next).toBeGreaterThan(at)
          at = next
        }
      }),
    )
  })
})
