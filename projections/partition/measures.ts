// All numbers of one partition, as one part of its fold: they can be thrown away and counted anew from the log while the
// partition goes on (E1), because nothing is decided by them but `counts` of what is live.
import { Durations } from '../measures/durations.js'
import { KindCounts } from '../measures/kindCounts.js'
import { RecentRates } from '../measures/recentRates.js'
import { COUNT_NAMES, Counts } from './counts.js'

export class Measures {
  readonly counts = new Counts()
  readonly kinds = new KindCounts()
  /** From the start of an attempt to its end, whatever the end. */
  readonly durations = new Durations()
  /** From when a message could run to its first start. */
  readonly waits = new Durations()
  readonly rates = new RecentRates()
}

/** Counts of what is live follow from the records and the clock, so they are kept; all that has been counted is replaced. */
export const replaceMeasures = (measures: Measures, by: Measures): void => {
  const { scheduled, pending, retrying, processing, dead } = measures.counts
  measures.counts.failuresByType.clear()
  for (const part of [measures.kinds, measures.durations, measures.waits]) part.clear()
  loadMeasures(measures, snapshotMeasures(by))
  Object.assign(measures.counts, { scheduled, pending, retrying, processing, dead })
}

export type MeasuresSnapshot = Readonly<{
  counts: Readonly<Record<string, number>>
  failuresByType: ReadonlyArray<readonly [string, number]>
  kinds: ReturnType<KindCounts['snapshot']>
  durations: ReturnType<Durations['snapshot']>
  waits: ReturnType<Durations['snapshot']>
  rates: ReturnType<RecentRates['snapshot']>
}>

export const snapshotMeasures = ({ counts, kinds, durations, waits, rates }: Measures): MeasuresSnapshot => ({
  counts: Object.fromEntries(COUNT_NAMES.map((name) => [name, counts[name]])),
  failuresByType: [...counts.failuresByType],
  kinds: kinds.snapshot(),
  durations: durations.snapshot(),
  waits: waits.snapshot(),
  rates: rates.snapshot(),
})

/** Into measures that are new. */
export const loadMeasures = (measures: Measures, snapshot: MeasuresSnapshot): void => {
  for (const name of COUNT_NAMES) measures.counts[name] = snapshot.counts[name] ?? 0
  for (const [type, n] of snapshot.failuresByType) measures.counts.failuresByType.set(type, n)
  measures.kinds.load(snapshot.kinds)
  measures.durations.load(snapshot.durations)
  measures.waits.load(snapshot.waits)
  measures.rates.load(snapshot.rates)
}
