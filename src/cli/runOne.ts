// ledgerq worker --id ID: runs exactly one message with the handlers of a folder, for a look at what becomes of it.
import { parseGeneratedId } from '../../domain/ids.js'
import { NotFoundError } from '../api/errors.js'
import type { ProcessedOne } from '../api/types/index.js'
import { loadHandlerFolder } from '../handlers/handlerFolder.js'
import type { Context } from './context.js'
import { CommandFailed, EXIT } from './exitCode.js'
import { shortJson } from './table.js'

const outcomeText = (queue: string, one: ProcessedOne): string => {
  switch (one.outcome) {
    case 'succeeded':
      return `${queue}  ${one.id}  succeeded  ${shortJson(one.result)}`
    case 'failed':
      return `${queue}  ${one.id}  failed: ${one.failure.type}: ${one.failure.message}`
    case 'released':
      return `${queue}  ${one.id}  handed back`
  }
}

/** A generated id names its queue; one that a caller chose is looked for in each queue that the folder handles. */
export const runOne = async (context: Context, directory: string, id: string): Promise<void> => {
  const { ledger, terminal } = context
  const named = parseGeneratedId(id)?.queue
  for (const { queue, file, handlers, batchHandler, options } of await loadHandlerFolder(directory)) {
    if (named !== undefined && named !== queue) continue
    if (batchHandler !== undefined) {
      if (named === undefined) continue
      throw new CommandFailed(EXIT.usage, `${id}: ${file} handles batches, not single messages`)
    }
    const { concurrency: _concurrency, ...rest } = options
    const onError = (error: Error): void => terminal.say(error.message)
    try {
      const one = await ledger.knownQueue(queue).processOne(handlers, { ...rest, onError, id })
      if (one === undefined) continue
      context.show({ queue, ...one }, () => outcomeText(queue, one))
      if (one.outcome === 'failed') throw new CommandFailed(EXIT.failed)
      return
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error
    }
  }
  throw new CommandFailed(EXIT.notFound, `${id}: no queue of this folder has such a message`)
}
