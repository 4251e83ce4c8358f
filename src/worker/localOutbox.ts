// Outcomes of handlers in this process on their way to the log: those of one turn go together, one call per partition.
// What the log could not take is told again: the work is done, and its fence stands.
import { isLeft } from 'fp-ts/lib/Either.js'
import type { QueueEngine } from '../engine/queueEngine.js'
import type { Reply } from '../engine/replies.js'
import type { Settled, Settlement } from '../engine/requests.js'
import { inShares } from '../engine/settlementShares.js'
import type { Clock } from '../ports/clock.js'

const RETRY_PAUSE_MS = 500
/** Repeats of an outcome that the log could not take, one pause apart; then the lease decides. */
const REPEATS_MAX = 20

export type LocalOutboxDeps = Readonly<{
  engine: QueueEngine
  clock: Clock
  isStopping: () => boolean
  /** The outcomes of a turn have been handed to the log. */
  flushed: () => void
  /** Some have been answered. */
  answered: () => void
  report: (error: Error) => void
}>

/** An outcome that will not be in the log. */
export class OutcomeLost extends Error {
  override readonly name = 'OutcomeLost'
}

export class LocalOutbox {
  /** By partition; there may be more of them later. */
  private readonly waiting: Settlement[][] = []
  private flushing = false
  private unsettled = 0

  constructor(private readonly deps: LocalOutboxDeps) {}

  /** Nothing is waiting for the log, or for its answer. */
  get isEmpty(): boolean {
    return !this.flushing && this.unsettled === 0
  }

  add(partition: number, settlement: Settlement): void {
    while (this.waiting.length <= partition) this.waiting.push([])
    this.waiting[partition]?.push(settlement)
    this.wakeSoon()
  }

  wakeSoon(): void {
    if (this.flushing) return
    this.flushing = true
    queueMicrotask(this.flush)
  }

  readonly flush = (): void => {
    this.flushing = false
    this.waiting.forEach((all, partition) => {
      if (all.length === 0) return
      this.waiting[partition] = []
      for (const settlements of inShares(all)) {
        this.unsettled++
        this.record(partition, settlements, REPEATS_MAX)
      }
    })
    this.deps.flushed()
  }

  private record(partition: number, settlements: ReadonlyArray<Settlement>, repeatsLeft: number): void {
    const { engine, clock, isStopping } = this.deps
    const answer = (reply: Reply<ReadonlyArray<Settled>>): void => {
      // Asking again is safe, and cheaper than running the handler again.
      if (isLeft(reply) && reply.left.kind !== 'refused' && repeatsLeft > 0 && !isStopping()) {
        clock.after(RETRY_PAUSE_MS, () => this.record(partition, settlements, repeatsLeft - 1))
        return
      }
      this.recorded(settlements, reply)
    }
    engine.partition(partition).use((writer) => writer.settle({ settlements, answer }), answer)
  }

  private recorded(settlements: ReadonlyArray<Settlement>, reply: Reply<ReadonlyArray<Settled>>): void {
    this.unsettled--
    const { report, answered } = this.deps
    if (isLeft(reply)) {
      const { kind } = reply.left
      report(
        new OutcomeLost(
          `${settlements.length} outcomes were not recorded (${kind}); the messages will run again`,
        ),
      )
    } else {
      const { value } = reply.right
      for (let i = 0; i < value.length; i++) {
        const result = value[i]
        if (result !== undefined && isLeft(result)) {
          report(new OutcomeLost(`message ${settlements[i]?.ordinal}: ${result.left.type}, outcome dropped`))
        }
      }
    }
    answered()
  }
}
