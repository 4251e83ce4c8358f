// The file operations of the log thread, all of them: synchronous, on numbers instead of objects, and in one record, so
// that a test can make any of them fail. Nothing outside this record writes to a segment or to the head mark once the
// log is open.
import fs from 'node:fs'
import { codeOf } from './errors.js'

export type Disk = Readonly<{
  list: (directory: string) => ReadonlyArray<string>
  /** Opens for reading and writing; `create` makes the file, which must not exist. */
  open: (path: string, create?: boolean) => number
  sizeOf: (fd: number) => number
  /** Fills `into` from `offset`; returns how many bytes there were. */
  read: (fd: number, into: Uint8Array, offset: number) => number
  /** All of `bytes`: a short or interrupted write goes on where it stopped. */
  write: (fd: number, bytes: Uint8Array, offset: number) => void
  datasync: (fd: number) => void
  close: (fd: number) => void
  rename: (from: string, to: string) => void
  remove: (path: string) => void
  /** Makes entries of the directory durable: created, renamed and removed names. */
  syncDirectory: (directory: string) => void
}>

/** The part of `fs` that `write` stands on, so that short writes can be tried. */
export type WriteCall = (
  fd: number,
  bytes: Uint8Array,
  start: number,
  length: number,
  offset: number,
) => number

/** In a row: a file that is never ready is an I/O error like any other. */
const INTERRUPTIONS_MAX = 100

/** Nothing was written, and nothing is wrong. */
const isInterruption = (cause: unknown): boolean => {
  const code = codeOf(cause)
  return code === 'EINTR' || code === 'EAGAIN'
}

export const writeFully = (call: WriteCall, fd: number, bytes: Uint8Array, offset: number): void => {
  let interruptions = 0
  for (let done = 0; done < bytes.length; ) {
    let written: number
    try {
      written = call(fd, bytes, done, bytes.length - done, offset + done)
    } catch (cause) {
      interruptions += 1
      if (!isInterruption(cause) || interruptions > INTERRUPTIONS_MAX) throw cause
      continue
    }
    // A disk that takes nothing and reports no error would keep us here for ever.
    if (written <= 0) throw new Error(`wrote ${written} of ${bytes.length - done} bytes`)
    interruptions = 0
    done += written
  }
}

const syncDirectory = (directory: string): void => {
  const fd = fs.openSync(directory, 'r')
  try {
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}

export const realDisk: Disk = {
  list: (directory) => fs.readdirSync(directory),
  open: (path, create = false) => fs.openSync(path, create ? 'wx+' : 'r+', 0o600),
  sizeOf: (fd) => fs.fstatSync(fd).size,
  read: (fd, into, offset) => {
    let done = 0
    while (done < into.length) {
      const count = fs.readSync(fd, into, done, into.length - done, offset + done)
      if (count === 0) break
      done += count
    }
    return done
  },
  write: (fd, bytes, offset) => writeFully(fs.writeSync, fd, bytes, offset),
  datasync: fs.fdatasyncSync,
  close: fs.closeSync,
  rename: fs.renameSync,
  remove: fs.unlinkSync,
  syncDirectory,
}
