// How long things took, as a histogram whose buckets grow by a quarter: a quantile is answered with at most a quarter more than
// it is, and never less; the sum and the count exactly; in 96 numbers whatever the length of the history (E1).

const BUCKETS = 96
/** Bucket b > 0 ends below 1.25^b ms; the last one has no end. 1.25^95 ms are 19 days. */
const GROWTH = 1.25
const ENDS = Float64Array.from({ length: BUCKETS }, (_, b) => GROWTH ** b)
/** Durations are whole milliseconds. */
const LASTS = ENDS.map((end) => Math.ceil(end) - 1)
const LOG_GROWTH = Math.log(GROWTH)

export type DurationView = Readonly<{
  count: number
  averageMs: number
  p50Ms: number
  p95Ms: number
  p99Ms: number
  maxMs: number
}>
export type DurationSnapshot = Readonly<{ counts: ReadonlyArray<number>; sum: number; max: number }>

export class Durations {
  private readonly counts = new Float64Array(BUCKETS)
  private count = 0
  private sum = 0
  private max = 0

  note(ms: number): void {
    this.counts[bucketOf(ms)]!++
    this.count++
    this.sum += ms
    if (ms > this.max) this.max = ms
  }

  /** Of several partitions as of one. */
  merge(other: Durations): void {
    for (let b = 0; b < BUCKETS; b++) this.counts[b]! += other.counts[b]!
    this.count += other.count
    this.sum += other.sum
    this.max = Math.max(this.max, other.max)
  }

  /** The last whole millisecond of the bucket in which the quantile lies, never more than the maximum. */
  quantile(q: number): number {
    const rank = Math.ceil(q * this.count)
    let seen = 0
    for (let b = 0; b < BUCKETS; b++) {
      seen += this.counts[b]!
      if (seen >= rank && seen > 0) return b === BUCKETS - 1 ? this.max : Math.min(this.max, LASTS[b]!)
    }
    return 0
  }

  view(): DurationView {
    return {
      count: this.count,
      averageMs: this.count === 0 ? 0 : this.sum / this.count,
      p50Ms: this.quantile(0.5),
      p95Ms: this.quantile(0.95),
      p99Ms: this.quantile(0.99),
      maxMs: this.max,
    }
  }

  /** How many took at most so long, for each fourth bucket, the last one excepted: for whoever draws histograms of his own. */
  upTo(): ReadonlyArray<Readonly<{ ms: number; count: number }>> {
    const steps: Array<Readonly<{ ms: number; count: number }>> = []
    let count = 0
    for (let b = 0; b < BUCKETS - 1; b++) {
      count += this.counts[b]!
      if (b % 4 === 0) steps.push({ ms: LASTS[b]!, count })
    }
    return steps
  }

  get total(): Readonly<{ count: number; ms: number }> {
    return { count: this.count, ms: this.sum }
  }

  clear(): void {
    this.counts.fill(0)
    this.count = this.sum = this.max = 0
  }

  snapshot(): DurationSnapshot {
    return { counts: [...this.counts], sum: this.sum, max: this.max }
  }

  load({ counts, sum, max }: DurationSnapshot): void {
    counts.forEach((count, b) => {
      this.counts[b] = count
      this.count += count
    })
    this.sum = sum
    this.max = max
  }
}

/** Most are 0 or a few ms: those are found without a logarithm. */
const SMALL = Uint8Array.from({ length: 64 }, (_, ms) => slowBucketOf(ms))

const bucketOf = (ms: number): number =>
  ms < 64 ? SMALL[ms < 0 ? 0 : ms | 0]! : Math.min(BUCKETS - 1, slowBucketOf(ms))

function slowBucketOf(ms: number): number {
  if (ms < 1) return 0
  let bucket = Math.floor(Math.log(ms) / LOG_GROWTH) + 1
  // The logarithm may be off by one unit in its last place at a bucket's edge.
  while (bucket < BUCKETS - 1 && ENDS[bucket]! <= ms) bucket++
  while (bucket > 0 && ENDS[bucket - 1]! > ms) bucket--
  return Math.min(BUCKETS - 1, bucket)
}
