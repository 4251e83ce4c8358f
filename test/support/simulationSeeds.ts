// Many seeded runs in a row: each is judged, what happened in them is counted, and at the end each fault and each rare state
// must have happened often enough, or the runs prove nothing. Used by the test and by `npm run sim`.
import { type RunOptions, type RunReport, STEPS, simulate } from './simulation.js'
import { DISK_FEATURES, DISK_STEPS, simulateDisk } from './simulationDisk.js'
import { LEDGER_FEATURES, LEDGER_STEPS, simulateLedger } from './simulationLedger.js'
import { type Shrinkable, type Shrunk, shrink } from './simulationShrink.js'
import { FEATURES } from './simulationSwarm.js'

/** How a broken promise is told, at most; the seed shows the rest. */
const SENTENCES_MAX = 10

/** Below so many runs chance decides what happens, and nothing is demanded of the counts. */
export const COUNTED_FROM_RUNS = 200
export const SEEN_MIN = 10
/** Each so manieth seed also runs a whole ledger, which takes longer. */
const LEDGER_EVERY_SEEDS = 5
/** Each so manieth one also runs the embedded log alone on a simulated disk. */
const LOG_EVERY_SEEDS = 2

/** Faults, answers and states, by the names under which a run counts them. */
export const SOMETIMES = [
  'full',
  'lostReply',
  'lostRequest',
  'lateRequest',
  'held',
  'unreachable',
  'snapshot fails',
  'server: reply lost',
  'server: request lost',
  'server: late request',
  'server: held',
  'server: forgotten',
  'server: refused',
  'server: refused behind a part',
  'server: a batch is cut',
  'crash',
  'crash while opening',
  'take-over',
  'a process is stopped',
  'a process gave up',
  'wall clock jumps',
  'the clock of a node jumps',
  'the process is held up',
  'an answer gets lost',
  'asked again',
  'told unknown',
  'told unavailable',
  'told QueueFull',
  'told LoadShed',
  'told LeaseLimitReached',
  'clear by a filter',
  'redrive by a filter',
  'discard by a filter',
  'run again',
  'history read',
  'QueueConfigured',
  'a resize',
  'QueueResized',
  'LayoutsAdopted',
  'LayoutDrained',
  'resized while older partitions drain',
  'something stays in an older partition',
  'an adoption of layouts is refused',
  'a death between the steps of a resize',
  'a rush around a resize',
  'CircuitForced',
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
  'opened by a share',
  'told that the same content is there',
  'compared with replay',
  'looked back',
  'history of one that was accepted',
  'the register is not written',
  'a blob is put',
  'a put of a blob fails',
  'a put of a blob is cut off by a death',
  'blobs are out of reach',
  'a blob is lost',
  'a blob is altered',
  'a bit flips under the engine',
  'a flipped bit is found by a read',
  'a flipped bit is found by the opening',
  'power cut',
  'kill',
  'death in a call',
  'the disk is full',
  'write fails',
  'sync fails',
  'read fails',
  'slow disk',
  'log: power cut',
  'log: kill',
  'log: death while opening',
  'log: stopped by an error',
  'log: torn tail cut',
  'log: flip',
  'log: damage refused',
  'log: EIO on write',
  'log: EIO on read',
  'log: EIO on sync',
  'log: EIO on sync of a segment',
  'log: lost bytes evicted',
  'log: ENOSPC',
  'log: full, and serving again',
  'log: EINTR',
  'log: short call',
  'log: repeated',
  'log: told LogFull',
  'log: told LogStopped',
  'log: told OutcomeUnknown',
  'log: snapshot failed',
  'log: truncation failed',
  'death of a ledger',
  'follow-up',
  'callback after AttemptSucceeded',
  'callback after MessageDeadLettered',
  'tick',
] as const

type Judged = Omit<RunReport, 'left' | 'seen'> & Readonly<{ seen: ReadonlyMap<string, number> }>

/** What was not over at the end is a broken promise, too; the dead wait for an operator. */
const judge = async (seed: number, options: RunOptions = {}): Promise<Judged> => {
  const { left, ...report } = await simulate(seed, options)
  const open = left.filter((situation) => situation !== 'dead')
  if (open.length === 0) return report
  return { ...report, broken: [...report.broken, `left at the end: ${open.join(' ')}`] }
}

export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise'
  constructor(
    readonly seed: number,
    readonly sentences: ReadonlyArray<string>,
    { trace, log }: Readonly<{ trace: ReadonlyArray<string>; log: ReadonlyArray<string> }>,
    readonly part: Part,
  ) {
    const told = [`SIM_SEED=${seed}`, ...sentences.slice(0, SENTENCES_MAX)]
    super([...told, '--- asked', ...trace, '--- in the log', ...log].join('\n'))
  }
}

const judgeLedger = async (seed: number, options: RunOptions): Promise<Judged> => {
  const report = await simulateLedger(seed, options)
  return { ...report, log: [], hash: report.trace.join(), events: 0, turns: 0 }
}

const judgeLog = async (seed: number, options: RunOptions): Promise<Judged> => {
  const report = await simulateDisk(seed, options)
  const seen = new Map([...report.seen].map(([what, n]) => [`log: ${what}`, n]))
  return { ...report, seen, log: [], hash: report.trace.join(), events: 0 }
}

/** What a seed runs one after the other. */
const PARTS = {
  engine: { everySeeds: 1, judge, steps: STEPS, features: FEATURES, runsMax: 2_000 },
  ledger: {
    everySeeds: LEDGER_EVERY_SEEDS,
    judge: judgeLedger,
    steps: LEDGER_STEPS,
    features: LEDGER_FEATURES,
    runsMax: 300,
  },
  log: {
    everySeeds: LOG_EVERY_SEEDS,
    judge: judgeLog,
    steps: DISK_STEPS,
    features: DISK_FEATURES,
    runsMax: 2_000,
  },
} as const satisfies Record<
  string,
  Shrinkable & { everySeeds: number; judge: (seed: number, options: RunOptions) => Promise<Judged> }
>
export type Part = keyof typeof PARTS
const PART_NAMES = Object.keys(PARTS) as Part[]

export class SeededRuns {
  runs = 0
  events = 0
  private readonly seen = new Map<string, number>()

  /** `twice` = a second run of the seed must give the same log; `part` = nothing else of it. Throws {@link BrokenPromise}. */
  async run(
    seed: number,
    { twice = false, part: only, ...options }: RunOptions & { twice?: boolean; part?: Part } = {},
  ): Promise<void> {
    for (const part of PART_NAMES) {
      const isMeant = only === undefined ? seed % PARTS[part].everySeeds === 0 : only === part
      if (isMeant) await this.runPart(seed, part, twice, options)
    }
    this.runs++
  }

  private async runPart(seed: number, part: Part, twice: boolean, options: RunOptions): Promise<void> {
    const report = await PARTS[part].judge(seed, options)
    if (report.broken.length > 0) throw new BrokenPromise(seed, report.broken, report, part)
    if (twice && (await PARTS[part].judge(seed, options)).hash !== report.hash)
      throw new BrokenPromise(seed, ['two runs of this seed differ'], report, part)
    this.events += report.events
    this.note(report.seen)
  }

  /** What happened elsewhere counts here, too. */
  add({ runs, events, seen }: ReturnType<SeededRuns['sums']>): void {
    this.runs += runs
    this.events += events
    this.note(new Map(seen))
  }

  sums(): { runs: number; events: number; seen: Array<[string, number]> } {
    return { runs: this.runs, events: this.events, seen: [...this.seen] }
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

/** The smallest run in which the first broken promise of this part still breaks; undefined when its run breaks none. */
export const shrinkSeed = (seed: number, part: Part): Promise<Shrunk | undefined> =>
  shrink((options) => PARTS[part].judge(seed, options), PARTS[part])
