// Brings finished messages from the log into their register (§4.9): live batches as they become durable, and whatever the
// register missed, read from the log while the queue works. Both may meet in the middle, because a note repeated is
// the same note. Who flushes a register while `catchUp` runs would claim what was not read yet: wait for its end.
import { isLeft } from 'fp-ts/lib/Either.js'
import { type LedgerEvent, NO_REVISION } from '../../domain/batch.js'
import type { Outcome } from '../../domain/message/index.js'
import type { EventLog, Page } from '../ports/eventLog.js'
import type { FinishedRegister } from '../ports/finishedRegister.js'
import { LogFault } from './recovery.js'

const PAGE_BYTES = 1024 * 1024
/** So much is read again after an interrupted rebuild, at most. */
const FLUSH_EVERY_EVENTS = 262_144

type NotedBatch = Readonly<{ firstRevision: number; events: ReadonlyArray<LedgerEvent> }>
type Progress = (noted: number, head: number) => void

const outcomeOf = (type: LedgerEvent['type']): Outcome | undefined => {
  switch (type) {
    case 'AttemptSucceeded':
      return 'succeeded'
    case 'MessageCancelled':
      return 'cancelled'
    case 'MessageExpired':
      return 'expired'
    case 'MessagePurged':
      return 'purged'
    default:
      return undefined
  }
}

/** Only for a durable batch: a register never knows more than the log. */
export const noteBatch = (register: FinishedRegister, stream: string, batch: NotedBatch): void => {
  let revision = batch.firstRevision
  for (const event of batch.events) {
    const outcome = outcomeOf(event.type)
    if (outcome !== undefined && 'ordinal' in event)
      register.note(stream, { ordinal: event.ordinal, revision, outcome }, event.callerId)
    revision++
  }
}

const readPage = async (log: EventLog, stream: string, from: number): Promise<Page> => {
  for (let start = from; ; ) {
    const read = await log.read(stream, start, PAGE_BYTES)()
    if (!isLeft(read)) return read.right
    // What was truncated is gone, and its messages with it; the prefix may be cut again between two tries.
    if (read.left.type !== 'RevisionTruncated' || read.left.firstRevision <= start)
      throw new LogFault(read.left, stream)
    start = read.left.firstRevision
  }
}

const turnOfLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/**
 * Notes what the register does not cover, page by page, and flushes it. Resolves to true when the end of the log was
 * reached, to false when `signal` was aborted before; what was flushed until then stays. Rejects when the log cannot be read.
 */
export const catchUp = async (
  log: EventLog,
  register: FinishedRegister,
  stream: string,
  signal: AbortSignal,
  onProgress: Progress = () => {},
): Promise<boolean> => {
  const found = await log.head(stream)()
  if (isLeft(found)) throw new LogFault(found.left, stream)
  const head = found.right
  const covered = register.coveredTo(stream)
  // It speaks of another log, or must begin anew: nothing of it is kept.
  const isWorthless = covered > head || covered === NO_REVISION
  if (isWorthless) await register.drop(stream)
  let flushed = isWorthless ? NO_REVISION : covered
  for (let from = flushed + 1; !signal.aborted; ) {
    const page = await readPage(log, stream, from)
    for (const batch of page.batches) noteBatch(register, stream, batch)
    from = page.next
    if (from - 1 - flushed >= FLUSH_EVERY_EVENTS || (page.atEnd && from - 1 > flushed)) {
      await register.flush(stream, from - 1)
      flushed = from - 1
    }
    onProgress(from - 1, head)
    if (page.atEnd) return true
    await turnOfLoop()
  }
  return false
}
