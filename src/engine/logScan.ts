// Shows every durable event of the log to one reader, whatever stream it is in, and knows up to which position all of them
// were shown. Live: appends tell of themselves as they become durable, for one comparison each. What was appended before
// the start, what arrived while the reader had no room, and what an append with a lost answer left out is read from the log.
// An event may be shown twice, never not at all: a position counts as shown only when everything below it was.
import { isLeft, isRight } from 'fp-ts/lib/Either.js'
import { type EventBatch, indexFrom, positionAt, type RecordedBatch } from '../../domain/batch.js'
import type { Clock } from '../ports/clock.js'
import type { Appended, EventLog } from '../ports/eventLog.js'
import { HeardAppends } from './heardAppends.js'
import { LogFault } from './recovery.js'

const PAGE_BYTES = 1_048_576
/** Appends that became durable ahead of one before them; more are read from the log. */
const AHEAD_MAX = 64
/** An append that does not tell of itself for so long, while later ones did, is looked for in the log. */
const GAP_MS = 1_000
const READ_AGAIN_MS = 1_000

export type ShownBatch = Pick<
  RecordedBatch,
  'stream' | 'firstRevision' | 'position' | 'positions' | 'events'
> &
  /** The log does not say where each event stands: all of them are found from `position` on. */
  Readonly<{ isAnchored?: boolean }>

/** Where reading has to begin to see this event. */
export const resumeAt = (batch: ShownBatch, index: number): number =>
  batch.isAnchored === true ? batch.position : positionAt(batch, index)

type ScanDeps = Readonly<{
  log: EventLog
  clock: Clock
  /** Other processes append as well: own appends tell nothing, everything is read from the log as it says that it has grown. */
  isShared?: boolean
}>
export type ScanReader = Readonly<{
  /** Takes what it wants of the events from index `from` on; false = no room: shown again after `resume`. */
  show: (batch: ShownBatch, from: number) => boolean
  /** `shown` has grown. */
  advanced: () => void
  onTrouble: (message: string) => void
}>

export class LogScan {
  /** All events below this position were shown. */
  shown = 0
  /** Events shown since the start, some perhaps twice. */
  shownEvents = 0
  private readonly heard: HeardAppends | undefined
  private isReading = false
  /** The reader had no room for what stands at `shown`. */
  private isRefused = false
  /** Durable below this position, as far as appends have told. */
  private durableTo = 0
  private readonly ahead = new Map<number, number>()
  private cancelTimer: (() => void) | undefined
  private isStopped = true
  private reading: Promise<void> = Promise.resolve()
  private stopListening: (() => void) | undefined
  /** Appends through it tell of themselves. */
  readonly log: EventLog

  constructor(
    private readonly deps: ScanDeps,
    private readonly reader: ScanReader,
  ) {
    const { log } = deps
    this.heard = log.isSparse === true ? new HeardAppends() : undefined
    this.log = deps.isShared === true ? log : this.telling(log)
  }

  private telling(log: EventLog): EventLog {
    return {
      ...log,
      append: (stream, expected, batch) => {
        const append = log.append(stream, expected, batch)
        const { heard } = this
        if (heard !== undefined) return () => this.heardAppend(heard, stream, batch, append)
        return async () => {
          const answer = await append()
          if (isRight(answer)) {
            const { firstRevision, position } = answer.right
            this.note({ stream, firstRevision, position, events: batch.events })
          }
          return answer
        }
      },
    }
  }

  /** Everything from `position` on is shown, beginning with what is in the log already. */
  start(position: number): void {
    this.shown = position
    this.durableTo = Math.max(this.durableTo, this.deps.log.condition().nextPosition)
    this.isStopped = false
    if (this.deps.isShared === true)
      this.stopListening = this.deps.log.onAppended((next) => {
        this.durableTo = Math.max(this.durableTo, next)
        // A read that failed waits for its next try: others append all the while, and each would ask a log that does not answer.
        if (this.cancelTimer === undefined && !this.isRefused && next > this.shown) this.read()
      })
    if (this.durableTo > this.shown) this.read()
  }

  /** There is room again. */
  resume(): void {
    if (this.isRefused) this.read()
  }

  /** Nothing is shown any more when this resolves. */
  async stop(): Promise<void> {
    this.isStopped = true
    this.stopListening?.()
    this.cancelTimer?.()
    await this.reading
  }

  /** As `note`, where positions do not follow one another: the lowest append that may still turn up says how far all were shown. */
  private async heardAppend(
    heard: HeardAppends,
    stream: string,
    batch: EventBatch,
    append: ReturnType<EventLog['append']>,
  ): ReturnType<ReturnType<EventLog['append']>> {
    const position = heard.begin(stream, batch.batchId, this.durableTo)
    const answer = await append()
    if (isRight(answer)) {
      const { firstRevision } = answer.right
      const isMissing = heard.landed(stream)
      const shown = { stream, firstRevision, position, isAnchored: true, events: batch.events }
      this.noteAnchored(heard, shown, answer.right, isMissing)
    } else if (answer.left.type === 'OutcomeUnknown') heard.lost(stream)
    else heard.refused(stream, answer.left.type === 'RevisionConflict')
    return answer
  }

  private noteAnchored(
    heard: HeardAppends,
    batch: ShownBatch,
    { next = 0 }: Appended,
    isMissing: boolean,
  ): void {
    if (next > this.durableTo) this.durableTo = next
    // Read already, or about to be.
    if (this.isStopped || this.isReading || this.isRefused || next <= this.shown) return
    if (isMissing) return this.read()
    if (!this.show(batch, 0)) {
      this.isRefused = true
      return
    }
    this.shown = Math.max(this.shown, heard.lowest(this.durableTo))
    this.reader.advanced()
  }

  private show(batch: ShownBatch, from: number): boolean {
    const isTaken = this.reader.show(batch, from)
    if (isTaken) this.shownEvents += batch.events.length - from
    return isTaken
  }

  private note(batch: ShownBatch): void {
    const { position, events } = batch
    const end = position + events.length
    if (end > this.durableTo) this.durableTo = end
    // Read already, or about to be.
    if (this.isStopped || this.isReading || position < this.shown) return
    if (position > this.shown && this.ahead.size >= AHEAD_MAX) return this.read()
    if (this.isRefused || !this.show(batch, 0)) {
      this.isRefused = true
      return
    }
    if (position > this.shown) {
      this.ahead.set(position, end)
      this.readAfter(GAP_MS)
      return
    }
    this.shown = end
    this.catchUpWithAhead()
    this.reader.advanced()
  }

  private catchUpWithAhead(): void {
    for (let end: number | undefined; ; this.shown = end) {
      end = this.ahead.get(this.shown)
      if (end === undefined) return
      this.ahead.delete(this.shown)
    }
  }

  private readAfter(ms: number): void {
    if (this.cancelTimer !== undefined || this.isStopped) return
    this.cancelTimer = this.deps.clock.after(ms, () => {
      this.cancelTimer = undefined
      if (this.durableTo > this.shown) this.read()
    })
  }

  private read(): void {
    if (this.isReading || this.isStopped) return
    this.isReading = true
    this.isRefused = false
    this.reading = this.readOn().then((again) => {
      this.isReading = false
      if (again) this.readAfter(READ_AGAIN_MS)
      // Told of between the last look and now.
      else if (!this.isRefused && this.shown < this.durableTo) this.read()
    })
  }

  /** Up to the end of the log, or until there is no room. True = something is left that has to be tried again. */
  private async readOn(): Promise<boolean> {
    while (!this.isStopped && this.shown < this.durableTo) {
      const { durableTo } = this
      const page = await this.deps.log.readAll(this.shown, PAGE_BYTES)()
      if (this.isStopped) return false
      if (isLeft(page)) {
        const { message } = new LogFault(page.left, 'the log')
        this.reader.onTrouble(`follow-ups wait: ${message}`)
        return true
      }
      const before = this.shown
      for (const batch of page.right.batches) {
        const end = positionAt(batch, batch.events.length)
        if (end <= this.shown) continue
        const wasShown = this.ahead.delete(batch.position)
        if (!wasShown && !this.show(batch, indexFrom(batch, this.shown))) {
          this.isRefused = true
          return false
        }
        this.shown = end
      }
      // Positions of truncated events are passed over.
      this.shown = Math.max(this.shown, page.right.next)
      // What others wrote behind our last event is nothing that could be shown.
      if (page.right.atEnd && this.heard !== undefined) this.shown = Math.max(this.shown, durableTo)
      this.reader.advanced()
      if (page.right.atEnd && this.shown === before) return this.shown < this.durableTo
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.ahead.clear()
    return false
  }
}
