// Listeners in this process for the end of one message. Best effort, and said so: what has to happen whatever comes is a
// follow-up or a callback by name (docs/callbacks.md).
import type { SettledWatch } from '../../engine/settledWatch.js'
import { tell } from '../../runtime/tell.js'
import { errorOf } from '../refusals.js'
import type { SettledListener, SettledMessage } from '../types/followUps.js'
import type { EnqueueOptions } from '../types/index.js'
import { historyOf, locate, messageView, type ReadDeps } from './queueReads.js'

export type SettledDeps = ReadDeps & Readonly<{ settled: SettledWatch }>

const OUTCOMES: ReadonlySet<string> = new Set<SettledMessage['outcome']>([
  'succeeded',
  'dead-lettered',
  'cancelled',
  'expired',
  'purged',
])
const isOutcome = (state: string): state is SettledMessage['outcome'] => OUTCOMES.has(state)

const settledMessage = async (deps: ReadDeps, id: string): Promise<SettledMessage | undefined> => {
  const view = await messageView(deps, id)
  if (view === undefined || !isOutcome(view.state)) return undefined
  const { queue, state: outcome, attempts, result } = view
  let error: SettledMessage['error']
  if (outcome !== 'succeeded') {
    for (const { event } of await historyOf(deps, id))
      if (event.type === 'AttemptFailed') error = { type: event.failureType, message: event.message }
  }
  return { id, queue, outcome, attempts, result, error }
}

export const whenSettled = async (
  deps: SettledDeps,
  id: string,
  listener: SettledListener,
): Promise<() => void> => {
  const located = await locate(deps, id)
  if (located === undefined) throw errorOf({ type: 'MessageNotFound' })
  const { stream } = deps.engine.partition(located.ref.partition)
  let isOver = false
  const stop = deps.settled.listen(stream, located.ordinal, () => void look())
  const end = (): void => {
    isOver = true
    stop()
  }
  const look = async (): Promise<void> => {
    // A ledger that closes meanwhile has no answer, and nobody hears of this one.
    const settled = await settledMessage(deps, id).catch(() => undefined)
    if (settled === undefined || isOver) return
    end()
    tell(listener, settled)
  }
  // It may have ended before anybody listened.
  await look()
  return end
}

export type Listeners = Readonly<{ onSuccess?: SettledListener; onFailure?: SettledListener }>

/** Takes the functions out of the options: they cannot stand in an event. Undefined = there are none. */
export const withoutListeners = (
  options: EnqueueOptions | undefined,
): Readonly<{ options: EnqueueOptions; listeners: Listeners }> | undefined => {
  // Taking options apart costs more than looking at two of them, and hardly any have functions.
  if (options === undefined || options === null) return undefined
  if (typeof options.onSuccess !== 'function' && typeof options.onFailure !== 'function') return undefined
  const { onSuccess, onFailure, ...others } = options
  return {
    options: {
      ...others,
      ...(onSuccess === undefined || typeof onSuccess === 'function' ? {} : { onSuccess }),
      ...(onFailure === undefined || typeof onFailure === 'function' ? {} : { onFailure }),
    },
    listeners: {
      ...(typeof onSuccess === 'function' ? { onSuccess } : {}),
      ...(typeof onFailure === 'function' ? { onFailure } : {}),
    },
  }
}

export const tellListeners = async (
  deps: SettledDeps,
  id: string,
  { onSuccess, onFailure }: Listeners,
): Promise<void> => {
  await whenSettled(deps, id, (settled) =>
    settled.outcome === 'succeeded' ? onSuccess?.(settled) : onFailure?.(settled),
  )
}
