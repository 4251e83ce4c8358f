// The instants of a cron expression in a time zone; the only file that knows the library. What it decides beside the
// library: which spellings are taken, and what happens on the two days on which a zone's clocks are changed.
//
// - A time that a change leaves out (02:30 on the day on which 02:00 becomes 03:00) ticks at the first instant after the gap.
// - A time that comes twice ticks at its first coming only.
// - Both hold for expressions that name their times. One with `*` or a step in its seconds, minutes or hours means "every",
//   and goes on evenly: its times inside a gap are no times, and those that come twice are two.
import { Cron } from 'croner'
import { type Either, left, right } from 'fp-ts/lib/Either.js'
import { invariant } from '../../domain/invariant.js'
import { EXPRESSION_CHARS_MAX, type ScheduleRefusal } from '../../domain/schedule/index.js'
import type { EpochMs } from '../../domain/time.js'

const FIELDS = /^[0-9A-Za-z*,/#+-]+(?: +[0-9A-Za-z*,/#+-]+){4,5}$/
const NICKNAMES: ReadonlySet<string> = new Set([
  '@yearly',
  '@annually',
  '@monthly',
  '@weekly',
  '@daily',
  '@midnight',
  '@hourly',
])
/** Names only: an offset like +02:00 is taken by some versions of Node and refused by others. */
const ZONE_NAME = /^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/

const EXPRESSION_RULE =
  'five fields (minute, hour, day of month, month, day of week) or six with seconds first, of numbers, names, "*", ranges "1-5", lists "1,3", steps "*/10", "L", "W" and "#"; or @hourly, @daily, @weekly, @monthly, @yearly'
const ZONE_RULE = 'the name of a time zone, such as UTC or Europe/Berlin'

/** Parsing costs as much as finding the next instant. */
const PARSED_MAX = 10_000
const parsed = new Map<string, Cron>()

const parse = (expression: string, timeZone: string): Cron => {
  const key = `${timeZone} ${expression}`
  const known = parsed.get(key)
  if (known !== undefined) return known
  const cron = new Cron(expression, {
    timezone: timeZone,
    mode: '5-or-6-parts',
    fixedTimeRule: 'no-wildcard',
    paused: true,
  })
  if (parsed.size >= PARSED_MAX) parsed.clear()
  parsed.set(key, cron)
  return cron
}

/** The first instant after `at`; undefined = never again. Only for what `acceptCron` took. */
export const nextAfter = (expression: string, timeZone: string, at: EpochMs): EpochMs | undefined => {
  const next = parse(expression, timeZone).nextRun(new Date(at))?.getTime()
  invariant(next === undefined || next > at, `the instant after ${at} of "${expression}" is not after it`)
  return next
}

/** The expression as it is stored: fields one space apart. `at`: it must come true some day after this. */
export const acceptCron = (
  expression: unknown,
  timeZone: unknown,
  at: EpochMs,
): Either<ScheduleRefusal, Readonly<{ expression: string; timeZone: string }>> => {
  if (typeof timeZone !== 'string' || !ZONE_NAME.test(timeZone) || !isZone(timeZone))
    return left({ type: 'ScheduleInvalid', field: 'timeZone', accepted: ZONE_RULE })
  if (typeof expression !== 'string' || expression.length > EXPRESSION_CHARS_MAX)
    return refusedExpression(EXPRESSION_RULE)
  const spelt = expression.trim().replace(/ +/g, ' ')
  if (!FIELDS.test(spelt) && !NICKNAMES.has(spelt)) return refusedExpression(EXPRESSION_RULE)
  try {
    if (nextAfter(spelt, timeZone, at) !== undefined) return right({ expression: spelt, timeZone })
  } catch (error) {
    const problem = error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error)
    return refusedExpression(`${EXPRESSION_RULE} (${problem})`)
  }
  return refusedExpression('an expression that comes true some day: this one never does')
}

const refusedExpression = (accepted: string): Either<ScheduleRefusal, never> =>
  left({ type: 'ScheduleInvalid', field: 'cron', accepted })

const isZone = (name: string): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
