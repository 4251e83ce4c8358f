// Cutting prefixes of streams (§4.8). The low mark of a stream hides its older events at once; the disk space comes back
// when no stream needs any event of a segment, segment by segment. Low marks, and how the chain bridges what is dropped,
// are durable before the first file goes.
import { join } from 'node:path'
import { type DroppedRun, type Marks, writeMarks } from './directory.js'
import type { Files } from './files.js'
import { dropSegment, type LogIndex, type SegmentIndex } from './logIndex.js'
import { segmentName } from './segments.js'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** All but the newest segment, if every event in it is below its stream's low mark. */
const droppable = (index: LogIndex): ReadonlyArray<SegmentIndex> =>
  index.segments
    .slice(0, -1)
    .filter(({ streams }) =>
      [...streams].every(([name, { last }]) => last < (index.streams.get(name)?.lowMark ?? 0)),
    )

/** Runs that touch become one, which knows how the chain goes on after the last of them. */
const mergedRuns = (runs: ReadonlyArray<DroppedRun>): DroppedRun[] => {
  const merged: DroppedRun[] = []
  for (const run of [...runs].sort((a, b) => a.from - b.from)) {
    const before = merged.at(-1)
    if (before !== undefined && before.through + 1 === run.from)
      merged[merged.length - 1] = { ...run, from: before.from }
    else merged.push(run)
  }
  return merged
}

export class Truncation {
  private running: Promise<void> = Promise.resolve()
  /** Counts the changes of low marks in memory; those up to `saved` are on disk. */
  private raised = 0
  private saved = 0

  constructor(
    private readonly files: Files,
    private readonly directory: string,
    private readonly segmentsFolder: string,
    private readonly index: LogIndex,
    private dropped: ReadonlyArray<DroppedRun>,
  ) {}

  /** One after the other: each writes the same file. Below a low mark that is not durable yet, it waits for that. */
  truncate(name: string, revision: number): Promise<void> {
    const stream = this.index.streams.get(name)
    const lowMark = Math.min(revision, (stream?.head ?? -1) + 1)
    if (stream !== undefined && lowMark > stream.lowMark) {
      stream.lowMark = lowMark
      this.raised += 1
    }
    if (this.saved === this.raised) return Promise.resolve()
    const next = this.running.then(() => this.apply())
    this.running = next.catch(() => {})
    return next
  }

  settled(): Promise<void> {
    return this.running
  }

  private async apply(): Promise<void> {
    // The one before has written what this one wanted.
    if (this.saved === this.raised) return
    const { raised } = this
    const going = droppable(this.index)
    const runs = going.map(({ number, nextFrame, nextPosition, lastHash }) => {
      return { from: number, through: number, nextFrame, nextPosition, lastHash: hex(lastHash) }
    })
    const dropped = mergedRuns([...this.dropped, ...runs])
    const streams: Marks['streams'] = {}
    for (const [name, { lowMark, head, digest }] of this.index.streams)
      if (lowMark > 0) streams[name] = { lowMark, head, digest: hex(digest) }
    await writeMarks(this.files, this.directory, { streams, dropped })
    this.dropped = dropped
    this.saved = raised
    // A name that stays is removed at the next start, by what the marks say.
    for (const { number } of going) dropSegment(this.index, number)
    for (const { number } of going) await this.files.remove(join(this.segmentsFolder, segmentName(number)))
    if (going.length > 0) await this.files.syncFolder(this.segmentsFolder)
  }
}
