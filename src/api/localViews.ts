// Views of a log that lies elsewhere, in a directory of this process: the register of finished messages, as beside a log in a
// directory. It is a cache: it may be deleted while no process uses it, and is made anew from the log. Each ledger has a folder of its
// own in it, named by its id, so that another ledger's views are never taken for ours.
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { isLeft } from 'fp-ts/lib/Either.js'
import { lockFile } from '../adapters/embedded/directoryLock.js'
import { openFinishedRegister } from '../adapters/embedded/finishedRegister.js'
import type { FinishedRegister } from '../ports/finishedRegister.js'
import { UnavailableError } from './errors.js'

export type LocalViews = Readonly<{
  register: FinishedRegister
  /** Revisions that were durable when the views were written. */
  coveredTo: ReadonlyArray<readonly [stream: string, revision: number]>
}>

/** Rejects when the directory cannot be written, or is another process's. */
export const openLocalViews = async (directory: string): Promise<LocalViews> => {
  const path = resolve(directory)
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw unusable(path, error instanceof Error ? error.message : String(error), 'ForeignDirectory')
  }
  const lock = lockFile(join(path, 'lock'))
  if (isLeft(lock)) {
    const { held, reason } = lock.left
    throw held
      ? unusable(path, 'another process uses it: each needs a directory of its own', 'DirectoryLocked')
      : unusable(path, reason, 'ForeignDirectory')
  }
  try {
    const register = await openFinishedRegister(path)
    const close = async (): Promise<void> => {
      await register.close()
      lock.right.release()
    }
    return { register: { ...register, close }, coveredTo: register.coveredStreams() }
  } catch (error) {
    lock.right.release()
    throw unusable(path, error instanceof Error ? error.message : String(error), 'ForeignDirectory')
  }
}

const unusable = (path: string, reason: string, fault: string): UnavailableError =>
  new UnavailableError(`the directory of views ${path} cannot be used: ${reason}`, { fault })
