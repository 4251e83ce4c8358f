// A thread of a sandbox: loads the handler's module, then runs one message at a time. What it cannot answer any more (it was
// ended, it ran out of memory, it called process.exit) the pool sees as its death.
import { workerData } from 'node:worker_threads'
import {
  type FromThread,
  type ThreadData,
  type ToThread,
  writtenErrors,
  writtenValue,
} from './threadMessages.js'

const { module, exportName, resultCharsMax, port, loaded } = workerData as ThreadData
const flag = new Int32Array(loaded)

type ThreadHandler = (message: ToThread['message'], context: ToThread['context']) => unknown

const send = (message: FromThread): void => port.postMessage(message)
const wakePool = (): void => {
  Atomics.store(flag, 0, 1)
  Atomics.notify(flag, 0)
}
// A module that ends the thread while it loads would leave the pool waiting.
process.once('exit', wakePool)

const handlerOf = (loadedModule: Readonly<Record<string, unknown>>): ThreadHandler | string => {
  const handler =
    exportName === undefined ? (loadedModule.default ?? loadedModule.handler) : loadedModule[exportName]
  if (typeof handler === 'function') return handler as ThreadHandler
  return exportName === undefined
    ? 'accepted is a function as default export or as "handler"'
    : `it exports no function "${exportName}"`
}

const run = async (handler: ThreadHandler, { run: number, message, context }: ToThread): Promise<void> => {
  try {
    send(writtenValue(number, await handler(message, context), resultCharsMax))
  } catch (error) {
    send({ kind: 'threw', run: number, errors: writtenErrors(error) })
  }
}

const load = async (): Promise<void> => {
  try {
    const handler = handlerOf((await import(module)) as Readonly<Record<string, unknown>>)
    if (typeof handler === 'string') return send({ kind: 'notLoaded', reason: handler })
    port.on('message', (asked: ToThread) => void run(handler, asked))
    send({ kind: 'loaded' })
  } catch (error) {
    const [written] = writtenErrors(error)
    send({ kind: 'notLoaded', reason: `${written?.name}: ${written?.message}` })
  } finally {
    wakePool()
  }
}

await load()
