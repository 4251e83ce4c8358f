// The main thread's end of the log thread: starts it, hands it frames, hears of it. Whatever ends the thread before it was
// told to close - an I/O error, a lack of memory, a defect - is reported once, as a death.
import { Worker } from 'node:worker_threads'
import * as E from 'fp-ts/lib/Either.js'
import type { LogCorrupt, LogUnavailable } from '../../ports/eventLog.js'
import { reasonOf, unavailable } from './errors.js'
import type { FrameWriterOptions } from './frameWriter.js'
import { COMMAND, CONTROL_BYTES, type FromLogThread, type LogThreadData, WORD } from './logThread.js'
import type { Recovered } from './recovery.js'

/** One is gathered while the other is in flight. */
export const SLABS = 2
const PROGRAM = new URL('./logThreadMain.js', import.meta.url)

export type LogThreadOptions = FrameWriterOptions & Readonly<{ frameBytesMax: number }>

/** As the commit queue sees the thread; a simulation gives it another one. */
export interface LogThreadHandle {
  onDurable: () => void
  onDeath: (reason: string) => void
  readonly slabs: ReadonlyArray<Uint8Array>
  readonly syncs: number
  /** Asked once, at the beginning. */
  opened(): Promise<E.Either<LogCorrupt | LogUnavailable, Recovered>>
  /** One frame at a time: the next only after `onDurable`. */
  commit(slab: number, bytes: number, segment: number, offset: number): void
  /** After the last frame was answered. Ends the thread; also one that is dead already. */
  close(): Promise<void>
}

export class WorkerLogThread implements LogThreadHandle {
  onDurable: () => void = () => {}
  onDeath: (reason: string) => void = () => {}
  readonly slabs: ReadonlyArray<Uint8Array>
  private readonly control: Int32Array
  private readonly worker: Worker
  private closing = false
  private readonly ended: Promise<void>

  /** `program`: another one that calls `runLogThread`, on a disk that fails. */
  constructor(options: LogThreadOptions, program: URL = PROGRAM) {
    const { frameBytesMax, ...rest } = options
    const control = new SharedArrayBuffer(CONTROL_BYTES)
    const slabs = Array.from({ length: SLABS }, () => new SharedArrayBuffer(frameBytesMax))
    this.control = new Int32Array(control)
    this.slabs = slabs.map((slab) => new Uint8Array(slab))
    const workerData: LogThreadData = { ...rest, control, slabs }
    this.worker = new Worker(program, { workerData, name: 'ledgerq-log' })
    this.ended = new Promise((resolve) => this.worker.once('exit', () => resolve()))
  }

  opened(): Promise<E.Either<LogCorrupt | LogUnavailable, Recovered>> {
    return new Promise((resolve) => {
      let isOpened = false
      const end = (reason: string): void => {
        if (!isOpened) resolve(E.left(unavailable(reason)))
        else if (!this.closing) this.onDeath(reason)
      }
      this.worker.on('message', (message: FromLogThread) => {
        if (message === 0) this.onDurable()
        else if (message.kind === 'failed') end(message.reason)
        else if (message.kind === 'refused') resolve(E.left(message.fault))
        else if (message.kind === 'opened') {
          isOpened = true
          resolve(E.right(message.recovered))
        }
      })
      this.worker.on('error', (cause) => end(reasonOf(cause)))
      this.worker.on('exit', () => end('the log thread has ended'))
    })
  }

  commit(slab: number, bytes: number, segment: number, offset: number): void {
    const { control } = this
    control[WORD.slab] = slab
    control[WORD.bytes] = bytes
    control[WORD.segment] = segment
    control[WORD.offset] = offset
    this.command(COMMAND.commit)
  }

  get syncs(): number {
    return Atomics.load(this.control, WORD.syncs)
  }

  async close(): Promise<void> {
    this.closing = true
    this.command(COMMAND.close)
    await this.ended
  }

  private command(command: number): void {
    this.control[WORD.command] = command
    Atomics.add(this.control, WORD.turn, 1)
    Atomics.notify(this.control, WORD.turn)
  }
}
