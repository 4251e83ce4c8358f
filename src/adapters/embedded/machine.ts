// What the log needs of the machine it runs on, in one record: files, a lock, a thread that writes, time, a name that nobody
// else has. A simulation is another machine.
import { randomBytes } from 'node:crypto'
import type * as E from 'fp-ts/lib/Either.js'
import { type DirectoryLock, type LockRefused, lockFile } from './directoryLock.js'
import { type Files, realFiles } from './files.js'
import { LEDGER_ID_BYTES, type LedgerId } from './frames.js'
import { type LogThreadHandle, type LogThreadOptions, WorkerLogThread } from './logThreadHandle.js'

export type Machine = Readonly<{
  files: Files
  lock: (path: string) => E.Either<LockRefused, DirectoryLock>
  startLogThread: (options: LogThreadOptions) => LogThreadHandle
  newLedgerId: () => LedgerId
  /** Calls back once; a process that has nothing else to do does not wait for it. Returns the way to cancel. */
  after: (delayMs: number, callback: () => void) => () => void
}>

export const realMachine = (logThreadProgram?: URL): Machine => ({
  files: realFiles,
  lock: lockFile,
  startLogThread: (options) => new WorkerLogThread(options, logThreadProgram),
  newLedgerId: () => randomBytes(LEDGER_ID_BYTES),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs).unref()
    return () => clearTimeout(timer)
  },
})
