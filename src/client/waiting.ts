// A call that waits, over a restart of the server: as long as its wait lasts, a server that cannot be reached is asked again.
// Only for calls that may be repeated.
import { accepted } from '../api/acceptedOptions.js'
import { UnavailableError, UnknownOutcomeError } from '../api/errors.js'
import type { ClaimedMessage, ClaimOptions } from '../api/types/index.js'
import type { Clock } from '../ports/clock.js'

/** Between two tries, growing: a restart takes longer than a moment, and nobody is served by a flood. */
const PAUSE_MS_FIRST = 100
const PAUSE_MS_MAX = 2_000

/**
 * `ask` gets what is left of the wait. With no wait it is asked once. An answer that is none, `isEnough` says, came early: a
 * server that stops ends the waits of its callers.
 *
 * @throws UnavailableError or UnknownOutcomeError of the last try, when the wait is over
 */
export const askUntilOver = async <A>(
  clock: Pick<Clock, 'tickMs' | 'after'>,
  waitMs: number,
  ask: (leftMs: number) => Promise<A>,
  isEnough: (answer: A) => boolean = () => true,
): Promise<A> => {
  const until = clock.tickMs() + waitMs
  let leftMs = waitMs
  for (let pauseMs = PAUSE_MS_FIRST; ; pauseMs = Math.min(PAUSE_MS_MAX, 2 * pauseMs)) {
    const restMs = (): number => until - clock.tickMs()
    try {
      const answer = await ask(leftMs)
      if (isEnough(answer) || restMs() <= 0) return answer
    } catch (error) {
      if (!mayComeBack(error) || restMs() <= 0) throw error
    }
    await new Promise<void>((resolve) => void clock.after(Math.min(pauseMs, restMs()), resolve))
    leftMs = Math.max(0, Math.ceil(restMs()))
  }
}

const mayComeBack = (error: unknown): boolean =>
  error instanceof UnavailableError || error instanceof UnknownOutcomeError

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
    return askUntilOver(
      clock,
      waitMs,
      (leftMs) => claim({ ...named, waitMs: leftMs }),
      // Under an id of the caller it may be the repeated answer to a claim whose messages have ended.
      (messages) => messages.length > 0 || options.claimId !== undefined,
    )
  }
