// The small streams (catalogue, control): read whole, folded, and appended to one decision at a time.
import { isLeft } from 'fp-ts/lib/Either.js'
import { type LedgerEvent, NO_REVISION } from '../../domain/batch.js'
import type { Clock } from '../ports/clock.js'
import type { EventLog } from '../ports/eventLog.js'
import type { Ids } from '../ports/ids.js'
import { LogClock } from './logClock.js'
import { LogFault } from './recovery.js'
import type { Failure } from './replies.js'

const PAGE_BYTES = 1_048_576

/** An append that did not succeed, with what is known of it. */
export class AppendFailed extends Error {
  constructor(readonly failure: Failure) {
    super(failure.kind === 'refused' ? failure.refusal.type : failure.reason)
  }
}

export class StreamFold<State, Event extends LedgerEvent> {
  private revision = NO_REVISION
  private logClock: LogClock
  /** Decisions run one after the other: each sees what the one before appended. */
  private turn: Promise<unknown> = Promise.resolve()

  private constructor(
    private readonly deps: Readonly<{ log: EventLog; clock: Clock; ids: Ids }>,
    readonly stream: string,
    public state: State,
    private readonly evolve: (state: State, event: Event) => State,
    lastAt: number,
  ) {
    this.logClock = new LogClock(deps.clock, lastAt)
  }

  static async open<State, Event extends LedgerEvent>(
    deps: Readonly<{ log: EventLog; clock: Clock; ids: Ids }>,
    stream: string,
    initial: State,
    evolve: (state: State, event: Event) => State,
  ): Promise<StreamFold<State, Event>> {
    let state = initial
    let next = 0
    let lastAt = 0
    for (;;) {
      const page = await deps.log.read(stream, next, PAGE_BYTES)()
      if (isLeft(page)) throw new LogFault(page.left, stream)
      for (const batch of page.right.batches) {
        for (const event of batch.events) state = evolve(state, event as Event)
        lastAt = batch.at
        next = batch.firstRevision + batch.events.length
      }
      if (page.right.atEnd) break
    }
    const fold = new StreamFold(deps, stream, state, evolve, lastAt)
    fold.revision = next - 1
    return fold
  }

  /** Decides on the present state and appends what came out; answers after it is durable. `decide` may throw to refuse. */
  change(decide: (state: State) => ReadonlyArray<Event>): Promise<State> {
    const run = async (): Promise<State> => {
      const events = decide(this.state)
      if (events.length === 0) return this.state
      const result = await this.deps.log.append(this.stream, this.revision, {
        batchId: this.deps.ids.unique(),
        at: this.logClock.now(),
        epoch: 0,
        events,
        previous: events.map(() => NO_REVISION),
      })()
      if (isLeft(result)) {
        const { type } = result.left
        throw new AppendFailed({ kind: type === 'OutcomeUnknown' ? 'unknown' : 'unavailable', reason: type })
      }
      this.revision = result.right.lastRevision
      for (const event of events) this.state = this.evolve(this.state, event)
      return this.state
    }
    const result = this.turn.then(run, run)
    this.turn = result.catch(() => undefined)
    return result
  }
}
