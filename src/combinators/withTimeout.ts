// A time limit for any function (C8).
import { foundText } from '../../domain/foundText.js'
import { type Clock, TIMER_MS_MAX } from '../ports/clock.js'
import { systemClock } from '../runtime/systemClock.js'
import { type Answer, isPromiseLike, whenAborted } from './calls.js'
import { TimeoutError } from './errors.js'

export type TimeoutOptions = Readonly<{
  /** Default: 60 s. */
  timeoutMs?: number
  /** Aborting it ends the wait, too, and is passed on to the function. */
  signal?: AbortSignal
  clock?: Clock
}>

const DEFAULT_TIMEOUT_MS = 60_000

/**
 * The function with a time limit. It is given a signal before its own arguments, aborted when the time is over: then
 * the call rejects with a {@link TimeoutError}, and what the function still answers is dropped.
 *
 * A synchronous function stays synchronous. Nothing can interrupt it, so its call throws the same error when the
 * answer comes too late.
 *
 * @throws RangeError on a time limit that no timer can hold, where it is written
 */
export const withTimeout = <A extends ReadonlyArray<unknown>, R>(
  fn: (signal: AbortSignal, ...args: A) => R,
  options: TimeoutOptions = {},
): ((...args: A) => Answer<R>) => {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, clock = systemClock, signal } = options
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > TIMER_MS_MAX) {
    throw new RangeError(
      `timeoutMs: found ${foundText(timeoutMs)}, accepted is a whole number from 1 to ${TIMER_MS_MAX}.`,
    )
  }
  return (...args) => {
    const untilTick = clock.tickMs() + timeoutMs
    const stop = new AbortController()
    const stopListening = whenAborted(signal, () => stop.abort(signal?.reason))
    try {
      const answer = fn(stop.signal, ...args)
      if (isPromiseLike(answer)) {
        const tooLate = (): void => stop.abort(new TimeoutError(timeoutMs))
        const cancelTimer = clock.after(Math.max(0, untilTick - clock.tickMs()), tooLate)
        return beforeAbort(answer, stop.signal).finally(() => {
          cancelTimer()
          stopListening()
        }) as Answer<R>
      }
      if (clock.tickMs() > untilTick) throw new TimeoutError(timeoutMs)
      stopListening()
      return answer as Answer<R>
    } catch (error) {
      stopListening()
      throw error
    }
  }
}

/** The answer, unless the signal is aborted first: then its reason. */
const beforeAbort = (answer: PromiseLike<unknown>, signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const stopListening = whenAborted(signal, () => reject(signal.reason))
    answer.then(
      (value) => {
        stopListening()
        resolve(value)
      },
      (error: unknown) => {
        stopListening()
        reject(error)
      },
    )
  })
