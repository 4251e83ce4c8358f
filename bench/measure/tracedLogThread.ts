// The program of a log thread whose disk notes, for each commit, when its steps began and ended (commitTrace.ts reads it).
// A commit is a write to a segment, its sync, and a write of the head mark; a sync of the head mark lies between commits.
import fs from 'node:fs'
import { getEnvironmentData, isMainThread } from 'node:worker_threads'
import { type Disk, realDisk } from '../../src/adapters/embedded/disk.js'
import { HEAD_FILE } from '../../src/adapters/embedded/headMark.js'
import { runLogThread } from '../../src/adapters/embedded/logThread.js'

export const TRACE_KEY = 'ledgerq bench: notes of commits'
/** Words of the one note there is: the next commit begins only after the main thread has read it. */
export const NOTE = {
  writeBegan: 0,
  written: 1,
  synced: 2,
  marked: 3,
  headSyncMs: 4,
  noProcessorMs: 5,
} as const
export const NOTE_WORDS = 6

/** The same in all threads of the process. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6

/** How long this thread has waited for a processor so far; 0 where the kernel does not tell. */
const processorWait = (): (() => number) => {
  const text = Buffer.alloc(64)
  try {
    const fd = fs.openSync('/proc/thread-self/schedstat', 'r')
    return () =>
      Number(text.toString('latin1', 0, fs.readSync(fd, text, 0, text.length, 0)).split(' ')[1]) / 1e6
  } catch {
    return () => 0
  }
}

const traced = (disk: Disk, notes: Float64Array): Disk => {
  const waitedMs = processorWait()
  const segments = new Set<number>()
  let waitedBefore = waitedMs()
  const note = (word: number, value: number): void => {
    notes[word] = value
  }
  let headSyncMs = 0
  return {
    ...disk,
    open: (path, create) => {
      const fd = disk.open(path, create)
      if (path.endsWith(HEAD_FILE)) segments.delete(fd)
      else segments.add(fd)
      return fd
    },
    write: (fd, bytes, offset) => {
      const began = monotonicMs()
      disk.write(fd, bytes, offset)
      if (segments.has(fd)) {
        note(NOTE.writeBegan, began)
        note(NOTE.written, monotonicMs())
        return
      }
      note(NOTE.marked, monotonicMs())
      note(NOTE.headSyncMs, headSyncMs)
      headSyncMs = 0
      const waited = waitedMs()
      note(NOTE.noProcessorMs, waited - waitedBefore)
      waitedBefore = waited
    },
    datasync: (fd) => {
      const began = monotonicMs()
      disk.datasync(fd)
      if (segments.has(fd)) note(NOTE.synced, monotonicMs())
      else headSyncMs = monotonicMs() - began
    },
  }
}

if (!isMainThread)
  runLogThread(traced(realDisk, new Float64Array(getEnvironmentData(TRACE_KEY) as SharedArrayBuffer)))
