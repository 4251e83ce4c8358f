// Claims that wait. A client that hangs up must not take messages with it: what arrives for it is handed back uncounted,
// unless it named a claim id, for then it may come again and is answered the same messages. A shutdown ends the wait.
import type { ClaimedMessage, ClaimOptions, Queue } from '../api/types.js'
import { LONG_POLL_SLICE_MS } from './limits.js'

export type ClaimWaits = Readonly<{
  /** Fires when the server stops. */
  stopping: AbortSignal
  tickMs: () => number
  /** A hand-back that failed; the lease then runs out by itself. */
  onError: (error: unknown) => void
}>

type Claiming = Readonly<{ queue: Queue<unknown>; options: ClaimOptions; gone: AbortSignal }>

export const claimWaiting = async (
  { queue, options, gone }: Claiming,
  waits: ClaimWaits,
): Promise<ReadonlyArray<ClaimedMessage>> => {
  const until = waits.tickMs() + (options.waitMs ?? 0)
  for (;;) {
    const leftMs = Math.max(0, Math.ceil(until - waits.tickMs()))
    const messages = await queue.claim({ ...options, waitMs: Math.min(leftMs, LONG_POLL_SLICE_MS) })
    if (gone.aborted) {
      if (messages.length > 0 && options.claimId === undefined) await handBack(queue, messages, waits)
      return []
    }
    if (messages.length > 0 || leftMs <= LONG_POLL_SLICE_MS || waits.stopping.aborted) return messages
  }
}

const handBack = async (
  queue: Queue<unknown>,
  messages: ReadonlyArray<ClaimedMessage>,
  waits: ClaimWaits,
): Promise<void> => {
  try {
    await queue.settle(messages.map(({ leaseToken }) => ({ leaseToken, outcome: 'release' })))
  } catch (error) {
    waits.onError(error)
  }
}
