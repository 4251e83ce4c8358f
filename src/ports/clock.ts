// Time, as the engine sees it. Two clocks on purpose (§4.11): the wall clock may jump and is only ever recorded as
// max(last recorded, wall); leases and time-outs run on ticks, which never jump.

export type Clock = Readonly<{
  /** Milliseconds since the epoch; may jump either way. */
  wallMs: () => number
  /** Monotonic milliseconds since an arbitrary start; never jumps. */
  tickMs: () => number
  /**
   * Calls back once after `delayMs`, at the earliest. Delays above `TIMER_MS_MAX` are the caller's to split: a 32-bit
   * timer would fire at once. Returns the way to cancel.
   */
  after: (delayMs: number, callback: () => void) => () => void
  /** Calls back in a later turn of the event loop, after everything that is already waiting in this one. */
  soon: (callback: () => void) => void
}>

export const TIMER_MS_MAX = 2_147_483_647
