// Many seeded runs in a row: each is judged, what happened in them is counted, and at the end each fault and each rare state
// must have happened often enough, or the runs prove nothing. Used by the test and by `npm run sim`.
import { simulate } from './simulation.js'
import { simulateLedger } from './simulationLedger.js'

/** How a broken promise is told, at most; the seed shows the rest. */
const SENTENCES_MAX = 10

/** Below so many runs chance decides what happens, and nothing is demanded of the counts. */
export const COUNTED_FROM_RUNS = 200
export const SEEN_MIN = 10
/** Each so manieth seed also runs a whole ledger, which takes longer. */
const LEDGER_EVERY_SEEDS = 5

/** Faults, answers and states, by the names under which a run counts them. */
export const SOMETIMES = [
  'full',
  'lostReply',
  'lostRequest',
  'lateRequest',
  'held',
  'crash',
  'take-over',
  'wall clock jumps',
  'the process is held up',
  'told unknown',
  'told unavailable',
  'told refused',
  'late settlement refused',
  'ConfigAdopted',
  'CapacityReached',
  'AttemptReleased',
  'LeaseExtended',
  'RetryScheduled',
  'MessageExpired',
  'MessageRedriven',
  'MessagePurged',
  'MessageCancelled',
  'CancelRequested',
  'MessageDeadLettered',
  'MessageEdited',
  'CircuitOpened',
  'CircuitHalfOpened',
  'CircuitClosed',
  'compared with replay',
  'death of a ledger',
  'follow-up',
  'tick',
] as const

export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise'
  constructor(
    readonly seed: number,
    readonly sentences: ReadonlyArray<string>,
    { trace, log }: Readonly<{ trace: ReadonlyArray<string>; log: ReadonlyArray<string> }>,
  ) {
    const told = [`SIM_SEED=${seed}`, ...sentences.slice(0, SENTENCES_MAX)]
    super([...told, '--- asked', ...trace, '--- in the log', ...log].join('\n'))
  }
}

const NOTHING = { trace: [], log: [] }

export class SeededRuns {
  runs = 0
  events = 0
  private readonly seen = new Map<string, number>()

  /** Throws {@link BrokenPromise}, or what the run itself threw with its seed in front. */
  async run(seed: number): Promise<void> {
    const report = await simulate(seed).catch((error: unknown) => {
      throw new BrokenPromise(seed, [error instanceof Error ? error.message : String(error)], NOTHING)
    })
    const left = report.left.filter((situation) => situation !== 'dead')
    const broken =
      left.length === 0 ? report.broken : [...report.broken, `left at the end: ${left.join(' ')}`]
    if (broken.length > 0) throw new BrokenPromise(seed, broken, report)
    this.events += report.events
    this.note(report.seen)
    if (seed % LEDGER_EVERY_SEEDS === 0) await this.runLedger(seed)
    this.runs++
  }

  private async runLedger(seed: number): Promise<void> {
    const report = await simulateLedger(seed).catch((error: unknown) => {
      throw new BrokenPromise(seed, [error instanceof Error ? error.message : String(error)], NOTHING)
    })
    if (report.broken.length > 0) throw new BrokenPromise(seed, report.broken, NOTHING)
    this.note(report.seen)
  }

  private note(seen: ReadonlyMap<string, number>): void {
    for (const [what, n] of seen) this.seen.set(what, (this.seen.get(what) ?? 0) + n)
  }

  /** What happened too seldom, with how often; empty as long as the runs are too few to say. */
  vacuous(): ReadonlyArray<string> {
    if (this.runs < COUNTED_FROM_RUNS) return []
    return SOMETIMES.filter((what) => this.timesSeen(what) < SEEN_MIN).map(
      (what) => `${what}: ${this.timesSeen(what)}`,
    )
  }

  timesSeen(what: string): number {
    return this.seen.get(what) ?? 0
  }
}
