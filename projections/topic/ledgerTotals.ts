// The totals of a whole ledger as a reader of its topic counts them: one set per stream, put together by queue when somebody looks.
// Counters never fall: a queue that is deleted and made again goes on counting. Positions in the topic, heads of streams and
// counts belong together, so one snapshot holds them all, and whoever starts from it counts each event once.
import type { LedgerEvent } from '../../domain/batch.js'
import { type PartitionRef, parsePartitionStream } from '../../domain/ids.js'
import type { PartitionEvent } from '../../domain/partition/events.js'
import type { EpochMs } from '../../domain/time.js'
import { Durations } from '../measures/durations.js'
import { type CountsView, sumOfCounts, viewOf } from '../partition/counts.js'
import { type OrderBreak, StreamOrder } from './streamOrder.js'
import { OTHERS, StreamTotals, type StreamTotalsSnapshot } from './streamTotals.js'

/** Queues beyond this many are counted together: each is a label of some thirty series. */
export const QUEUES_MAX = 1_000

export type HeardEvent = Readonly<{ stream: string; revision: number; at: EpochMs; event: LedgerEvent }>

export type QueueTotals = Readonly<{
  queue: string
  counts: CountsView
  deadLetterReasons: ReadonlyMap<string, number>
  purgeCauses: ReadonlyMap<string, number>
  waits: Durations
  durations: Durations
  retries: number
  circuitOpenings: number
  openings: number
  untimed: number
  /** Messages now; undefined where a stream was not seen from its beginning. */
  live: Readonly<{ waiting: number; processing: number; dead: number }> | undefined
}>

type PartitionEntry = Readonly<{ ref: PartitionRef; totals: StreamTotals }> & { isWhole: boolean }

export type LedgerTotalsSnapshot = Readonly<{
  heads: Readonly<Record<string, number>>
  partitions: Readonly<Record<string, Readonly<{ isWhole: boolean; totals: StreamTotalsSnapshot }>>>
  deleted: Readonly<Record<string, number>>
  events: ReadonlyArray<readonly [string, number]>
}>

const addInto = (sum: Map<string, number>, counts: ReadonlyMap<string, number>): void => {
  for (const [name, n] of counts) sum.set(name, (sum.get(name) ?? 0) + n)
}

export class LedgerTotals {
  /** Of every stream that was heard of. */
  readonly order = new StreamOrder()
  /** By type, of the whole ledger: a closed set of names. */
  readonly events = new Map<string, number>()
  private readonly partitions = new Map<string, PartitionEntry>()
  /** The last generation of each queue that was deleted: what it held is gone. */
  private readonly deleted = new Map<string, number>()

  /**
   * Counts an event that is next in its stream, and one behind a gap, which it answers; one that was counted before it leaves
   * alone. `mayBeginAnywhere`: the topic no longer reaches back to the beginning.
   */
  hear({ stream, revision, at, event }: HeardEvent, mayBeginAnywhere: boolean): OrderBreak | undefined {
    const found = this.order.breakOf(stream, revision, mayBeginAnywhere)
    if (found?.type === 'Repeat') return found
    const isFirst = !this.order.has(stream)
    this.order.moveTo(stream, revision)
    this.events.set(event.type, (this.events.get(event.type) ?? 0) + 1)
    if (event.type === 'QueueDeleted') this.forget(event.queue, event.generation)
    const entry = this.partitionOf(stream)
    if (entry === undefined) return found
    if (found !== undefined || (isFirst && revision > 0)) entry.isWhole = false
    // Only such events stand in a partition's stream.
    entry.totals.apply(event as PartitionEvent, at)
    return found
  }

  private forget(queue: string, generation: number): void {
    this.deleted.set(queue, generation)
    for (const { ref, totals } of this.partitions.values())
      if (ref.queue === queue && ref.generation <= generation) totals.forgetLive()
  }

  private partitionOf(stream: string): PartitionEntry | undefined {
    const known = this.partitions.get(stream)
    if (known !== undefined) return known
    const ref = parsePartitionStream(stream)
    if (ref === undefined) return undefined
    const entry = { ref, totals: new StreamTotals(), isWhole: true }
    this.partitions.set(stream, entry)
    return entry
  }

  /** The first queues that were heard of by their names, all others together. */
  queues(): ReadonlyArray<QueueTotals> {
    const byQueue = new Map<string, PartitionEntry[]>()
    for (const entry of this.partitions.values()) {
      const { queue } = entry.ref
      const label = byQueue.has(queue) || byQueue.size < QUEUES_MAX ? queue : OTHERS
      const entries = byQueue.get(label)
      if (entries === undefined) byQueue.set(label, [entry])
      else entries.push(entry)
    }
    return [...byQueue].map(([queue, entries]) => this.together(queue, entries))
  }

  private together(queue: string, entries: ReadonlyArray<PartitionEntry>): QueueTotals {
    const deadLetterReasons = new Map<string, number>()
    const purgeCauses = new Map<string, number>()
    const waits = new Durations()
    const durations = new Durations()
    const sums = { retries: 0, circuitOpenings: 0, openings: 0, untimed: 0 }
    const live = { waiting: 0, processing: 0, dead: 0 }
    let isWhole = true
    for (const { ref, totals, isWhole: isPartWhole } of entries) {
      addInto(deadLetterReasons, totals.deadLetterReasons)
      addInto(purgeCauses, totals.purgeCauses)
      waits.merge(totals.waits)
      durations.merge(totals.durations)
      sums.retries += totals.retries
      sums.circuitOpenings += totals.circuitOpenings
      sums.openings += totals.openings
      sums.untimed += totals.untimed
      if (ref.generation <= (this.deleted.get(ref.queue) ?? 0)) continue
      live.waiting += totals.waiting
      live.processing += totals.processing
      live.dead += totals.dead
      isWhole &&= isPartWhole
    }
    const counts = sumOfCounts(entries.map(({ totals }) => viewOf(totals.counts)))
    const alive = isWhole ? live : undefined
    return { queue, counts, deadLetterReasons, purgeCauses, waits, durations, ...sums, live: alive }
  }

  snapshot(): LedgerTotalsSnapshot {
    const partitions: Record<string, LedgerTotalsSnapshot['partitions'][string]> = {}
    for (const [stream, { isWhole, totals }] of this.partitions) {
      partitions[stream] = { isWhole, totals: totals.snapshot() }
    }
    return {
      heads: this.order.snapshot(),
      partitions,
      deleted: Object.fromEntries(this.deleted),
      events: [...this.events],
    }
  }

  /** Into totals that are new. */
  load({ heads, partitions, deleted, events }: LedgerTotalsSnapshot): void {
    this.order.load(heads)
    for (const [stream, { isWhole, totals }] of Object.entries(partitions)) {
      const entry = this.partitionOf(stream)
      if (entry === undefined) continue
      entry.isWhole = isWhole
      entry.totals.load(totals)
    }
    for (const [queue, generation] of Object.entries(deleted)) this.deleted.set(queue, generation)
    for (const [type, n] of events) this.events.set(type, n)
  }
}
