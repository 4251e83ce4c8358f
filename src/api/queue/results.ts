// Waiting for the end of a message (A10): told by the listeners of this process, so that nobody polls the log.
import type { Clock } from '../../ports/clock.js'
import { NotFoundError } from '../errors.js'
import { errorOf } from '../refusals.js'
import type { MessageResult, ResultOptions } from '../types/edits.js'
import type { MessageView, SettledOperations } from '../types/index.js'

export const RESULT_WAIT_MS_DEFAULT = 20_000
export const RESULT_WAIT_MS_MAX = 3_600_000

type Source = SettledOperations & Readonly<{ message: (id: string) => Promise<MessageView | undefined> }>

export const checkedWaitMs = (waitMs: number = RESULT_WAIT_MS_DEFAULT): number => {
  if (Number.isInteger(waitMs) && waitMs >= 0 && waitMs <= RESULT_WAIT_MS_MAX) return waitMs
  const problem = `accepted is a whole number of milliseconds from 0 to ${RESULT_WAIT_MS_MAX}`
  throw errorOf({ type: 'Invalid', field: 'waitMs', problem })
}

export const resultOf = async (
  source: Source,
  clock: Clock,
  id: string,
  options: ResultOptions = {},
  gone?: AbortSignal,
): Promise<MessageResult> => {
  const waitMs = checkedWaitMs(options.waitMs)
  let end: (result: MessageResult) => void = () => undefined
  let overdue: () => void = () => undefined
  const ended = new Promise<MessageResult>((resolve) => {
    end = resolve
  })
  const timeIsUp = new Promise<void>((resolve) => {
    overdue = resolve
  })
  const stopListening = await source.whenSettled(id, ({ outcome, attempts, result, error }) =>
    end({ id, ended: true, state: outcome, attempts, result, error }),
  )
  const cancelTimer = clock.after(waitMs, overdue)
  gone?.addEventListener('abort', overdue)
  if (gone?.aborted === true) overdue()
  try {
    const first = await Promise.race([ended, timeIsUp])
    if (first !== undefined) return first
    const message = await source.message(id)
    if (message === undefined) {
      throw new NotFoundError('message_not_found', 'there is no such message, or it was forgotten', { id })
    }
    return { id, ended: false, state: message.state }
  } finally {
    cancelTimer()
    stopListening()
    gone?.removeEventListener('abort', overdue)
  }
}
