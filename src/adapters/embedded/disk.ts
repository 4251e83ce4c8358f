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

/** The parts of `fs` that `write` and `read` stand on, so that short and interrupted calls can be tried. */
export type DiskCall = (
  fd: number,
  bytes: Uint8Array,
  start: number,
  length: number,
  offset: number,
) => number

/** In a row: a file that is never ready is an I/O error like any other. */
const INTERRUPTIONS_MAX = 100

/** Nothing was done, and nothing is wrong. */
const isInterruption = (cause: unknown): boolean => {
  const code = codeOf(cause)
  return code === 'EINTR' || code === 'EAGAIN'
}

export class InterruptionCount {
  private inARow = 0

  /** Throws what is no interruption, or one too many. */
  readonly count = (cause: unknown): undefined => {
    this.inARow += 1
    if (!isInterruption(cause) || this.inARow > INTERRUPTIONS_MAX) throw cause
  }

  reset(): void {
    this.inARow = 0
  }
}

export const writeFully = (call: DiskCall, fd: number, bytes: Uint8Array, offset: number): void => {
  const interruptions = new InterruptionCount()
  for (let done = 0; done < bytes.length; ) {
    let written: number
    try {
      written = call(fd, bytes, done, bytes.length - done, offset + done)
    } catch (cause) {
      interruptions.count(cause)
      continue
    }
    // A disk that takes nothing and reports no error would keep us here for ever.
    if (written <= 0) throw new Error(`wrote ${written} of ${bytes.length - done} bytes`)
    interruptions.reset()
    done += written
  }
}

export const readFully = (call: DiskCall, fd: number, into: Uint8Array, offset: number): number => {
  const interruptions = new InterruptionCount()
  for (let done = 0; done < into.length; ) {
    let count: number
    try {
      count = call(fd, into, done, into.length - done, offset + done)
    } catch (cause) {
      interruptions.count(cause)
      continue
    }
    if (count === 0) return done
    interruptions.reset()
    done += count
  }
  return into.length
}

/** A flood of connections is cut within ten seconds (src/http/limits.ts), and gives its descriptors back. */
const DESCRIPTOR_TRIES = 1_500
const DESCRIPTOR_PAUSE_MS = 20

const nobody = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
const pause = (ms: number): void => {
  Atomics.wait(nobody, 0, 0, ms)
}

/**
 * Opens a file, and waits while all descriptors of the process or the machine are taken (R10): nothing has been written
 * then, so unlike any other fault this one may pass, and a log that stopped over it would have stopped for nothing.
 */
export const openPatiently = (open: () => number, wait: () => void): number => {
  for (let tries = 1; ; tries++) {
    try {
      return open()
    } catch (cause) {
      const code = codeOf(cause)
      if ((code !== 'EMFILE' && code !== 'ENFILE') || tries === DESCRIPTOR_TRIES) throw cause
      wait()
    }
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
  open: (path, create = false) =>
    openPatiently(
      () => fs.openSync(path, create ? 'wx+' : 'r+', 0o600),
      () => pause(DESCRIPTOR_PAUSE_MS),
    ),
  sizeOf: (fd) => fs.fstatSync(fd).size,
  read: (fd, into, offset) => readFully(fs.readSync, fd, into, offset),
  write: (fd, bytes, offset) => writeFully(fs.writeSync, fd, bytes, offset),
  datasync: fs.fdatasyncSync,
  close: fs.closeSync,
  rename: fs.renameSync,
  remove: fs.unlinkSync,
  syncDirectory,
}
