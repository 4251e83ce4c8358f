// One process per ledger. The lock is SQLite's exclusive lock on the file `lock`: held by the kernel for an open file, so it
// is gone the moment its holder dies, works across containers that share a host, and is refused to a second opening in the
// same process too. A pid file can do none of that. Nothing is ever written through it.
import * as E from 'fp-ts/lib/Either.js'
import Database from 'libsql'
import { codeOf, reasonOf } from './errors.js'

export type DirectoryLock = Readonly<{ release: () => void }>
export type LockRefused = Readonly<{ held: boolean; reason: string }>

export const lockFile = (path: string): E.Either<LockRefused, DirectoryLock> => {
  let database: Database.Database | undefined
  try {
    database = new Database(path, { timeout: 0 })
    database.exec('BEGIN EXCLUSIVE')
    const held = database
    return E.right({ release: () => held.close() })
  } catch (cause) {
    database?.close()
    return E.left({ held: codeOf(cause) === 'SQLITE_BUSY', reason: reasonOf(cause) })
  }
}
