// Pages of durable batches, of one stream or of all. Damage and unknown content are faults with file, offset, stream and
// revision; nothing is skipped but what was truncated (I8).
import * as E from 'fp-ts/lib/Either.js'
import type { RecordedBatch } from '../../../domain/batch.js'
import { decodeBatch } from '../../../domain/wire/batchRows.js'
import type { Page, ReadFault } from '../../ports/eventLog.js'
import type { Block, BlockCache } from './blockCache.js'
import { corrupt } from './errors.js'
import type { Section } from './frames.js'
import {
  type BlockPlace,
  blockAfter,
  blockOfPosition,
  blockOfRevision,
  blockOfStreamAfter,
  type LogIndex,
} from './logIndex.js'

type Hint = Readonly<{ next: number; place: BlockPlace }>

/** What a page is filled with: which sections, from where, until when. */
type Wanted = Readonly<{
  start: BlockPlace | undefined
  from: number
  maxBytes: number
  /** First revision or position after the section, or undefined if it is not wanted. */
  after: (section: Section) => number | undefined
  following: (place: BlockPlace) => BlockPlace | undefined
  /** What was durable when the page was asked for ends before this. */
  end: number
}>

export class LogReader {
  /** Where the last page of a stream ended: the next page needs no search. */
  private readonly hints = new Map<string, Hint>()

  constructor(
    private readonly index: LogIndex,
    private readonly blocks: BlockCache,
  ) {}

  async read(name: string, from: number, maxBytes: number): Promise<E.Either<ReadFault, Page>> {
    const stream = this.index.streams.get(name)
    if (stream === undefined || from > stream.head) {
      return E.right({ batches: [], next: from, atEnd: true })
    }
    if (from < stream.lowMark)
      return E.left({ type: 'RevisionTruncated', stream: name, firstRevision: stream.lowMark })
    const hint = this.hints.get(name)
    const page = await this.page({
      start: hint?.next === from ? hint.place : blockOfRevision(this.index, stream, name, from),
      from,
      maxBytes,
      end: stream.head + 1,
      following: (place) => blockOfStreamAfter(this.index, stream, name, place),
      after: (section) => (section.stream === name ? section.firstRevision + section.events : undefined),
    })
    if (E.isLeft(page)) return page
    this.hints.set(name, { next: page.right.next, place: page.right.place })
    return E.right(withoutPlace(page.right))
  }

  async readAll(from: number, maxBytes: number): Promise<E.Either<ReadFault, Page>> {
    const end = this.index.segments.at(-1)?.nextPosition ?? 0
    if (from >= end) return E.right({ batches: [], next: from, atEnd: true })
    const page = await this.page({
      start: blockOfPosition(this.index, from),
      from,
      maxBytes,
      end,
      following: (place) => blockAfter(this.index, place),
      after: (section) => {
        const lowMark = this.index.streams.get(section.stream)?.lowMark ?? 0
        return section.firstRevision + section.events <= lowMark
          ? undefined
          : section.position + section.events
      },
    })
    return E.isLeft(page) ? page : E.right(withoutPlace(page.right))
  }

  private async page(wanted: Wanted): Promise<E.Either<ReadFault, Page & Readonly<{ place: BlockPlace }>>> {
    const batches: RecordedBatch[] = []
    let { from: next } = wanted
    let bytes = 0
    let place = wanted.start ?? { segment: 0, block: 0 }
    for (let at = wanted.start; at !== undefined; at = wanted.following(at)) {
      place = at
      const block = await this.blocks.read(at)
      if (E.isLeft(block)) return block
      for (const frame of block.right.frames) {
        for (const section of frame.sections) {
          const after = wanted.after(section)
          if (after === undefined || after <= wanted.from) continue
          if (after > wanted.end) return E.right({ batches, next, atEnd: true, place })
          if (batches.length > 0 && bytes >= wanted.maxBytes)
            return E.right({ batches, next, atEnd: false, place })
          const batch = recordedBatch(block.right, frame.offset, section)
          if (E.isLeft(batch)) return batch
          batches.push(batch.right)
          bytes += section.batch.length
          next = after
        }
      }
      if (next >= wanted.end) break
    }
    return E.right({ batches, next, atEnd: true, place })
  }
}

const withoutPlace = ({ batches, next, atEnd }: Page): Page => ({ batches, next, atEnd })

const recordedBatch = (
  block: Block,
  offset: number,
  section: Section,
): E.Either<ReadFault, RecordedBatch> => {
  const { stream, firstRevision, position } = section
  const decoded = decodeBatch(section.batch)
  if (E.isLeft(decoded)) {
    const where = { stream, revision: firstRevision }
    return E.left(corrupt(block.file, offset, `not a batch: ${JSON.stringify(decoded.left)}`, where))
  }
  return E.right({ ...decoded.right, stream, firstRevision, position })
}
