// A call that waits, over a restart of the server: as long as its wait lasts, a server that cannot be reached is asked again.
// Only for calls that may be repeated.
import { accepted } from '../api/acceptedOptions.js'
import { UnavailableError } from '../api/errors.js'
import type { ClaimedMessage, ClaimOptions } from '../api/types/index.js'
import type { Clock } from '../ports/clock.js'

/** Between two tries, growing: a restart takes longer than a moment, and nobody is served by a flood. */
const PAUSE_MS_FIRST = 100
const PAUSE_MS_MAX = 2_000

/**
 * `ask` gets what is left of the wait. With no wait it is asked once.
 *
 * @throws UnavailableError of the last try, when the wait is over
 */
export const askUntilOver = async <A>(
  clock: Pick<Clock, 'tickMs' | 'after'>,
  waitMs: number,
  ask: (leftMs: number) => Promise<A>,
): Promise<A> => {
  const until = clock.tickMs() + waitMs
  let leftMs = waitMs
  for (let pauseMs = PAUSE_MS_FIRST; ; pauseMs = Math.min(PAUSE_MS_MAX, 2 * pauseMs)) {
    try {
      return await ask(leftMs)
    } catch (error) {
      const restMs = until - clock.tickMs()
      // Written so that a wait that is no number ends at once.
      if (!(error instanceof UnavailableError) || !(restMs > 0)) throw error
      await new Promise<void>((resolve) => void clock.after(Math.min(pauseMs, restMs), resolve))
      leftMs = Math.max(0, Math.ceil(until - clock.tickMs()))
    }
  }
}

type Claimed = ReadonlyArray<ClaimedMessage>

/** Under one id a claim may be sent again: the server answers the same messages. One that does not wait is sent once. */
export const waitingClaim =
  (
    { clock, uniqueId }: Readonly<{ clock: Pick<Clock, 'tickMs' | 'after'>; uniqueId: () => string }>,
    claim: (options: ClaimOptions) => Promise<Claimed>,
  ) =>
  async (options: ClaimOptions): Promise<Claimed> => {
    const { waitMs = 0 } = accepted('options', options)
    // What is no number is the server's to refuse.
    if (!(typeof waitMs === 'number' && waitMs > 0)) return claim(options)
    const named = { ...options, claimId: options.claimId ?? uniqueId() }
    return askUntilOver(clock, waitMs, (leftMs) => claim({ ...named, waitMs: leftMs }))
  }
