// ledgerq worker --handlers DIR: runs the handlers of a folder against a server.
import type { Command } from 'commander'
import { failureMessage } from '../../domain/failure/index.js'
import type { Handler } from '../api/types.js'
import { DEFAULT_CONCURRENCY } from '../worker/processOptions.js'
import { type Context, contextOf, type Surroundings, wholeNumber } from './context.js'
import { type HandlerModule, loadHandlers } from './handlerModules.js'
import { printable } from './terminal.js'

type WorkerOptions = Readonly<{ handlers: string; concurrency?: number; verbose?: boolean }>

const GRACE_MS = 8_000

/** Tells about each run: failures always, successes with --verbose. */
const told = (context: Context, { queue, handler }: HandlerModule, isVerbose: boolean): Handler<unknown> => {
  const { terminal } = context
  return async (message, attempt) => {
    try {
      const result: unknown = await handler(message, attempt)
      if (isVerbose) terminal.say(`${queue}  ${message.id}  attempt ${attempt.attempt}  done`)
      return result
    } catch (error) {
      terminal.say(
        `${queue}  ${message.id}  attempt ${attempt.attempt}  failed: ${printable(failureMessage(error))}`,
      )
      throw error
    }
  }
}

const work = async (context: Context, options: WorkerOptions): Promise<void> => {
  const { terminal, ledger } = context
  const modules = await loadHandlers(options.handlers)
  const stopping = context.process.stopping()
  const workers = []
  for (const module of modules) {
    const queue = await ledger.queue(module.queue)
    const concurrency = options.concurrency ?? module.concurrency ?? DEFAULT_CONCURRENCY
    const onError = (error: Error): void => terminal.say(`${module.queue}  ${printable(error.message)}`)
    workers.push(queue.process(told(context, module, options.verbose === true), { concurrency, onError }))
    terminal.say(`${module.queue}  ${module.file}, ${concurrency} at a time, from ${context.config.url}`)
  }
  await new Promise<void>((resolve) => {
    if (stopping.aborted) resolve()
    stopping.addEventListener('abort', () => resolve())
    // Long polls and timers are not held by everything: the wait for a signal holds the process.
    const hold = setInterval(() => undefined, 60_000)
    stopping.addEventListener('abort', () => clearInterval(hold))
  })
  terminal.say('Stopping: waiting for what runs, handing back the rest.')
  await Promise.all(workers.map((worker) => worker.stop({ graceMs: GRACE_MS })))
}

export const addWorkerCommand = (program: Command, surroundings: Surroundings): void => {
  program
    .command('worker')
    .description('run the handlers of a folder: NAME.mjs handles the queue NAME')
    .requiredOption('--handlers <dir>', 'folder with .js or .mjs files')
    .option('--concurrency <n>', 'messages at once for each queue', wholeNumber('--concurrency', 1, 1_000))
    .option('--verbose', 'tell about successes, too')
    .action((options: WorkerOptions, command) => work(contextOf(surroundings, command), options))
}
