// The small streams (catalogue, control): read whole, folded, and appended to one decision at a time.
import { isLeft } from 'fp-ts/lib/Either.js'
import { type LedgerEvent, NO_REVISION } from '../../domain/batch.js'
import type { Clock } from '../ports/clock.js'
import type { EventLog } from '../ports/eventLog.js'
import type { Ids } from '../ports/ids.js'
import { appendUntilDefinite, describeAppendFault } from './appendLoop.js'
import { LogClock } from './logClock.js'
import { LogFault } from './recovery.js'
import type { Failure } from './replies.js'

const PAGE_BYTES = 1_048_576

/** An append that did not succeed, with what is known of it. */
export class AppendFailed extends Error {
  constructor(
    readonly failure: Failure,
    /** Somebody else has appended: the same decision may be made again on what stands there now. */
    readonly isConflict = false,
  ) {
    super(failure.kind === 'refused' ? failure.refusal.type : failure.reason)
  }
}

type FoldDeps = Readonly<{ log: EventLog; clock: Clock; ids: Ids }>

export class StreamFold<State, Event extends LedgerEvent> {
  private revision = NO_REVISION
  private logClock: LogClock
  private isStale = false
  /** Decisions run one after the other: each sees what the one before appended. */
  private turn: Promise<unknown> = Promise.resolve()

  private constructor(
    private readonly deps: FoldDeps,
    readonly stream: string,
    public state: State,
    private readonly fold: (state: State, events: ReadonlyArray<Event>) => State,
  ) {
    this.logClock = new LogClock(deps.clock, 0)
  }

  static async open<State, Event extends LedgerEvent>(
    deps: FoldDeps,
    stream: string,
    initial: State,
    fold: (state: State, events: ReadonlyArray<Event>) => State,
  ): Promise<StreamFold<State, Event>> {
    const opened = new StreamFold(deps, stream, initial, fold)
    await opened.read()
    return opened
  }

  /** Folds what stands in the stream beyond what is known. */
  private async read(): Promise<void> {
    const { log, clock } = this.deps
    let lastAt = 0
    for (;;) {
      const page = await log.read(this.stream, this.revision + 1, PAGE_BYTES)()
      if (isLeft(page)) throw new LogFault(page.left, this.stream)
      const added: Event[] = []
      for (const { events, firstRevision, at } of page.right.batches) {
        const isNewFrom = Math.max(0, this.revision + added.length + 1 - firstRevision)
        for (const event of events.slice(isNewFrom)) added.push(event as Event)
        lastAt = at
      }
      this.state = this.fold(this.state, added)
      this.revision += added.length
      if (page.right.atEnd) break
    }
    // Others have other clocks: what was recorded before stands, also when nothing was added since.
    this.logClock = new LogClock(clock, Math.max(lastAt, this.logClock.now()))
    this.isStale = false
  }

  /** Folds what others have appended since. */
  refresh(): Promise<State> {
    return this.inTurn(async () => {
      await this.read()
      return this.state
    })
  }

  /** Decides on the present state and appends what came out; answers after it is durable. `decide` may throw to refuse. */
  change(decide: (state: State) => ReadonlyArray<Event>): Promise<State> {
    return this.inTurn(async () => {
      if (this.isStale) await this.read()
      const events = decide(this.state)
      if (events.length === 0) return this.state
      const { ids } = this.deps
      const result = await appendUntilDefinite(this.deps, this.stream, this.revision, {
        batchId: ids.unique(),
        at: this.logClock.now(),
        epoch: 0,
        events,
        previous: events.map(() => NO_REVISION),
      })
      if (isLeft(result)) {
        // Whether it is there or not, or another one is: the next change begins with what the log says.
        this.isStale = true
        const kind = result.left.type === 'OutcomeUnknown' ? 'unknown' : 'unavailable'
        const failure: Failure = { kind, reason: describeAppendFault(result.left) }
        throw new AppendFailed(failure, result.left.type === 'RevisionConflict')
      }
      this.revision = result.right.lastRevision
      this.state = this.fold(this.state, events)
      return this.state
    })
  }

  private inTurn(run: () => Promise<State>): Promise<State> {
    const result = this.turn.then(run, run)
    this.turn = result.catch(() => undefined)
    return result
  }
}
