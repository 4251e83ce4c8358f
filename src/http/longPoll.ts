// Claims that wait. A client that hangs up must not take messages with it: what arrives for it is handed back uncounted,
// unless it has come again with the same claim id, for then the ledger answers it the same messages. A shutdown ends the
// wait.
import type { ClaimedMessage, ClaimOptions, Queue } from '../api/types/index.js'
import { LONG_POLL_SLICE_MS } from './limits.js'

export type ClaimWaits = Readonly<{
  /** Fires when the server stops. */
  stopping: AbortSignal
  tickMs: () => number
  /** A hand-back that failed; the lease then runs out by itself. */
  onError: (error: unknown) => void
  /** By queue and claim id. */
  inProgress: Map<string, ClaimInProgress>
}>

type ClaimInProgress = { superseded: boolean; over: Promise<unknown> }

type Claiming = Readonly<{ queue: Queue<unknown>; options: ClaimOptions; gone: AbortSignal }>
type Messages = ReadonlyArray<ClaimedMessage>

/**
 * One claim per claim id at a time. A repeated one ends the wait of the first and comes after it, so that it is certain
 * whose the messages are: handed back before the second asks, or left for it.
 */
export const claimWaiting = async (claiming: Claiming, waits: ClaimWaits): Promise<Messages> => {
  const { queue, options } = claiming
  const entry: ClaimInProgress = { superseded: false, over: Promise.resolve() }
  if (options.claimId === undefined) return waitFor(claiming, waits, entry)
  const key = `${queue.name}/${options.claimId}`
  const former = waits.inProgress.get(key)
  const answer = (async () => {
    if (former !== undefined) {
      former.superseded = true
      await former.over
    }
    return waitFor(claiming, waits, entry)
  })()
  entry.over = answer.then(
    () => undefined,
    () => undefined,
  )
  waits.inProgress.set(key, entry)
  try {
    return await answer
  } finally {
    if (waits.inProgress.get(key) === entry) waits.inProgress.delete(key)
  }
}

const waitFor = async (
  { queue, options, gone }: Claiming,
  waits: ClaimWaits,
  entry: ClaimInProgress,
): Promise<Messages> => {
  const until = waits.tickMs() + (options.waitMs ?? 0)
  for (;;) {
    // A claim that waited for its turn may have lost its client meanwhile.
    if (gone.aborted || entry.superseded) return []
    const leftMs = Math.max(0, Math.ceil(until - waits.tickMs()))
    const messages = await queue.claim({ ...options, waitMs: Math.min(leftMs, LONG_POLL_SLICE_MS) })
    if (messages.length > 0) {
      if (!gone.aborted || entry.superseded) return messages
      await handBack(queue, messages, waits)
      return []
    }
    if (leftMs <= LONG_POLL_SLICE_MS || waits.stopping.aborted) return []
  }
}

const handBack = async (queue: Queue<unknown>, messages: Messages, waits: ClaimWaits): Promise<void> => {
  try {
    await queue.settle(messages.map(({ leaseToken }) => ({ leaseToken, outcome: 'release' })))
  } catch (error) {
    waits.onError(error)
  }
}
