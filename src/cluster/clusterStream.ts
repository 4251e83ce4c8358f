// The cluster stream as this node knows it. An append of unknown outcome is not repeated, unlike those of queues: nobody waits for its
// answer, and if it turns up later it does so where it was decided on (expected revision), so that it is as good as decided now.
import { isLeft } from 'fp-ts/lib/Either.js'
import { type LedgerEvent, NO_REVISION } from '../../domain/batch.js'
import {
  type ClusterEvent,
  type ClusterState,
  EMPTY_CLUSTER,
  foldCluster,
} from '../../domain/cluster/index.js'
import { describeAppendFault } from '../engine/appendLoop.js'
import { LogClock } from '../engine/logClock.js'
import { LogFault } from '../engine/recovery.js'
import type { Clock } from '../ports/clock.js'
import type { EventLog } from '../ports/eventLog.js'
import type { Ids } from '../ports/ids.js'

export const CLUSTER_STREAM = 'cluster'
const PAGE_BYTES = 1_048_576
/** Others decide at the same time: after so many of them in a row it is somebody else's turn to try. */
const CONFLICTS_MAX = 8

type Decide = (state: ClusterState) => ReadonlyArray<ClusterEvent>
type StreamDeps = Readonly<{ log: EventLog; clock: Clock; ids: Ids }>

export class ClusterStream {
  state: ClusterState = EMPTY_CLUSTER
  private revision = NO_REVISION
  private logClock: LogClock
  private reading: Promise<ClusterState> | undefined
  private nextReading: Promise<ClusterState> | undefined
  /** Decisions of this node are made one after the other: it need not conflict with itself. */
  private changing: Promise<unknown> = Promise.resolve()
  /** Called after each change of the state. */
  whenChanged: () => void = () => undefined

  constructor(private readonly deps: StreamDeps) {
    this.logClock = new LogClock(deps.clock, 0)
  }

  /** Folds what others have added by now; many may ask at once, and share one reading. Rejects with a LogFault. */
  refresh(): Promise<ClusterState> {
    const { reading } = this
    if (reading === undefined) return this.startReading()
    // The one under way may have begun before what is asked for was written.
    this.nextReading ??= reading
      .catch(() => undefined)
      .then(() => {
        this.nextReading = undefined
        return this.startReading()
      })
    return this.nextReading
  }

  private startReading(): Promise<ClusterState> {
    const reading = this.read().finally(() => {
      if (this.reading === reading) this.reading = undefined
    })
    this.reading = reading
    return reading
  }

  private async read(): Promise<ClusterState> {
    for (;;) {
      const from = this.revision + 1
      const page = await this.deps.log.read(CLUSTER_STREAM, from, PAGE_BYTES)()
      if (isLeft(page)) throw new LogFault(page.left, CLUSTER_STREAM)
      // Several may read at once: each takes what nobody has taken yet.
      for (const { events, firstRevision, at } of page.right.batches)
        this.take(events.slice(Math.max(0, this.revision + 1 - firstRevision)), at)
      if (page.right.atEnd) return this.state
    }
  }

  private take(events: ReadonlyArray<LedgerEvent>, at: number): void {
    if (events.length === 0) return
    this.revision += events.length
    this.state = foldCluster(this.state, events as ReadonlyArray<ClusterEvent>)
    this.logClock = new LogClock(this.deps.clock, at)
    this.whenChanged()
  }

  /** Decides on what stands there, again after each conflict. Rejects when the log does not take it or does not answer. */
  change(decide: Decide): Promise<ClusterState> {
    const changed = this.changing.then(() => this.changeNow(decide))
    this.changing = changed.catch(() => undefined)
    return changed
  }

  private async changeNow(decide: Decide): Promise<ClusterState> {
    for (let conflicts = 0; ; conflicts++) {
      const events = decide(this.state)
      if (events.length === 0) return this.state
      const { revision } = this
      const at = this.logClock.now()
      const batch = { batchId: this.deps.ids.unique(), at, epoch: 0, events }
      const previous = events.map(() => NO_REVISION)
      const appended = await this.deps.log.append(CLUSTER_STREAM, revision, { ...batch, previous })()
      if (!isLeft(appended)) {
        if (this.revision === revision) this.take(events, at)
        return this.state
      }
      if (appended.left.type !== 'RevisionConflict' || conflicts >= CONFLICTS_MAX)
        throw new Error(describeAppendFault(appended.left))
      await this.refresh()
    }
  }
}
