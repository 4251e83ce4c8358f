// Callbacks by name (C9): messages of the queue `callbacks`, whose type is the name. One worker runs them, started with the
// first registration. What names a callback that is not registered here waits: its message is handed back, uncounted.
import { CALLBACKS_QUEUE } from '../door/messageWishes.js'
import { release } from '../worker/attempt.js'
import type { CallbackCall, Callbacks, Queue, Worker } from './types/index.js'

/** From one hand-back of a message whose callback nobody has registered to the next. */
const UNREGISTERED_MS = 5_000

type Run = Parameters<Callbacks['register']>[1]

export const callbacksOn = (queue: (name: string) => Promise<Queue<CallbackCall>>): Callbacks => {
  const runs = new Map<string, Run>()
  let starting: Promise<Worker<CallbackCall>> | undefined
  const start = async (): Promise<Worker<CallbackCall>> =>
    (await queue(CALLBACKS_QUEUE)).process((message) => {
      const run = runs.get(message.type ?? '')
      if (run === undefined) return release({ delayMs: UNREGISTERED_MS })
      const { payload } = message
      return run(payload, payload.operationId)
    })
  return {
    register: async (name, run) => {
      if (typeof name !== 'string' || name === '' || typeof run !== 'function')
        throw new TypeError('callbacks.register: accepted are a name and a function')
      runs.set(name, run)
      starting ??= start()
      try {
        await starting
      } catch (error) {
        starting = undefined
        runs.delete(name)
        throw error
      }
    },
    unregister: (name) => runs.delete(name),
  }
}
