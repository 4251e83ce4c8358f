// What one cycle of chaos draws from its number: which process serves, what strikes it and when, and what else goes wrong
// meanwhile. The mix is the same for each run of a number; the moments are those of real processes, so they are not.
import type { QueueSettings } from '../../domain/queue/index.js'
import { fixed } from '../../domain/retry/index.js'
import type { Job } from './chaosLines.js'
import { FAILPOINTS } from './embedded/failpoints.js'
import { Dice } from './simulationSwarm.js'

/**
 * What strikes the process that has the directory open. `answers` = after so many, so that a slow machine is loaded as a quick
 * one is; `ms` = so long after it began to serve.
 */
export type Fate =
  | Readonly<{ kind: 'killed'; answers: number }>
  | Readonly<{ kind: 'failpoint'; name: string; hit: number }>
  /** SIGTERM: it hands back, answers, and ends by itself. */
  | Readonly<{ kind: 'told to end'; answers: number }>
  /** SIGSTOP for longer than a lease, then on for a while, then killed. */
  | Readonly<{ kind: 'frozen'; answers: number; frozenMs: number }>
  /** Where the directory has a small file system of its own: no byte is left for a while, then there is room again. */
  | Readonly<{ kind: 'disk full'; answers: number; fullMs: number }>
  | Readonly<{ kind: 'uncaught exception' | 'unhandled rejection' | 'heap exhausted'; ms: number }>

/** `serve` = the program as users start it; `server` = the same with small segments and frequent snapshots. */
export type Host = 'serve' | 'server' | 'library'

export type Mix = Readonly<{
  seed: number
  host: Host
  fate: Fate
  producers: number
  claimers: number
  operates: boolean
  /** What strikes the workers in processes of their own. */
  worker: 'none' | 'killed' | 'frozen'
  /** Another process wants the same directory in the middle of it. */
  rival: boolean
  /** Opened and compared twice. */
  recoversTwice: boolean
}>

/** What strikes does so within it, however few answers there were. */
export const STRIKES_WITHIN_MS = 3_000
export const ANSWERS_MAX = 400
const INNER_MS_MAX = 400
export const LEASE_MS = 400
const FROZEN_MS = 2 * LEASE_MS

/** Moments that a server under load comes past; those of truncation need a log that is cut, which no queue does yet. */
const MET = FAILPOINTS.filter(({ name }) => !/^(truncation|birth|first segment|recovery)/.test(name))
const IN_RECOVERY = FAILPOINTS.filter(({ name }) => /^recovery/.test(name))

const failpoint = (dice: Dice): Fate => {
  const { name, where } = dice.chance(0.15) ? dice.pick(IN_RECOVERY) : dice.pick(MET)
  const hit =
    where === 'opening' ? 1 : where === 'main thread' ? dice.pick([1, 2, 4]) : dice.pick([1, 3, 10, 30, 60])
  return { kind: 'failpoint', name, hit }
}

const fateOf = (dice: Dice, host: Host): Fate => {
  const share = dice.random() ** 2
  const answers = Math.floor(share * ANSWERS_MAX)
  const ms = Math.floor(share * INNER_MS_MAX)
  const what = dice.random()
  if (what < 0.1) return { kind: 'told to end', answers }
  if (what < 0.15 && host !== 'library') return { kind: 'frozen', answers, frozenMs: FROZEN_MS }
  // The program that users start has no switch for what follows.
  if (host === 'serve') return { kind: 'killed', answers }
  if (what < 0.21) return { kind: dice.pick(['uncaught exception', 'unhandled rejection'] as const), ms }
  if (what < 0.24) return { kind: 'heap exhausted', ms }
  if (what < 0.32) return { kind: 'disk full', answers, fullMs: 300 }
  if (what < 0.6) return failpoint(dice)
  return { kind: 'killed', answers }
}

export const mixOf = (seed: number): Mix => {
  const dice = new Dice(seed)
  const host = dice.pick(['serve', 'server', 'server', 'server', 'library', 'library'] as const)
  return {
    seed,
    host,
    fate: fateOf(dice, host),
    producers: dice.pick([2, 6, 16]),
    claimers: dice.pick([0, 2, 4, 8]),
    operates: dice.chance(0.5),
    worker: host === 'library' || !dice.chance(0.2) ? 'none' : dice.pick(['killed', 'killed', 'frozen']),
    rival: dice.chance(0.04),
    recoversTwice: dice.chance(0.25),
  }
}

/** Some directories lie on a small file system of their own, if this machine lets one be made. */
export const isOnSmallDisk = (seed: number): boolean => new Dice(seed ^ 0x1f83d9ab).chance(0.4)
export const SMALL_DISK_BYTES = 96 * 1_048_576

/** All delays are fixed, so that each retry can be told to the millisecond. */
const POLICIES = {
  UNKNOWN: { delayMs: 30, retriesMax: 2 },
  NETWORK: { delayMs: 0, retriesMax: 1 },
  TIMEOUT: { delayMs: 50, retriesMax: 3 },
  CRASH: { delayMs: 20, retriesMax: 2 },
} as const

const BASE: QueueSettings = {
  leaseMs: LEASE_MS,
  dedupWindowMs: 3_600_000,
  circuit: null,
  maxSize: 100_000,
  failures: Object.fromEntries(Object.entries(POLICIES).map(([type, policy]) => [type, fixed(policy)])),
}

/** The queues of one directory, by name. `work` is for clients over HTTP, `jobs` for workers of the library. */
export const queuesOf = (seed: number): Readonly<Record<string, QueueSettings>> => {
  const dice = new Dice(seed ^ 0x2545f491)
  return {
    work: {
      ...BASE,
      maxSize: dice.pick([60, 100_000, 100_000]),
      overflow: dice.pick(['reject', 'reject', 'dropOldest']),
      order: dice.pick(['priority', 'priority', 'fifo', 'weighted']),
      groupHead: dice.pick(['block', 'skip']),
      limits: dice.pick([{}, {}, { concurrencyMax: 12 }, { perTenant: { concurrencyMax: 3 } }]),
    },
    jobs: BASE,
    after: BASE,
    ticks: BASE,
    big: BASE,
  }
}

/** Segments as small as this roll, and are cheap to prepare. */
export const SEGMENT_BYTES = 1_048_576

export const jobOf = (dice: Dice, n: number): Job => ({
  n,
  ms: dice.pick([0, 0, 0, 2, 10, 30, dice.chance(0.3) ? 2 * LEASE_MS : 0]),
  outcome: dice.chance(0.004)
    ? 'poison'
    : dice.pick(['ack', 'ack', 'ack', 'fail', 'throw', 'release', 'followUp', 'followUp']),
})
