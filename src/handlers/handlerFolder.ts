// Handlers from a folder (D7): `orders.mjs` handles the queue `orders`. Only files that lie in the folder once links are
// followed are loaded: a link must not pull in code from elsewhere.
import { readdir, realpath } from 'node:fs/promises'
import { basename, extname, join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { QUEUE_NAME_RULE, QueueNameCodec } from '../../domain/ids.js'
import { NotFoundError, RefusedError } from '../api/errors.js'
import type { BatchHandler, Handlers, ProcessOptions } from '../api/types/index.js'
import { sandbox } from '../sandbox/sandbox.js'

export type HandlerModule = Readonly<{
  queue: string
  /** Its name in the folder. */
  file: string
  handlers: Handlers<unknown>
  /** Instead of handlers. */
  batchHandler: BatchHandler<unknown> | undefined
  options: ProcessOptions
}>

const EXTENSIONS = new Set(['.js', '.mjs'])

/** What lies in the folder is not what is accepted: the sentence names the file. */
const wrong = (sentence: string): RefusedError => new RefusedError('handlers_invalid', sentence)

/** Rejects with a RefusedError that names the file and what is accepted; NotFoundError without the folder. */
export const loadHandlerFolder = async (directory: string): Promise<ReadonlyArray<HandlerModule>> => {
  const root = await realFolder(directory)
  const names = (await readdir(root)).filter((name) => EXTENSIONS.has(extname(name))).sort()
  if (names.length === 0) throw wrong(`there is no .js or .mjs file in ${directory}`)
  const modules: HandlerModule[] = []
  for (const name of names) modules.push(await loadOne(root, name))
  const twice = modules.find(
    ({ queue }, index) => modules.findIndex((other) => other.queue === queue) !== index,
  )
  if (twice !== undefined) throw wrong(`two files handle the queue ${twice.queue}`)
  return modules
}

const realFolder = async (directory: string): Promise<string> => {
  try {
    return await realpath(directory)
  } catch {
    throw new NotFoundError('handlers_not_found', `there is no folder ${directory}`)
  }
}

const loadOne = async (root: string, name: string): Promise<HandlerModule> => {
  const queue = basename(name, extname(name))
  if (!QueueNameCodec.is(queue)) throw wrong(`${name}: a file is named after its queue, ${QUEUE_NAME_RULE}`)
  const file = await realpath(join(root, name))
  if (!file.startsWith(root + sep)) throw wrong(`${name}: links to a file outside of the handlers' folder`)
  let loaded: Readonly<Record<string, unknown>>
  try {
    loaded = (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new RefusedError('handlers_not_loaded', `${name} cannot be loaded: ${reason}`, { cause: error })
  }
  const batchHandler = batchHandlerOf(name, loaded)
  const handlers = batchHandler === undefined ? handlersOf(name, loaded) : {}
  return {
    queue,
    file: name,
    handlers: loaded.sandbox === undefined ? handlers : inThreads(name, file, loaded),
    batchHandler,
    options: optionsOf(name, loaded),
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const batchHandlerOf = (
  name: string,
  loaded: Readonly<Record<string, unknown>>,
): BatchHandler<unknown> | undefined => {
  const { batchHandler } = loaded
  if (batchHandler === undefined) return undefined
  if (typeof batchHandler !== 'function') throw wrong(`${name}: batchHandler is a function`)
  if (
    (loaded.default ?? loaded.handler ?? loaded.handlers ?? loaded.processors ?? loaded.sandbox) !== undefined
  )
    throw wrong(`${name}: a file with a batchHandler has no other handlers`)
  return batchHandler as BatchHandler<unknown>
}

/** The file says that its handler runs in threads; they load the same file. */
const inThreads = (
  name: string,
  file: string,
  loaded: Readonly<Record<string, unknown>>,
): Handlers<unknown> => {
  if (!isRecord(loaded.sandbox)) throw wrong(`${name}: sandbox is an object of options`)
  if (typeof (loaded.default ?? loaded.handler) !== 'function')
    throw wrong(`${name}: with sandbox, accepted is a function as default export or as "handler"`)
  try {
    return sandbox(file, loaded.sandbox)
  } catch (error) {
    throw wrong(`${name}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

const handlersOf = (name: string, loaded: Readonly<Record<string, unknown>>): Handlers<unknown> => {
  const handlers = loaded.default ?? loaded.handler ?? loaded.handlers ?? (loaded.processors && {})
  if (typeof handlers === 'function') return handlers as Handlers<unknown>
  if (isRecord(handlers) && Object.values(handlers).every((one) => typeof one === 'function'))
    return handlers as Handlers<unknown>
  throw wrong(
    `${name}: accepted is a function as default export or as "handler", or an object of functions by message type as default export or as "handlers"`,
  )
}

/** What is in them is checked by the worker. */
const optionsOf = (name: string, loaded: Readonly<Record<string, unknown>>): ProcessOptions => {
  const { options = {}, processors, concurrency } = loaded
  if (!isRecord(options)) throw wrong(`${name}: options is an object`)
  if (processors !== undefined && !Array.isArray(processors)) throw wrong(`${name}: processors is an array`)
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && Number(concurrency) >= 1))
    throw wrong(`${name}: concurrency is a whole number from 1`)
  return {
    ...(concurrency === undefined ? {} : { concurrency: concurrency as number }),
    ...(processors === undefined
      ? {}
      : { processors: processors as NonNullable<ProcessOptions['processors']> }),
    ...(options as ProcessOptions),
  }
}
