// Ties the threads of sandboxed handlers to the worker that uses them (D12): opened before it claims anything, so that a
// module that cannot be loaded burns no attempt; closed when it has stopped.
import type { WorkerLifecycle } from '../api/types/index.js'
import { POOL } from './sandbox.js'
import type { SandboxPool } from './sandboxPool.js'

const poolOf = (handler: unknown): SandboxPool | undefined =>
  typeof handler === 'function' && POOL in handler ? (handler[POOL] as SandboxPool) : undefined

/** Another function in front of a sandboxed one: a worker that is given it has to open the same threads. */
export const inSandboxOf = <H extends object>(handler: unknown, wrapper: H): H => {
  const pool = poolOf(handler)
  return pool === undefined ? wrapper : Object.assign(wrapper, { [POOL]: pool })
}

const handlersIn = (handlers: unknown): ReadonlyArray<unknown> =>
  typeof handlers === 'object' && handlers !== null ? Object.values(handlers) : [handlers]

type Options = Readonly<{ concurrency?: number; processors?: ReadonlyArray<Readonly<{ handle: unknown }>> }>

const openAll = (pools: ReadonlyArray<SandboxPool>): void => {
  const opened: SandboxPool[] = []
  try {
    for (const pool of pools) {
      pool.open()
      opened.push(pool)
    }
  } catch (error) {
    for (const pool of opened) void pool.close()
    throw error
  }
}

/** @throws Error when a sandboxed module cannot be loaded */
export const withSandboxes = <O extends Options, W extends WorkerLifecycle>(
  handlers: unknown,
  options: O,
  start: (options: O) => W,
): W => {
  const all = [...handlersIn(handlers), ...(options.processors ?? []).map(({ handle }) => handle)]
  const pools = [...new Set(all.flatMap((handler) => poolOf(handler) ?? []))]
  if (pools.length === 0) return start(options)
  openAll(pools)
  let isOpen = true
  const closeAll = async (): Promise<void> => {
    if (!isOpen) return
    isOpen = false
    await Promise.all(pools.map((pool) => pool.close()))
  }
  try {
    const isAllSandboxed = all.every((handler) => poolOf(handler) !== undefined)
    const concurrency = pools.reduce((sum, pool) => sum + pool.options.threads, 0)
    const worker = start(
      isAllSandboxed && options.concurrency === undefined ? { ...options, concurrency } : options,
    )
    return tied(
      worker,
      () => {
        if (!isOpen) openAll(pools)
        isOpen = true
      },
      closeAll,
    )
  } catch (error) {
    void closeAll()
    throw error
  }
}

/** On the worker itself, not on a wrapper: the ledger that closes it holds the same object. */
const tied = <W extends WorkerLifecycle>(worker: W, open: () => void, close: () => Promise<void>): W => {
  const start = worker.start.bind(worker)
  const stop = worker.stop.bind(worker)
  const own: Pick<WorkerLifecycle, 'start' | 'stop'> = {
    start: () => {
      open()
      start()
    },
    stop: async (options) => {
      await stop(options)
      await close()
    },
  }
  return Object.assign(worker, own)
}

/** The same for a single run: opened before it, closed after it. */
export const throughSandboxes = async <R>(handlers: unknown, run: () => Promise<R>): Promise<R> => {
  const pools = [...new Set(handlersIn(handlers).flatMap((handler) => poolOf(handler) ?? []))]
  openAll(pools)
  try {
    return await run()
  } finally {
    await Promise.all(pools.map((pool) => pool.close()))
  }
}
