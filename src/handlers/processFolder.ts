// Workers for a folder of handlers, one for each queue: all of them start, or none.
import { RefusedError } from '../api/errors.js'
import type { FolderOptions, FolderWorker, Ledger, Queue } from '../api/types/index.js'
import { type HandlerModule, loadHandlerFolder } from './handlerFolder.js'
import { watchedBy } from './watchedRuns.js'

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
  const over = {
    ...options,
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(onError === undefined ? {} : { onError: (error: Error) => onError(error, module.queue) }),
    autoStart: false,
  }
  try {
    if (module.batchHandler !== undefined) return queue.processBatch(watched.batch(module.batchHandler), over)
    return queue.process(watched.handlers(module.handlers), {
      ...over,
      ...(processors === undefined ? {} : { processors: processors.map(watched.processor) }),
    })
  } catch (error) {
    // A mistake in what the file exports; a ledger that is closed says so itself.
    if (!(error instanceof RangeError || error instanceof TypeError)) throw error
    throw new RefusedError('handlers_invalid', `${module.file}: ${error.message}`)
  }
}
