// The same handlers, each run told to whoever watches a folder's workers.
import { classify } from '../../domain/failure/index.js'
import type {
  BatchHandler,
  BatchMessage,
  FolderOptions,
  Handler,
  Handlers,
  Processor,
} from '../api/types/index.js'
import { tell } from '../runtime/tell.js'
import { inSandboxOf } from '../sandbox/sandboxedWorker.js'
import { failureReportedBy } from '../worker/attempt.js'
import { batchSettlements } from '../worker/batchOutcome.js'

const NO_LEASE = { ordinal: 0, fence: 0 }

export const watchedBy = (queue: string, onRun: FolderOptions['onRun']) => {
  const one = (handler: Handler<unknown>): Handler<unknown> => {
    if (onRun === undefined || typeof handler !== 'function') return handler
    const watched: Handler<unknown> = async (message, context) => {
      const ended = (failure: unknown): void =>
        tell(onRun, { queue, id: message.id, attempt: context.attempt, failure })
      try {
        const value: unknown = await handler(message, context)
        ended(failureReportedBy(value))
        return value
      } catch (error) {
        ended(error ?? new Error(`a thrown ${String(error)}`))
        throw error
      }
    }
    return inSandboxOf(handler, watched)
  }
  const batch = (handler: BatchHandler<unknown>): BatchHandler<unknown> => {
    if (onRun === undefined) return handler
    const ended = ({ id, attempt }: BatchMessage<unknown>, failure: unknown): void =>
      tell(onRun, { queue, id, attempt, failure })
    return async (messages, context) => {
      let value: unknown
      try {
        value = await handler(messages, context)
      } catch (error) {
        for (const message of messages) ended(message, error ?? new Error(`a thrown ${String(error)}`))
        throw error
      }
      const named = messages.map(({ id }) => ({ id, lease: NO_LEASE }))
      const settlements = await batchSettlements(named, value, classify)
      messages.forEach((message, index) => {
        const settlement = settlements[index]
        ended(message, settlement?.outcome === 'fail' ? new Error(settlement.message) : undefined)
      })
      return value
    }
  }
  return {
    batch,
    processor: (processor: Processor<unknown>): Processor<unknown> => ({
      ...processor,
      handle: one(processor.handle),
    }),
    handlers: (handlers: Handlers<unknown>): Handlers<unknown> =>
      typeof handlers === 'function'
        ? one(handlers)
        : Object.fromEntries(Object.entries(handlers).map(([type, handler]) => [type, one(handler)])),
  }
}
