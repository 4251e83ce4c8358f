// ledgerq worker --handlers DIR: runs the handlers of a folder against a server.
import type { Command } from 'commander'
import { failureMessage } from '../../domain/failure/index.js'
import { RefusedError } from '../api/errors.js'
import type { FolderRun, FolderWorker } from '../api/types/index.js'
import { type Context, contextOf, type Surroundings, wholeNumber } from './context.js'
import { UsageError } from './exitCode.js'
import { runOne } from './runOne.js'
import { printable } from './terminal.js'

type WorkerOptions = Readonly<{ handlers: string; concurrency?: number; id?: string; verbose?: boolean }>

const GRACE_MS = 8_000

/** Tells about each run: failures always, successes with --verbose. */
const told =
  ({ terminal }: Context, isVerbose: boolean) =>
  ({ queue, id, attempt, failure }: FolderRun): void => {
    const run = `${queue}  ${id}  attempt ${attempt}`
    if (failure !== undefined) terminal.say(`${run}  failed: ${printable(failureMessage(failure))}`)
    else if (isVerbose) terminal.say(`${run}  done`)
  }

/** What is wrong with the folder is a mistake in the command line. */
const usage = (error: unknown): unknown =>
  error instanceof RefusedError && error.code === 'handlers_invalid'
    ? new UsageError(`--handlers: ${error.message}`)
    : error

const once = async (context: Context, handlers: string, id: string): Promise<void> => {
  try {
    await runOne(context, handlers, id)
  } catch (error) {
    throw usage(error)
  }
}

const started = async (context: Context, options: WorkerOptions): Promise<ReadonlyArray<FolderWorker>> => {
  const { terminal, ledger } = context
  const { handlers, concurrency, verbose } = options
  try {
    return await ledger.processFolder(handlers, {
      ...(concurrency === undefined ? {} : { concurrency }),
      onError: (error, queue) => terminal.say(`${queue}  ${printable(error.message)}`),
      onRun: told(context, verbose === true),
    })
  } catch (error) {
    throw usage(error)
  }
}

const work = async (context: Context, options: WorkerOptions): Promise<void> => {
  const { terminal, ledger } = context
  const stopping = context.process.stopping()
  const running = await started(context, options)
  for (const { queue, file, worker } of running) {
    const stated = worker.status().concurrency
    const concurrency = stated ?? (await ledger.knownQueue(queue).view()).config.concurrency
    terminal.say(`${queue}  ${file}, ${concurrency} at a time, from ${context.config.url}`)
  }
  await new Promise<void>((resolve) => {
    if (stopping.aborted) resolve()
    stopping.addEventListener('abort', () => resolve())
    // Long polls and timers are not held by everything: the wait for a signal holds the process.
    const hold = setInterval(() => undefined, 60_000)
    stopping.addEventListener('abort', () => clearInterval(hold))
  })
  terminal.say('Stopping: waiting for what runs, handing back the rest.')
  await Promise.all(running.map(({ worker }) => worker.stop({ graceMs: GRACE_MS })))
}

export const addWorkerCommand = (program: Command, surroundings: Surroundings): void => {
  program
    .command('worker')
    .description('run the handlers of a folder: NAME.mjs handles the queue NAME')
    .requiredOption('--handlers <dir>', 'folder with .js or .mjs files')
    .option('--concurrency <n>', 'messages at once for each queue', wholeNumber('--concurrency', 1, 1_000))
    .option('--id <id>', 'run this message and no other, tell its outcome, and end')
    .option('--verbose', 'tell about successes, too')
    .action((options: WorkerOptions, command) => {
      const context = contextOf(surroundings, command)
      return options.id === undefined ? work(context, options) : once(context, options.handlers, options.id)
    })
}
