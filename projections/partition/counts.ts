// Numbers of one partition: how many messages are in which state now, and what has happened since the beginning.

export class Counts {
  scheduled = 0
  pending = 0
  retrying = 0
  processing = 0
  dead = 0

  enqueued = 0
  attempts = 0
  succeeded = 0
  failed = 0
  released = 0
  deadLettered = 0
  redriven = 0
  cancelled = 0
  expired = 0
  purged = 0
  edited = 0
  /** Dead letters for reasons that are not the work's own (C3). */
  systemErrors = 0
  /** Purged to make room (A9). */
  overflowed = 0
  readonly failuresByType = new Map<string, number>()

  failure(type: string): void {
    this.failed++
    this.failuresByType.set(type, (this.failuresByType.get(type) ?? 0) + 1)
  }
}

export const COUNT_NAMES = [
  'scheduled',
  'pending',
  'retrying',
  'processing',
  'dead',
  'enqueued',
  'attempts',
  'succeeded',
  'failed',
  'released',
  'deadLettered',
  'redriven',
  'cancelled',
  'expired',
  'purged',
  'edited',
  'systemErrors',
  'overflowed',
] as const satisfies ReadonlyArray<keyof Counts>

export type CountsView = Readonly<
  Record<(typeof COUNT_NAMES)[number], number> & { failuresByType: Readonly<Record<string, number>> }
>

export const viewOf = (counts: Counts): CountsView => {
  const view: Record<string, number> = {}
  for (const name of COUNT_NAMES) view[name] = counts[name]
  return {
    ...(view as Record<(typeof COUNT_NAMES)[number], number>),
    failuresByType: Object.fromEntries(counts.failuresByType),
  }
}

/** Of several partitions as of one. */
export const sumOfCounts = (views: ReadonlyArray<CountsView>): CountsView => {
  const sum = new Counts()
  for (const view of views) {
    for (const name of COUNT_NAMES) sum[name] += view[name]
    for (const [type, n] of Object.entries(view.failuresByType)) {
      sum.failuresByType.set(type, (sum.failuresByType.get(type) ?? 0) + n)
    }
  }
  return viewOf(sum)
}
