// The numbers of one partition at one moment, and of several put together (E1): what projections show.
import { isDrained } from '../../domain/queue/index.js'
import { Durations, type DurationView } from '../measures/durations.js'
import { KIND_COLUMNS, type KindCount } from '../measures/kindCounts.js'
import { RATE_COLUMNS, type RatesView } from '../measures/recentRates.js'
import { type CountsView, type PartitionState, sumOfCounts, viewOf } from '../partition/index.js'
import { oldestClaimableAgeMs } from './partitionQueries.js'

/** A copy: the state goes on changing. */
export type PartitionMeasures = Readonly<{
  counts: CountsView
  kinds: ReadonlyArray<KindCount>
  durations: Durations
  waits: Durations
  lastMinute: RatesView
  lastTenMinutes: RatesView
  oldestClaimableAgeMs: number
  size: number
  maxSize: number
  groups: number
  dedupKeys: number
  circuits: ReturnType<PartitionState['circuits']['list']>
  revision: number
}>

const MINUTE_MS = 60_000
const copyOf = (durations: Durations): Durations => {
  const copy = new Durations()
  copy.merge(durations)
  return copy
}

export const measuresOf = (state: PartitionState, at: number): PartitionMeasures => {
  const { measures, counts } = state
  return {
    counts: viewOf(counts),
    kinds: measures.kinds.list(),
    durations: copyOf(measures.durations),
    waits: copyOf(measures.waits),
    lastMinute: measures.rates.view(at, MINUTE_MS),
    lastTenMinutes: measures.rates.view(at, 10 * MINUTE_MS),
    oldestClaimableAgeMs: oldestClaimableAgeMs(state, at),
    size: state.size,
    maxSize: isDrained(state.layouts, state.partition) ? 0 : state.config.maxSize,
    groups: state.groups.size,
    dedupKeys: state.dedup.size,
    circuits: state.circuits.list(at),
    revision: state.nextRevision - 1,
  }
}

export type QueueMeasures = Readonly<{
  counts: CountsView
  /** By priority and type. */
  kinds: ReadonlyArray<KindCount>
  /** From the start of an attempt to its end. */
  processingTime: DurationView
  /** From when a message could run to its first start. */
  waitingTime: DurationView
  lastMinute: RatesView
  lastTenMinutes: RatesView
  /** Messages a second that ended well, over the last minute. */
  throughputPerSecond: number
  /** Of the messages that ended in the last ten minutes, the share that ended well; 1 when none did. */
  completionRate: number
  /** Share of maxSize in use. */
  utilisation: number
  oldestClaimableAgeMs: number
  groups: number
  dedupKeys: number
}>

export const combined = (parts: ReadonlyArray<PartitionMeasures>): QueueMeasures => {
  const durations = new Durations()
  const waits = new Durations()
  for (const part of parts) {
    durations.merge(part.durations)
    waits.merge(part.waits)
  }
  const lastMinute = ratesSum(parts.map((part) => part.lastMinute))
  const lastTenMinutes = ratesSum(parts.map((part) => part.lastTenMinutes))
  const { succeeded, deadLettered, expired } = lastTenMinutes
  const ended = succeeded + deadLettered + expired
  const size = sum(parts, (part) => part.size)
  const maxSize = sum(parts, (part) => part.maxSize)
  return {
    counts: sumOfCounts(parts.map(({ counts }) => counts)),
    kinds: kindsSum(parts),
    processingTime: durations.view(),
    waitingTime: waits.view(),
    lastMinute,
    lastTenMinutes,
    throughputPerSecond: (lastMinute.succeeded * 1_000) / lastMinute.windowMs,
    completionRate: ended === 0 ? 1 : succeeded / ended,
    utilisation: maxSize === 0 ? 0 : size / maxSize,
    oldestClaimableAgeMs: Math.max(0, ...parts.map((part) => part.oldestClaimableAgeMs)),
    groups: sum(parts, (part) => part.groups),
    dedupKeys: sum(parts, (part) => part.dedupKeys),
  }
}

const sum = (parts: ReadonlyArray<PartitionMeasures>, of: (part: PartitionMeasures) => number): number =>
  parts.reduce((total, part) => total + of(part), 0)

const ratesSum = (views: ReadonlyArray<RatesView>): RatesView => {
  const sums: Record<string, number> = { windowMs: views[0]?.windowMs ?? MINUTE_MS }
  for (const name of RATE_COLUMNS) sums[name] = views.reduce((total, view) => total + view[name], 0)
  return sums as RatesView
}

const kindsSum = (parts: ReadonlyArray<PartitionMeasures>): ReadonlyArray<KindCount> => {
  const byKind = new Map<string, Record<string, unknown>>()
  for (const { kinds } of parts) {
    for (const kind of kinds) {
      const name = `${kind.priority} ${kind.type ?? ''}`
      const known = byKind.get(name)
      if (known === undefined) byKind.set(name, { ...kind })
      else for (const column of KIND_COLUMNS) known[column] = Number(known[column]) + kind[column]
    }
  }
  return [...byKind.values()] as unknown as ReadonlyArray<KindCount>
}
