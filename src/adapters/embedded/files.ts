// The file calls that the log makes beside its thread, all of them, in one record: directory, marks, snapshots, next
// segments, reading. A simulation gives them a disk of its own. A call may be interrupted, or do less than it was asked for
// (R09); `writeWhole` and `readWhole` go on until all is done.
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { InterruptionCount } from './disk.js'
import { codeOf } from './errors.js'

export type OpenFile = Readonly<{
  size: () => Promise<number>
  /** From `offset`, at most what fits `into`; 0 at the end of the file. */
  read: (into: Uint8Array, offset: number) => Promise<number>
  /** Returns how many of the bytes were taken. */
  write: (bytes: Uint8Array, offset: number) => Promise<number>
  sync: () => Promise<void>
  datasync: () => Promise<void>
  close: () => Promise<void>
}>

/** `new`: for reading and writing, empty whether it was there or not; `existing`: for the same, as it is. */
export type OpenMode = 'read' | 'existing' | 'new'

export type Files = Readonly<{
  list: (folder: string) => Promise<ReadonlyArray<string>>
  isFolder: (path: string) => Promise<boolean>
  makeFolder: (path: string) => Promise<void>
  open: (path: string, mode: OpenMode) => Promise<OpenFile>
  rename: (from: string, to: string) => Promise<void>
  /** A file that is not there is as good as removed. */
  remove: (path: string) => Promise<void>
  /** Makes names in the folder durable: created, renamed and removed ones. */
  syncFolder: (folder: string) => Promise<void>
}>

const FLAGS = { read: 'r', existing: 'r+', new: 'w+' } as const

const openFile = async (path: string, mode: OpenMode): Promise<OpenFile> => {
  const handle = await open(path, FLAGS[mode], 0o600)
  return {
    size: async () => (await handle.stat()).size,
    read: async (into, offset) => (await handle.read(into, 0, into.length, offset)).bytesRead,
    write: async (bytes, offset) => (await handle.write(bytes, 0, bytes.length, offset)).bytesWritten,
    sync: () => handle.sync(),
    datasync: () => handle.datasync(),
    close: () => handle.close(),
  }
}

const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export const realFiles: Files = {
  list: (folder) => readdir(folder),
  isFolder: async (path) => (await stat(path)).isDirectory(),
  makeFolder: (path) => mkdir(path, { mode: 0o700 }),
  open: openFile,
  rename: (from, to) => rename(from, to),
  remove: (path) => rm(path, { force: true }),
  syncFolder,
}

export const writeWhole = async (
  file: Pick<OpenFile, 'write'>,
  bytes: Uint8Array,
  offset: number,
): Promise<void> => {
  const interruptions = new InterruptionCount()
  for (let done = 0; done < bytes.length; ) {
    const written = await file.write(bytes.subarray(done), offset + done).catch(interruptions.count)
    if (written === undefined) continue
    if (written <= 0) throw new Error(`wrote ${written} of ${bytes.length - done} bytes`)
    interruptions.reset()
    done += written
  }
}

/** Fills `into` as far as the file goes; returns how many bytes there were. */
export const readWhole = async (
  file: Pick<OpenFile, 'read'>,
  into: Uint8Array,
  offset: number,
): Promise<number> => {
  const interruptions = new InterruptionCount()
  for (let done = 0; done < into.length; ) {
    const count = await file.read(into.subarray(done), offset + done).catch(interruptions.count)
    if (count === undefined) continue
    if (count === 0) return done
    interruptions.reset()
    done += count
  }
  return into.length
}

export const readFile = async (files: Files, path: string): Promise<Buffer> => {
  const file = await files.open(path, 'read')
  try {
    const bytes = Buffer.allocUnsafeSlow(await file.size())
    return bytes.subarray(0, await readWhole(file, bytes, 0))
  } finally {
    await file.close()
  }
}

/** One that is there already is fine. */
export const ensureFolder = async (files: Files, path: string): Promise<void> => {
  try {
    await files.makeFolder(path)
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST') throw cause
  }
}
