// Keeps another store behind a directory that is in use: what becomes durable there is appended here a moment later. When the way
// to the store is cut, it waits, however long, and goes on from where it was when the way is back: so a machine that is often
// offline carries its ledger to the central store whenever it can (F5). It reads without the directory's lock.
import { setTimeout as after } from 'node:timers/promises'
import { isRight } from 'fp-ts/lib/Either.js'
import { decodeBatch } from '../../domain/wire/batchRows.js'
import { ChainedSegments } from '../adapters/embedded/chainedSegments.js'
import { type ChainedBatch, ChainFault, lastRevisionOf } from '../chain/chainedBatch.js'
import { FollowUpCover } from './followUpCover.js'
import { PAGE_BATCHES, PAGE_BYTES } from './pages.js'
import { type ChainTarget, isProcessStream } from './sides.js'

const LOOK_EVERY_MS = 500
const PAUSE_MIN_MS = 500
const PAUSE_MAX_MS = 30_000

export type FollowOptions = Readonly<{
  signal: AbortSignal
  /** All that is durable in the directory is in the target; so many events were written since the last time. */
  onCaughtUp: (events: number) => void
  /** The way is cut, or is back (`undefined`). */
  onWay: (trouble: string | undefined) => void
}>

/** Repeats what failed only because the other side cannot be reached; undefined = the signal fired meanwhile. */
export const whenReachable = async <A>(
  { signal, onWay }: Pick<FollowOptions, 'signal' | 'onWay'>,
  act: () => Promise<A>,
): Promise<A | undefined> => {
  for (
    let pauseMs = 0;
    !signal.aborted;
    pauseMs = Math.min(PAUSE_MAX_MS, Math.max(PAUSE_MIN_MS, pauseMs * 2))
  ) {
    if (pauseMs > 0) await after(pauseMs, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return undefined
    try {
      const answer = await act()
      if (pauseMs > 0) onWay(undefined)
      return answer
    } catch (error) {
      if (!(error instanceof ChainFault) || error.kind !== 'unavailable') throw error
      if (pauseMs === 0) onWay(error.message)
    }
  }
  return undefined
}

/** Resolves with the events that were written when the signal has fired. The target has been moved to before. */
export const follow = async (
  directory: string,
  target: ChainTarget,
  options: FollowOptions,
): Promise<number> => {
  const follower = new Follower(await ChainedSegments.open(directory), target, options)
  while (!options.signal.aborted) {
    await follower.round()
    await after(LOOK_EVERY_MS, undefined, { signal: options.signal }).catch(() => undefined)
  }
  return follower.written
}

class Follower {
  private readonly cover = new FollowUpCover()
  private page: ChainedBatch[] = []
  private pageBytes = 0
  written = 0

  constructor(
    private readonly segments: ChainedSegments,
    private readonly target: ChainTarget,
    private readonly options: FollowOptions,
  ) {}

  async round(): Promise<void> {
    if (!(await this.segments.hasGrown())) return
    const before = this.written
    for await (const batch of this.segments.batches()) {
      this.take(batch)
      if (this.pageBytes >= PAGE_BYTES || this.page.length >= PAGE_BATCHES) await this.flush()
      // What was taken and not written is read again by the next run.
      if (this.options.signal.aborted) return
    }
    await this.flush()
    if (this.options.signal.aborted || this.written === before) return
    await whenReachable(this.options, () => this.target.note(this.cover.uncovered()))
    this.options.onCaughtUp(this.written - before)
  }

  private take(batch: ChainedBatch): void {
    if (!isProcessStream(batch.stream)) {
      this.cover.note(batch)
      this.page.push(batch)
      this.pageBytes += batch.bytes.length
      return
    }
    const decoded = decodeBatch(batch.bytes)
    if (isRight(decoded)) this.cover.progress(batch.stream, decoded.right.events)
  }

  /** As far as the target does not have it: after an answer was lost, nobody knows but the target. */
  private async flush(): Promise<void> {
    const { page, target } = this
    await whenReachable(this.options, async () => {
      const missing: ChainedBatch[] = []
      for (const batch of page) {
        const head = await target.head(batch.stream)
        if (lastRevisionOf(batch) > (head?.revision ?? -1)) missing.push(batch)
      }
      await target.write(missing)
      for (const { events } of missing) this.written += events
    })
    this.page = []
    this.pageBytes = 0
  }
}
