// What the disk and the platform allow: callers with the same bytes, a plain preallocated file, one write and one fdatasync
// per group commit, and nothing else (no decision, no codec, no hash, no view). One group is on its way while the next
// gathers, as in the ledger. The ledger's own rate divided by this is its `ratio_to_ceiling`.
import { type FileHandle, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'

const FILE_BYTES = 256 * 1_048_576
const FILL_STEP_BYTES = 4 * 1_048_576

export type CeilingShape = Readonly<{
  /** Each waits for its own call before the next. */
  callers: number
  eventsPerCall: number
  bytesPerEvent: number
  seconds: number
}>
export type Ceiling = Readonly<{ eventsPerSecond: number; fsyncs: number }>

export const measureCeiling = async (directory: string, shape: CeilingShape): Promise<Ceiling> => {
  const path = join(directory, 'ceiling.bin')
  const file = await preallocated(path)
  try {
    return await new GroupCommit(file, shape).run()
  } finally {
    await file.close()
    await rm(path)
  }
}

const preallocated = async (path: string): Promise<FileHandle> => {
  const file = await open(path, 'w')
  const zeros = Buffer.alloc(FILL_STEP_BYTES)
  for (let at = 0; at < FILE_BYTES; at += zeros.length) await file.write(zeros, 0, zeros.length, at)
  await file.sync()
  return file
}

class GroupCommit {
  private waiting: Array<() => void> = []
  private readonly callBytes: number
  private at = 0
  private fsyncs = 0
  private syncing = false
  private readonly bytes: Buffer

  constructor(
    private readonly file: FileHandle,
    private readonly shape: CeilingShape,
  ) {
    this.callBytes = Math.max(1, Math.round(shape.bytesPerEvent * shape.eventsPerCall))
    this.bytes = Buffer.alloc(this.callBytes * shape.callers, 7)
  }

  async run(): Promise<Ceiling> {
    const { callers, eventsPerCall, seconds } = this.shape
    let calls = 0
    const began = performance.now()
    const end = began + seconds * 1000
    const caller = async (): Promise<void> => {
      while (performance.now() < end) {
        await new Promise<void>((resolve) => this.append(resolve))
        calls++
      }
    }
    await Promise.all(Array.from({ length: callers }, caller))
    const eventsPerSecond = (calls * eventsPerCall) / ((performance.now() - began) / 1000)
    return { eventsPerSecond: Math.round(eventsPerSecond), fsyncs: this.fsyncs }
  }

  private append(resolve: () => void): void {
    this.waiting.push(resolve)
    if (this.syncing) return
    this.syncing = true
    setImmediate(() => this.commit())
  }

  private async commit(): Promise<void> {
    while (this.waiting.length > 0) {
      const group = this.waiting
      this.waiting = []
      const length = group.length * this.callBytes
      if (this.at + length > FILE_BYTES) this.at = 0
      await this.file.write(this.bytes, 0, length, this.at)
      await this.file.datasync()
      this.fsyncs++
      this.at += length
      for (const resolve of group) resolve()
    }
    this.syncing = false
  }
}
