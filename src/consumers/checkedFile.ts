// Small files that are replaced as a whole and carry their own checksum: written aside, synced, renamed, and the folder synced, so
// that after any crash there is the old content or the new one.
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import { sha256 } from './audit/lines.js'

export const FILE_MODE = 0o640
const FOLDER_MODE = 0o750

export const isMissing = (cause: unknown): boolean => (cause as NodeJS.ErrnoException).code === 'ENOENT'

export const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** With all folders above it; each of them durable. */
export const ensureFolder = async (folder: string): Promise<void> => {
  const made = await mkdir(folder, { recursive: true, mode: FOLDER_MODE })
  if (made === undefined) return
  for (let at = folder; at !== dirname(made); at = dirname(at)) await syncFolder(dirname(at))
}

/** After a crash the old content or the new one is there; once it is answered, after a loss of power, too. */
export const writeChecked = async (path: string, content: unknown, mode = FILE_MODE): Promise<void> => {
  await replaceChecked(path, content, mode)
  await syncFolder(dirname(path))
}

/** The same, but a loss of power may bring back the content of before. */
export const replaceChecked = async (path: string, content: unknown, mode = FILE_MODE): Promise<void> => {
  const aside = join(dirname(path), `.${basename(path)}.tmp`)
  const handle = await open(aside, 'w', mode)
  try {
    const text = JSON.stringify(content)
    await handle.writeFile(`{"content":${text},"sha256":"${sha256(text)}"}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(aside, path)
}

/** Undefined = there is none; a Left says why it is not what was written. */
export const readChecked = async <A>(
  path: string,
  codec: t.Type<A, unknown>,
): Promise<Either<string, A> | undefined> => {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if (isMissing(cause)) return undefined
    throw cause
  }
  const found = /^\{"content":(.*),"sha256":"([0-9a-f]{64})"\}\n$/s.exec(text)
  if (found === null || sha256(found[1] ?? '') !== found[2])
    return left('the checksum does not hold: it was changed, or cut short')
  const decoded = codec.decode(JSON.parse(found[1] ?? ''))
  return isLeft(decoded) ? left('it is of another form than this version knows') : right(decoded.right)
}
