// A log that does not answer must not hold up what comes after it heals.
import type { Clock } from '../ports/clock.js'

/** Rejects when there is no answer in time; whatever comes later is not heard. */
export const answeredWithin = <A>(clock: Clock, timeoutMs: number, answer: Promise<A>): Promise<A> =>
  new Promise((resolve, reject) => {
    const cancel = clock.after(timeoutMs, () =>
      // After a pause of our own the answer may be waiting behind this timer: it counts.
      clock.soon(() => reject(new Error(`the log did not answer within ${timeoutMs} ms`))),
    )
    answer.then(resolve, reject).finally(cancel)
  })
