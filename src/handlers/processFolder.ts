// Workers for a folder of handlers, one for each queue: all of them start, or none.
import { RefusedError } from '../api/errors.js'
import type {
  FolderOptions,
  FolderRun,
  FolderWorker,
  Handler,
  Handlers,
  Ledger,
  Processor,
  Queue,
} from '../api/types.js'
import { failureReportedBy } from '../worker/attempt.js'
import { type HandlerModule, loadHandlerFolder } from './handlerFolder.js'

/** Queues that are not there are created. See {@link Ledger.processFolder}. */
export const processFolder = async (
  ledger: Pick<Ledger, 'queue'>,
  directory: string,
  options: FolderOptions = {},
): Promise<ReadonlyArray<FolderWorker>> => {
  const modules = await loadHandlerFolder(directory)
  const started: FolderWorker[] = []
  try {
    for (const module of modules) {
      const queue = await ledger.queue(module.queue)
      started.push({ queue: module.queue, file: module.file, worker: workerOf(queue, module, options) })
    }
  } catch (error) {
    await Promise.all(started.map(({ worker }) => worker.stop({ graceMs: 0 })))
    throw error
  }
  if (options.autoStart !== false) for (const { worker } of started) worker.start()
  return started
}

const workerOf = (
  queue: Queue<unknown>,
  module: HandlerModule,
  given: FolderOptions,
): FolderWorker['worker'] => {
  const { onRun, onError, concurrency } = given
  const { processors, ...options } = module.options
  const watched = watchedBy(module.queue, onRun)
  try {
    return queue.process(watched.handlers(module.handlers), {
      ...options,
      ...(processors === undefined ? {} : { processors: processors.map(watched.processor) }),
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(onError === undefined ? {} : { onError: (error: Error) => onError(error, module.queue) }),
      autoStart: false,
    })
  } catch (error) {
    // A mistake in what the file exports; a ledger that is closed says so itself.
    if (!(error instanceof RangeError || error instanceof TypeError)) throw error
    throw new RefusedError('handlers_invalid', `${module.file}: ${error.message}`)
  }
}

/** The same handlers, each run told to whoever watches. */
const watchedBy = (queue: string, onRun: FolderOptions['onRun']) => {
  const one = (handler: Handler<unknown>): Handler<unknown> => {
    if (onRun === undefined || typeof handler !== 'function') return handler
    return async (message, context) => {
      const tell = (failure: unknown): void => {
        const run: FolderRun = { queue, id: message.id, attempt: context.attempt, failure }
        onRun(run)
      }
      try {
        const value: unknown = await handler(message, context)
        tell(failureReportedBy(value))
        return value
      } catch (error) {
        tell(error ?? new Error(`a thrown ${String(error)}`))
        throw error
      }
    }
  }
  return {
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
