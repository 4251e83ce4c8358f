// How fast attempts may start (B8): the generic cell rate algorithm with a burst of `count`, in its form as a leaky bucket
// (ITU-T I.371, annex A: the continuous-state leaky bucket). The bucket is counted in shares of 1/perMs of a start, so
// that everything is a whole number and a million starts add up without an error:
//
//   level(at) = max(0, level - (at - then) · count)      it leaks `count` shares a millisecond, i.e. count starts per perMs
//   a start is allowed while level(at) + perMs <= count · perMs, and adds perMs
//
// Bound: between the first and the last of any starts that lie `w` ms apart there are at most count + w · count / perMs.
// So `count` may start at once, and up to 2 · count within one perMs that begins with a burst: a sliding window that
// forbids it would have to remember every start.
// Time is the recorded time of the attempt's event, so the level is a fold of the log (I6).
import type { EpochMs } from '../../domain/time.js'

export type Rate = Readonly<{ count: number; perMs: number }>
export type RateLevel = Readonly<{ level: number; at: EpochMs }>

export const EMPTY: RateLevel = { level: 0, at: 0 }

const leaked = ({ level, at: then }: RateLevel, { count }: Rate, at: EpochMs): number =>
  Math.max(0, level - Math.max(0, at - then) * count)

export const isEmpty = (level: RateLevel, rate: Rate, at: EpochMs): boolean => leaked(level, rate, at) === 0

/** From now on the one is never above the other: they leak alike. */
export const isAtMost = (one: RateLevel, other: RateLevel, rate: Rate, at: EpochMs): boolean =>
  leaked(one, rate, at) <= leaked(other, rate, at)

export const started = (level: RateLevel, rate: Rate, at: EpochMs): RateLevel => ({
  level: leaked(level, rate, at) + rate.perMs,
  at,
})

/** When one more may start: `at` itself when it may now. */
export const opensAt = (level: RateLevel, rate: Rate, at: EpochMs): EpochMs => {
  const over = leaked(level, rate, at) + rate.perMs - rate.count * rate.perMs
  return over <= 0 ? at : at + Math.ceil(over / rate.count)
}

/** The same number of starts in the shares of another rate; what is more than its whole burst is forgiven. */
export const converted = (level: RateLevel, from: Rate, to: Rate, at: EpochMs): RateLevel => ({
  level: Math.min(Math.ceil((leaked(level, from, at) / from.perMs) * to.perMs), to.count * to.perMs),
  at,
})
