// `sandbox(module, options)`: a handler whose code runs in threads of its own (D12), for work that would hold up the event
// loop, or that has to be stopped for certain at its time limit.
import { existsSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { ResourceLimits } from 'node:worker_threads'
import type { Handler } from '../api/types/index.js'
import type { Clock } from '../ports/clock.js'
import { systemClock } from '../runtime/systemClock.js'
import { SandboxPool, type SandboxStatus } from './sandboxPool.js'

export const THREADS_MAX = 64
const THREADS = 1
const LOAD_TIMEOUT_MS = 10_000
const LOAD_TIMEOUT_MS_MAX = 300_000

export type SandboxOptions = Readonly<{
  /** Default 1. A worker with no `concurrency` of its own takes as many messages at once. */
  threads?: number
  /** Name of the export that is the handler. Default: the default export, or `handler`. */
  exportName?: string
  /** Bounds of each thread, as Node has them; a thread that runs out of memory dies alone. */
  resourceLimits?: ResourceLimits
  /** The module has to be loaded within this, when the worker is made. Default 10 s. */
  loadTimeoutMs?: number
}>

export type SandboxHandler = Handler<unknown> & Readonly<{ sandboxStatus: () => SandboxStatus }>

/** Registered: the worker may be of another copy of this package. */
export const POOL: unique symbol = Symbol.for('ledgerq.sandboxPool') as never

/** @throws RangeError or Error for a file that is not there, or an option that is not accepted */
export const sandbox = (
  module: URL | string,
  options: SandboxOptions = {},
  clock: Clock = systemClock,
): SandboxHandler => {
  const { threads = THREADS, loadTimeoutMs = LOAD_TIMEOUT_MS, exportName, resourceLimits = {} } = options
  wholeNumber('threads', threads, THREADS_MAX)
  wholeNumber('loadTimeoutMs', loadTimeoutMs, LOAD_TIMEOUT_MS_MAX)
  const url = fileUrl(module)
  const pool = new SandboxPool({ module: url, exportName, threads, resourceLimits, loadTimeoutMs, clock })
  const handler: Handler<unknown> = (message, context) => pool.run(message, context)
  return Object.assign(handler, { [POOL]: pool, sandboxStatus: () => pool.status() })
}

const wholeNumber = (name: string, value: number, max: number): void => {
  if (Number.isInteger(value) && value >= 1 && value <= max) return
  throw new RangeError(`sandbox: ${name}: accepted is a whole number from 1 to ${max}`)
}

const fileUrl = (module: URL | string): string => {
  const url = typeof module === 'string' && isAbsolute(module) ? pathToFileURL(module) : module
  const isFile = url instanceof URL ? url.protocol === 'file:' : url.startsWith('file:')
  if (!isFile) throw new RangeError('sandbox: module: accepted are a file: URL and an absolute path')
  const path = fileURLToPath(url)
  if (!existsSync(path)) throw new Error(`sandbox: there is no file ${path}`)
  return pathToFileURL(path).href
}
