// How far the follow-ups of the log have been enqueued, in a small stream of its own. It may lag: what it does not cover is
// enqueued again under the same names, and is a duplicate. It never leads: it is written after the enqueues it covers.
import { isLeft } from 'fp-ts/lib/Either.js'
import { NO_REVISION } from '../../domain/batch.js'
import type { Clock } from '../ports/clock.js'
import type { EventLog } from '../ports/eventLog.js'
import type { Ids } from '../ports/ids.js'
import { appendUntilDefinite } from './appendLoop.js'
import { LogClock } from './logClock.js'
import { LogFault } from './recovery.js'

const FOLLOW_UPS_STREAM = 'process-followups'
/** Only the last position counts; those before it are cut now and then. */
const CUT_EVERY_WRITES = 1_024

type CursorDeps = Readonly<{ log: EventLog; clock: Clock; ids: Ids }>

export class FollowUpCursor {
  /** Follow-ups of all events below this position are enqueued, durably. */
  position = 0
  private revision = NO_REVISION
  private logClock: LogClock
  private isStale = true
  private writes = 0

  constructor(private readonly deps: CursorDeps) {
    this.logClock = new LogClock(deps.clock, 0)
  }

  /** Rejects with a LogFault when the log cannot be read. */
  async read(): Promise<void> {
    const { log, clock } = this.deps
    const head = await log.head(FOLLOW_UPS_STREAM)()
    if (isLeft(head)) throw new LogFault(head.left, FOLLOW_UPS_STREAM)
    this.revision = head.right
    if (this.revision !== NO_REVISION) {
      const page = await log.read(FOLLOW_UPS_STREAM, this.revision, 1)()
      if (isLeft(page)) throw new LogFault(page.left, FOLLOW_UPS_STREAM)
      for (const { events, at } of page.right.batches) {
        this.logClock = new LogClock(clock, at)
        for (const event of events)
          if (event.type === 'FollowUpsDone') this.position = Math.max(this.position, event.position)
      }
    }
    this.isStale = false
  }

  /** False = it is not in the log, or nobody knows: the next one says all that this one said. */
  async write(position: number): Promise<boolean> {
    if (this.isStale) await this.read()
    if (position <= this.position) return true
    const { log, ids } = this.deps
    const appended = await appendUntilDefinite(this.deps, FOLLOW_UPS_STREAM, this.revision, {
      batchId: ids.unique(),
      at: this.logClock.now(),
      epoch: 0,
      events: [{ type: 'FollowUpsDone', position }],
      previous: [NO_REVISION],
    })
    if (isLeft(appended)) {
      this.isStale = true
      return false
    }
    this.position = position
    this.revision = appended.right.lastRevision
    if (++this.writes % CUT_EVERY_WRITES === 0) await log.truncateBefore(FOLLOW_UPS_STREAM, this.revision)()
    return true
  }
}
