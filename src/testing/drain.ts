// Runs a ledger until nothing is left that could run. Bounded: messages that make messages for ever, and handlers that do not
// end, fail the test instead of hanging it.
import { AssertionError } from 'node:assert'
import type { Ledger, LedgerStats, QueueStats } from '../api/types/index.js'
import type { VirtualClock } from './virtualClock.js'

export type DrainOptions = Readonly<{
  /** Virtual time that may pass, for delays and retries. Default 0: only what is ready now. It stops when nothing is left. */
  forMs?: number
  /** More attempts than this are taken for a loop. Default 10,000. */
  attemptsMax?: number
  /** Real time that handlers which do real I/O may take without anything being recorded. Default 5 s. */
  realMs?: number
}>

export type Drained = Readonly<{
  /** What happened since the last drain, or since the beginning: handlers run by themselves, also before it. */
  attempts: number
  succeeded: number
  failed: number
  deadLettered: number
  /** Virtual time that has passed. */
  passedMs: number
  /** What is still there: waiting for time, paused, or for want of a worker. */
  left: Readonly<{ pending: number; scheduled: number; retrying: number }>
}>

const ATTEMPTS_MAX = 10_000
const REAL_MS = 5_000
const REAL_STEP_MS = 2
/** Between two looks at how far it has come. */
const TURNS_AT_ONCE = 100

const sum = ({ queues }: LedgerStats, of: (queue: QueueStats) => number): number =>
  queues.reduce((total, queue) => total + of(queue), 0)
const attemptsOf = (stats: LedgerStats): number => sum(stats, ({ attempts }) => attempts)
const runningOf = (stats: LedgerStats): number => sum(stats, ({ processing }) => processing)
const waitingOf = (stats: LedgerStats): number =>
  sum(stats, ({ pending, scheduled, retrying }) => pending + scheduled + retrying)

const fail = (message: string, stats: LedgerStats): never => {
  const lines = stats.queues.map(
    ({ queue, pending, scheduled, retrying, processing, attempts }) =>
      `  ${queue}: ${pending} pending, ${scheduled} scheduled, ${retrying} retrying, ${processing} processing, ${attempts} attempts`,
  )
  throw new AssertionError({ message: [message, ...lines].join('\n') })
}

const realPause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, REAL_STEP_MS))

/** Nothing runs and nothing is recorded any more, without time passing. */
const quiet = async (
  ledger: Ledger,
  clock: VirtualClock,
  limits: Readonly<{ attemptsEnd: number; realMs: number }>,
): Promise<LedgerStats> => {
  let position = Number.NaN
  for (let waitedMs = 0; ; ) {
    const isQuiet = await clock.settleWithin(TURNS_AT_ONCE)
    const stats = await ledger.stats()
    if (attemptsOf(stats) > limits.attemptsEnd) {
      return fail('The queues do not run dry: more attempts than are allowed.', stats)
    }
    const moved = stats.log.position !== position
    position = stats.log.position
    if (moved || !isQuiet) waitedMs = 0
    else if (runningOf(stats) === 0) return stats
    else if (waitedMs >= limits.realMs) {
      return fail(`Handlers still run after ${limits.realMs} ms of real time.`, stats)
    } else {
      // They wait for something real: a file, a socket, a timer of their own.
      await realPause()
      waitedMs += REAL_STEP_MS
    }
  }
}

/** `before` = the counts that the last drain ended with. */
export const drain = async (
  ledger: Ledger,
  clock: VirtualClock,
  before: LedgerStats,
  { forMs = 0, attemptsMax = ATTEMPTS_MAX, realMs = REAL_MS }: DrainOptions = {},
): Promise<Readonly<{ drained: Drained; after: LedgerStats }>> => {
  const startMs = clock.tickMs()
  const limits = { attemptsEnd: attemptsOf(before) + attemptsMax, realMs }
  let stats = await quiet(ledger, clock, limits)
  while (waitingOf(stats) > 0) {
    const inMs = clock.nextTimerInMs
    if (inMs === undefined || clock.tickMs() - startMs + inMs > forMs) break
    await clock.advance(inMs)
    stats = await quiet(ledger, clock, limits)
  }
  const during = (of: (queue: QueueStats) => number): number => sum(stats, of) - sum(before, of)
  const drained = {
    attempts: during(({ attempts }) => attempts),
    succeeded: during(({ succeeded }) => succeeded),
    failed: during(({ failed }) => failed),
    deadLettered: during(({ deadLettered }) => deadLettered),
    passedMs: clock.tickMs() - startMs,
    left: {
      pending: sum(stats, ({ pending }) => pending),
      scheduled: sum(stats, ({ scheduled }) => scheduled),
      retrying: sum(stats, ({ retrying }) => retrying),
    },
  }
  return { drained, after: stats }
}
