// Handlers from a folder: `orders.mjs` handles the queue `orders`. Only files that lie in the folder once links are
// followed are loaded: a link must not pull in code from elsewhere.
import { readdir, realpath } from 'node:fs/promises'
import { basename, extname, join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { QUEUE_NAME_RULE, QueueNameCodec } from '../../domain/ids.js'
import type { Handler } from '../api/types.js'
import { CommandFailed, EXIT, UsageError } from './exitCode.js'

export type HandlerModule = Readonly<{
  queue: string
  file: string
  handler: Handler<unknown>
  concurrency: number | undefined
}>

const EXTENSIONS = new Set(['.js', '.mjs'])

/** @throws UsageError or CommandFailed with the file that is wrong and what is accepted */
export const loadHandlers = async (directory: string): Promise<ReadonlyArray<HandlerModule>> => {
  const root = await realFolder(directory)
  const names = (await readdir(root)).filter((name) => EXTENSIONS.has(extname(name))).sort()
  if (names.length === 0) throw new UsageError(`--handlers: there is no .js or .mjs file in ${directory}`)
  const modules: HandlerModule[] = []
  for (const name of names) modules.push(await loadOne(root, name))
  const twice = modules.find(
    ({ queue }, index) => modules.findIndex((other) => other.queue === queue) !== index,
  )
  if (twice !== undefined) throw new UsageError(`--handlers: two files handle the queue ${twice.queue}`)
  return modules
}

const realFolder = async (directory: string): Promise<string> => {
  try {
    return await realpath(directory)
  } catch {
    throw new CommandFailed(EXIT.notFound, `--handlers: there is no folder ${directory}`)
  }
}

const loadOne = async (root: string, name: string): Promise<HandlerModule> => {
  const queue = basename(name, extname(name))
  if (!QueueNameCodec.is(queue))
    throw new UsageError(`${name}: a file is named after its queue, ${QUEUE_NAME_RULE}`)
  const file = await realpath(join(root, name))
  if (!file.startsWith(root + sep))
    throw new UsageError(`${name}: links to a file outside of the handlers' folder`)
  let loaded: Readonly<Record<string, unknown>>
  try {
    loaded = (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>
  } catch (error) {
    throw new CommandFailed(
      EXIT.failed,
      `${name} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  const handler = loaded.default ?? loaded.handler
  if (typeof handler !== 'function')
    throw new UsageError(`${name}: accepted is a function as default export or as "handler"`)
  const { concurrency } = loaded
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && Number(concurrency) >= 1)) {
    throw new UsageError(`${name}: concurrency is a whole number from 1`)
  }
  return {
    queue,
    file: name,
    handler: handler as Handler<unknown>,
    concurrency: concurrency as number | undefined,
  }
}
