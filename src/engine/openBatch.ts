// The batch that is being decided: events applied to the state but not yet sent, and who is to be told once they are
// durable. One recorded time for all of it.
import { type EventBatch, type LedgerEvent, NO_REVISION } from '../../domain/batch.js'
import type { PartitionState } from '../../projections/partition/index.js'
import { NOT_BEGUN } from './leaseTimes.js'
import type { Failure } from './replies.js'

/** Called once: with where the batch begins, or with why it is not there. */
export type WhenDurable = (outcome: BatchOutcome) => void
export type BatchOutcome =
  | Readonly<{ ok: true; firstRevision: number; position: number; isSparse?: boolean }>
  | Readonly<{ ok: false; failure: Failure }>

/** Where the events of a batch that landed stand, as far as the log tells. */
export type Places = (index: number) => number
export const placesIn =
  ({ position, isSparse = false }: Extract<BatchOutcome, { ok: true }>): Places =>
  (index) =>
    isSparse ? position : position + index

export class OpenBatch {
  readonly events: LedgerEvent[] = []
  readonly previous: number[] = []
  readonly waiting: WhenDurable[] = []
  private readonly cuts: number[] = []
  readonly firstRevision: number
  /** Payload and result characters, a rough measure of the bytes to come. */
  roughBytes = 0

  constructor(
    readonly at: number,
    /** The same moment on the monotonic clock. */
    readonly tick: number,
    private readonly state: PartitionState,
    private readonly keepsCuts = false,
  ) {
    this.firstRevision = state.nextRevision
  }

  /** What follows need not be appended together with what is there. */
  mayCut(): void {
    if (this.keepsCuts && this.cuts[this.cuts.length - 1] !== this.events.length)
      this.cuts.push(this.events.length)
  }

  /** What is decided here is appended in one piece, but for where it says itself that it may be cut. */
  whole<A>(decide: () => A): A {
    this.mayCut()
    const decided = decide()
    this.mayCut()
    return decided
  }

  /** Applies the event at once: the next decision of the batch sees it. */
  add(event: LedgerEvent): void {
    this.previous.push(this.state.apply(event, this.at, NOT_BEGUN))
    this.events.push(event)
    const carriesPayload = event.type === 'MessageEnqueued' || event.type === 'MessageEdited'
    this.roughBytes += carriesPayload ? event.payload.length + 48 : 24
  }

  get lastRevision(): number {
    return this.events.length === 0 ? NO_REVISION : this.firstRevision + this.events.length - 1
  }

  seal(batchId: string, epoch: number): EventBatch {
    const sealed = { batchId, at: this.at, epoch, events: this.events, previous: this.previous }
    return this.keepsCuts ? { ...sealed, cuts: this.cuts } : sealed
  }
}
