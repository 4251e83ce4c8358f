// Reads blocks of durable frames through asynchronous file calls, beside the log thread and never through it. Each frame's
// hash is checked when it is read. The last few blocks are kept, so that payloads read one after the other cost one read
// per block; the newest block grows, and only what is new of it is read again.
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import type { ReadFault } from '../../ports/eventLog.js'
import { corrupt, unavailable } from './errors.js'
import { type Files, type OpenFile, readWhole } from './files.js'
import { frameHeadAt, hashHolds, type LedgerId, type Section, sectionsOf, viewOf } from './frames.js'
import { type BlockPlace, type LogIndex, segmentOf } from './logIndex.js'
import { segmentName } from './segments.js'

const CACHE_BYTES_MAX = 8 * 1024 * 1024
const FILES_OPEN_MAX = 4

export type BlockFrame = Readonly<{ offset: number; position: number; sections: ReadonlyArray<Section> }>
export type Block = Readonly<{ file: string; frames: ReadonlyArray<BlockFrame> }>
type Cached = { frames: BlockFrame[]; start: number; end: number; nextPosition: number }

type ReadFile = { readonly handle: Promise<OpenFile>; users: number; closing: boolean }

export class BlockCache {
  private readonly blocks = new Map<number, Cached>()
  private bytes = 0
  private readonly opened = new Map<number, ReadFile>()

  constructor(
    private readonly files: Files,
    private readonly folder: string,
    private readonly ledgerId: LedgerId,
    private readonly index: LogIndex,
  ) {}

  /** All durable frames of the block. */
  async read(place: BlockPlace): Promise<E.Either<ReadFault, Block>> {
    const segment = segmentOf(this.index, place.segment)
    const start = segment?.blockOffsets[place.block]
    const firstPosition = segment?.blockPositions[place.block]
    const file = this.path(place.segment)
    if (segment === undefined || start === undefined || firstPosition === undefined)
      return E.left(unavailable(`${file} was dropped while it was read`))
    const end = segment.blockOffsets[place.block + 1] ?? segment.end
    const key = place.segment * 2 ** 16 + place.block
    const known = this.blocks.get(key)
    if (known !== undefined && known.end >= end) {
      this.touch(key, known)
      return E.right({ file, frames: known.frames })
    }
    const from = known?.end ?? start
    const loaded = await this.load(place.segment, from, end, known?.nextPosition ?? firstPosition)
    if (E.isLeft(loaded)) return loaded
    const { frames, nextPosition } = loaded.right
    const whole = { frames: [...(known?.frames ?? []), ...frames], start, end, nextPosition }
    this.touch(key, whole)
    return E.right({ file, frames: whole.frames })
  }

  async close(): Promise<void> {
    this.blocks.clear()
    const files = [...this.opened.values()]
    this.opened.clear()
    await Promise.all(files.map((file) => this.letGo(file)))
  }

  private path(segment: number): string {
    return join(this.folder, segmentName(segment))
  }

  private touch(key: number, block: Cached): void {
    const before = this.blocks.get(key)
    if (before !== undefined) this.bytes -= before.end - before.start
    this.blocks.delete(key)
    this.blocks.set(key, block)
    this.bytes += block.end - block.start
    for (const [oldest, { start, end }] of this.blocks) {
      if (this.bytes <= CACHE_BYTES_MAX || oldest === key) break
      this.blocks.delete(oldest)
      this.bytes -= end - start
    }
  }

  private async load(
    segment: number,
    from: number,
    end: number,
    firstPosition: number,
  ): Promise<E.Either<ReadFault, Readonly<{ frames: ReadonlyArray<BlockFrame>; nextPosition: number }>>> {
    // Slices of the buffer are kept by the cache, so it must not come from the pool of small buffers.
    const bytes = Buffer.allocUnsafeSlow(end - from)
    try {
      await this.fill(segment, bytes, from)
    } catch (cause) {
      return E.left(unavailable(cause))
    }
    const view = viewOf(bytes)
    const frames: BlockFrame[] = []
    let nextPosition = firstPosition
    for (let at = 0; at < bytes.length; ) {
      const damage = (reason: string): E.Either<ReadFault, never> =>
        E.left(corrupt(this.path(segment), from + at, reason))
      const head = frameHeadAt(bytes, view, at, this.ledgerId)
      if (head === undefined) return damage('no frame where one was durable')
      const frame = bytes.subarray(at, at + head.bytes)
      if (!hashHolds(frame)) return damage('the hash does not hold')
      const sections = sectionsOf(frame)
      if (sections === undefined || head.position !== nextPosition)
        return damage('another frame than was durable here')
      frames.push({ offset: from + at, position: head.position, sections })
      nextPosition += head.events
      at += head.bytes
    }
    return E.right({ frames, nextPosition })
  }

  private async fill(segment: number, into: Uint8Array, offset: number): Promise<void> {
    const file = this.openFile(segment)
    file.users++
    try {
      const done = await readWhole(await file.handle, into, offset)
      if (done < into.length) throw new Error(`${this.path(segment)} ends at offset ${offset + done}`)
    } catch (cause) {
      if (this.opened.get(segment) === file) this.opened.delete(segment)
      file.closing = true
      throw cause
    } finally {
      file.users--
      if (file.closing) await this.letGo(file)
    }
  }

  private openFile(segment: number): ReadFile {
    const known = this.opened.get(segment)
    if (known !== undefined) return known
    const opened: ReadFile = {
      handle: this.files.open(this.path(segment), 'read'),
      users: 0,
      closing: false,
    }
    this.opened.set(segment, opened)
    for (const [oldest, file] of this.opened) {
      if (this.opened.size <= FILES_OPEN_MAX) break
      this.opened.delete(oldest)
      void this.letGo(file)
    }
    return opened
  }

  /** Closes the file, or has the last of its readers do it. */
  private async letGo(file: ReadFile): Promise<void> {
    file.closing = true
    if (file.users > 0) return
    const handle = await file.handle.catch(() => undefined)
    await handle?.close().catch(() => {})
  }
}
