// Blobs as files named after their content: `<directory>/ab/cdef…` for the hash `abcdef…`, so that the same bytes are kept
// once and a name can never lead out of the directory. A file appears under its name only when it is whole and synced:
// it is written aside, synced, renamed, and then the folders are synced, before `put` answers.
//
// It is written again even where one is there: that renews its age, so that a collection spares it, makes the name durable
// if an earlier process died before it could, and heals a damaged copy.
import { randomUUID, webcrypto } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Either, left, right } from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { BlobFault, BlobStore, StoredBlob } from '../../ports/blobStore.js'
import { altered, codeOf, faultOf, locationInvalid } from './errors.js'

/** Files that are being written. Their names are random: what a crash leaves behind is nobody's. */
const INCOMPLETE = 'incomplete'
/** Nothing takes so long to write. */
const LEFT_BEHIND_MS = 24 * 3_600_000

const SHARD = /^[0-9a-f]{2}$/
const REST = /^[0-9a-f]{62}$/
const LOCATION = /^[0-9a-f]{2}\/[0-9a-f]{62}$/

/** Off the event loop: a large one takes a tenth of a second. */
const sha256Of = async (bytes: Uint8Array): Promise<string> =>
  Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes)).toString('hex')
const locationOf = (sha256: string): string => `${sha256.slice(0, 2)}/${sha256.slice(2)}`

const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The folder below one that is there, durably: one that was found may have been made by a process that died right then. */
const makeFolder = async (parent: string, name: string): Promise<void> => {
  await mkdir(join(parent, name), { recursive: true, mode: 0o700 })
  await syncFolder(parent)
}

const removeLeftBehind = async (folder: string, wallMs: number): Promise<void> => {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    const { mtimeMs } = await stat(path)
    if (mtimeMs < wallMs - LEFT_BEHIND_MS) await unlink(path)
  }
}

/** The folder `name` below `parent`; both are created if they are not there. */
export const openBlobFiles = async (parent: string, name: string): Promise<Either<BlobFault, BlobStore>> => {
  const directory = join(parent, name)
  try {
    await makeFolder(dirname(parent), basename(parent))
    await makeFolder(parent, name)
    await makeFolder(directory, INCOMPLETE)
    await removeLeftBehind(join(directory, INCOMPLETE), Date.now())
    return right(blobFiles(directory))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    return left({ type: 'BlobUnavailable', reason })
  }
}

const blobFiles = (directory: string): BlobStore => {
  const pathOf = (location: string): string => join(directory, location.slice(0, 2), location.slice(3))
  /** One after the other: a removal must not take away what is put between its look at the age and the deed. */
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = <A>(run: () => Promise<A>): Promise<A> => {
    const result = turn.then(run, run)
    turn = result.catch(() => undefined)
    return result
  }

  const write = async (bytes: Uint8Array): Promise<string> => {
    const path = join(directory, INCOMPLETE, randomUUID())
    const file = await open(path, 'wx', 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } catch (cause) {
      await unlink(path).catch(() => undefined)
      throw cause
    } finally {
      await file.close()
    }
    return path
  }

  const foldersMade = new Set<string>()
  const place = async (written: string, location: string): Promise<void> => {
    const shard = location.slice(0, 2)
    if (!foldersMade.has(shard)) await makeFolder(directory, shard)
    foldersMade.add(shard)
    await rename(written, pathOf(location))
    await syncFolder(join(directory, shard))
  }

  const remove = async (location: string, storedBeforeMs: number): Promise<boolean> => {
    const path = pathOf(location)
    try {
      if ((await stat(path)).mtimeMs >= storedBeforeMs) return false
      await unlink(path)
      return true
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT') return false
      throw cause
    }
  }

  return {
    put: (bytes) =>
      attempt(undefined, async () => {
        const sha256 = await sha256Of(bytes)
        const location = locationOf(sha256)
        const written = await write(bytes)
        await inTurn(() => place(written, location))
        return right({ sha256, bytes: bytes.length, location })
      }),
    get: ({ sha256, bytes, location }) =>
      !LOCATION.test(location)
        ? refuse(location)
        : attempt(location, async () => {
            const path = pathOf(location)
            // Before it is read: a file of another length may be of any length.
            const { size } = await stat(path)
            if (size !== bytes) return left(altered(location, `it has ${size} bytes instead of ${bytes}`))
            const found = await readFile(path)
            return (await sha256Of(found)) === sha256
              ? right(found)
              : left(altered(location, 'its SHA-256 is another one'))
          }),
    remove: (location, storedBeforeMs) =>
      !LOCATION.test(location)
        ? refuse(location)
        : attempt(location, async () => right(await inTurn(() => remove(location, storedBeforeMs)))),
    list: (after, limit) => attempt(undefined, () => listFrom(directory, after, limit)),
  }
}

const refuse = (location: string) => async () => left(locationInvalid(location))

const attempt =
  <A>(location: string | undefined, run: () => Promise<Either<BlobFault, A>>): TaskEither<BlobFault, A> =>
  async () => {
    try {
      return await run()
    } catch (cause) {
      return left(faultOf(cause, location))
    }
  }

const namesIn = async (folder: string, pattern: RegExp): Promise<string[]> => {
  try {
    return (await readdir(folder)).filter((name) => pattern.test(name)).sort()
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return []
    throw cause
  }
}

/** Folder by folder, in order; only the names of one folder are held at a time. */
const listFrom = async (
  directory: string,
  after: string | undefined,
  limit: number,
): Promise<Either<BlobFault, Readonly<{ blobs: StoredBlob[]; next: string | undefined }>>> => {
  if (after !== undefined && !LOCATION.test(after)) return left(locationInvalid(after))
  const blobs: StoredBlob[] = []
  const shards = (await namesIn(directory, SHARD)).filter(
    (shard) => after === undefined || shard >= after.slice(0, 2),
  )
  for (const shard of shards) {
    for (const rest of await namesIn(join(directory, shard), REST)) {
      const location = `${shard}/${rest}`
      if (after !== undefined && location <= after) continue
      if (blobs.length >= limit) return right({ blobs, next: blobs.at(-1)?.location })
      const found = await stat(join(directory, shard, rest)).catch((cause: unknown) => {
        if (codeOf(cause) === 'ENOENT') return undefined
        throw cause
      })
      // Gone between the two looks.
      if (found !== undefined) blobs.push({ location, bytes: found.size, storedAtMs: found.mtimeMs })
    }
  }
  return right({ blobs, next: undefined })
}
