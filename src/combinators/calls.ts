// What the combinators have in common: what a wrapped function looks like from outside, and waiting on the given clock.
import { type Clock, TIMER_MS_MAX } from '../ports/clock.js'

/** A synchronous answer stays one; anything that can be awaited comes back as a plain promise. */
export type Answer<R> = R extends PromiseLike<infer A> ? Promise<A> : R

export const isPromiseLike = (answer: unknown): answer is PromiseLike<unknown> =>
  (typeof answer === 'object' || typeof answer === 'function') &&
  answer !== null &&
  'then' in answer &&
  typeof answer.then === 'function'

/** Calls `onAbort` once, at once if the signal has been aborted already. Answers how to stop listening. */
export const whenAborted = (signal: AbortSignal | undefined, onAbort: () => void): (() => void) => {
  if (signal === undefined) return () => undefined
  if (signal.aborted) {
    onAbort()
    return () => undefined
  }
  signal.addEventListener('abort', onAbort, { once: true })
  return () => signal.removeEventListener('abort', onAbort)
}

/** Rejects with the signal's reason as soon as it is aborted; no timer is left behind. */
export const waitMs = (clock: Clock, delayMs: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    const untilTick = clock.tickMs() + delayMs
    let cancelTimer = (): void => undefined
    // Delays may be longer than one timer can hold (R22).
    const arm = (): void => {
      const leftMs = Math.max(0, Math.ceil(untilTick - clock.tickMs()))
      cancelTimer = clock.after(Math.min(TIMER_MS_MAX, leftMs), leftMs > TIMER_MS_MAX ? arm : done)
    }
    const done = (): void => {
      stopListening()
      resolve()
    }
    arm()
    const stopListening = whenAborted(signal, () => {
      cancelTimer()
      reject(signal?.reason)
    })
  })
