// The thread that owns the segment files: it opens them, and then commits one frame after the other with synchronous calls
// (frameWriter.ts), so that the main thread never waits for the disk and no pool of other work can hold up a commit
// (R12, R13). Frames come in shared memory and are never copied or cloned: a hop costs about 15 us there and back, against
// 22 us with transferred buffers. Commands come as words of shared memory too, and wake the thread from Atomics.wait.
// The first error of any file operation ends the thread: what was in flight is unknown.
import { parentPort, workerData } from 'node:worker_threads'
import * as E from 'fp-ts/lib/Either.js'
import type { LogCorrupt } from '../../ports/eventLog.js'
import type { Disk } from './disk.js'
import { reasonOf } from './errors.js'
import { FrameWriter, type FrameWriterOptions } from './frameWriter.js'
import type { Recovered } from './recovery.js'

export type LogThreadData = FrameWriterOptions &
  Readonly<{
    control: SharedArrayBuffer
    slabs: ReadonlyArray<SharedArrayBuffer>
  }>

/** Words of `control`. `turn` rises by one with each command and is what the thread waits on. */
export const WORD = { turn: 0, command: 1, slab: 2, bytes: 3, segment: 4, offset: 5, syncs: 6 } as const
export const CONTROL_BYTES = 64
export const COMMAND = { commit: 1, close: 2 } as const

export type FromLogThread =
  | Readonly<{ kind: 'opened'; recovered: Recovered }>
  | Readonly<{ kind: 'refused'; fault: LogCorrupt }>
  | Readonly<{ kind: 'failed'; reason: string }>
  | Readonly<{ kind: 'closed' }>
  /** The frame in flight is durable. A bare number: it is sent for each commit. */
  | 0

/** Commits what it is told to; returns when told to close. */
const serve = (
  writer: FrameWriter,
  control: Int32Array,
  slabs: ReadonlyArray<Uint8Array>,
  onDurable: () => void,
): void => {
  const word = (at: number): number => control[at] ?? 0
  for (let seen = 0; ; ) {
    const answer = Atomics.wait(control, WORD.turn, seen, writer.msToHeadSync())
    if (answer === 'timed-out') {
      writer.syncHeadMark()
      continue
    }
    const turn = Atomics.load(control, WORD.turn)
    // The main thread may be held up between its command and its wake-up call: then the command was seen and done
    // already, and the call that comes late says nothing new. A frame that is sealed twice breaks the chain.
    if (turn === seen) continue
    seen = turn
    if (control[WORD.command] === COMMAND.close) break
    const slab = slabs[word(WORD.slab)]
    if (slab === undefined) throw new Error('no such slab')
    writer.commit(slab.subarray(0, word(WORD.bytes)), word(WORD.segment), word(WORD.offset))
    onDurable()
    if (writer.msToHeadSync() === 0) writer.syncHeadMark()
  }
  writer.close()
}

/** The whole life of the thread, on the given disk. */
export const runLogThread = (disk: Disk): void => {
  const port = parentPort
  if (port === null) throw new Error('the log thread is started as a worker thread')
  const tell = (message: FromLogThread): void => port.postMessage(message)
  const options = workerData as LogThreadData
  const control = new Int32Array(options.control)
  const slabs = options.slabs.map((slab) => new Uint8Array(slab))
  try {
    const writer = FrameWriter.open(disk, options, {
      nowMs: Date.now,
      onSync: () => Atomics.add(control, WORD.syncs, 1),
    })
    if (E.isLeft(writer)) {
      tell({ kind: 'refused', fault: writer.left })
      return
    }
    tell({ kind: 'opened', recovered: writer.right.recovered })
    serve(writer.right, control, slabs, () => tell(0))
    tell({ kind: 'closed' })
  } catch (cause) {
    tell({ kind: 'failed', reason: reasonOf(cause) })
  }
}
