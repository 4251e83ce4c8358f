// Counts per priority and type (E1): how many of each are where now, and how many have come to which end. A message carries
// the number of its kind in its record, so counting is one addition to a typed array.

export const KIND_COLUMNS = [
  'waiting',
  'processing',
  'dead',
  'enqueued',
  'succeeded',
  'failures',
  'systemErrors',
] as const
export type KindColumn = (typeof KIND_COLUMNS)[number]
const COLUMN: Readonly<Record<KindColumn, number>> = {
  waiting: 0,
  processing: 1,
  dead: 2,
  enqueued: 3,
  succeeded: 4,
  failures: 5,
  systemErrors: 6,
}
export const { waiting: WAITING, processing: PROCESSING, dead: DEAD, enqueued: ENQUEUED } = COLUMN
export const { succeeded: SUCCEEDED, failures: FAILURES, systemErrors: SYSTEM_ERRORS } = COLUMN
const WIDTH = 8

/** Kinds beyond this many are counted together as kind {@link OTHERS}: types come from outside. */
export const KINDS_MAX = 1_000
const PLAIN = 0
const OTHERS = 1

export type KindCount = Readonly<{ priority: number; type: string | undefined } & Record<KindColumn, number>>
export type KindSnapshot = ReadonlyArray<
  readonly [priority: number, type: string | null, counts: ReadonlyArray<number>]
>

export class KindCounts {
  private readonly numbers = new Map<string | undefined, Map<number, number>>()
  private readonly names: Array<Readonly<{ priority: number; type: string | undefined }>> = []
  private cells = new Float64Array(16 * WIDTH)

  constructor() {
    this.intern(0, undefined)
    this.names.push({ priority: 0, type: '(others)' })
  }

  /** The kind of a message; kinds keep their numbers. */
  numberOf(priority: number, type: string | undefined): number {
    if (priority === 0 && type === undefined) return PLAIN
    const known = this.numbers.get(type)?.get(priority)
    if (known !== undefined) return known
    return this.names.length >= KINDS_MAX ? OTHERS : this.intern(priority, type)
  }

  add(kind: number, column: number, change: number): void {
    this.cells[kind * WIDTH + column]! += change
  }

  list(): ReadonlyArray<KindCount> {
    const listed: KindCount[] = []
    this.names.forEach((name, kind) => {
      const counts = this.countsOf(kind)
      if (counts.some((count) => count !== 0)) listed.push({ ...name, ...named(counts) })
    })
    return listed
  }

  snapshot(): KindSnapshot {
    return this.names.map(({ priority, type }, kind) => [priority, type ?? null, this.countsOf(kind)])
  }

  /** Names keep their numbers: they stand in the records of messages. */
  clear(): void {
    this.cells.fill(0)
  }

  /** Of a fold of the same stream: its kinds were met in the same order, so they have the same numbers. */
  load(snapshot: KindSnapshot): void {
    for (let kind = 0; kind < snapshot.length; kind++) {
      const [priority, type, counts] = snapshot[kind]!
      if (kind >= this.names.length) this.intern(priority, type ?? undefined)
      counts.forEach((count, column) => {
        this.add(kind, column, count)
      })
    }
  }

  private countsOf(kind: number): number[] {
    return KIND_COLUMNS.map((_, column) => this.cells[kind * WIDTH + column]!)
  }

  private intern(priority: number, type: string | undefined): number {
    const kind = this.names.length
    this.names.push({ priority, type })
    let byPriority = this.numbers.get(type)
    if (byPriority === undefined) {
      byPriority = new Map()
      this.numbers.set(type, byPriority)
    }
    byPriority.set(priority, kind)
    if ((kind + 1) * WIDTH > this.cells.length) {
      const grown = new Float64Array(this.cells.length * 2)
      grown.set(this.cells)
      this.cells = grown
    }
    return kind
  }
}

const named = (counts: ReadonlyArray<number>): Record<KindColumn, number> => {
  const byName: Record<string, number> = {}
  KIND_COLUMNS.forEach((name, column) => {
    byName[name] = counts[column]!
  })
  return byName as Record<KindColumn, number>
}
