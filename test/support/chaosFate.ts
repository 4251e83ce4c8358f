// How a process of a chaos run meets its end from within: at a named moment of a commit, by an exception or a rejection that
// nobody catches, by a heap that is full. Signals come from outside.

import { syncBuiltinESMExports } from 'node:module'
import threads from 'node:worker_threads'
import type { Fate } from './chaosMix.js'
import { KillSwitch } from './embedded/failpoints.js'
import { killInFileCalls } from './embedded/killingFiles.js'

export const FATE_VARIABLE = 'LEDGERQ_CHAOS_FATE'

export const fateOfThisProcess = (): Fate | undefined => {
  const text = process.env[FATE_VARIABLE]
  return text === undefined ? undefined : (JSON.parse(text) as Fate)
}

/** Before the ledger is loaded: from now on its log runs on files that kill. */
export const armFailpoints = (): void => {
  killInFileCalls(new KillSwitch('main thread'))
  const { Worker } = threads
  const killing = new URL('./embedded/killingLogThread.js', import.meta.url)
  threads.Worker = class extends Worker {
    constructor(program: string | URL, options?: threads.WorkerOptions) {
      super(/\/logThread(Main)?\.js$/.test(String(program)) ? killing : program, options)
    }
  }
  syncBuiltinESMExports()
}

const fillHeap = (): void => {
  const kept: unknown[] = []
  const more = (): void => {
    for (let n = 0; n < 2_000; n++) kept.push(Array.from({ length: 200 }, (_, i) => ({ n, i })))
    setImmediate(more)
  }
  more()
}

/** What the fate does after its time; the ledger serves meanwhile. */
export const meetFate = (fate: Fate | undefined): void => {
  switch (fate?.kind) {
    case 'uncaught exception':
      setTimeout(() => {
        throw new Error('thrown where nobody catches')
      }, fate.ms)
      return
    case 'unhandled rejection':
      setTimeout(() => void Promise.reject(new Error('rejected where nobody listens')), fate.ms)
      return
    case 'heap exhausted':
      setTimeout(fillHeap, fate.ms)
  }
}
