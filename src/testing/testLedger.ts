// A whole ledger for a test: in memory, on time that moves only when the test says so, with ids and chance that are the same
// in every run. Calls are awaited as usual; handlers run by themselves; only what waits for time waits.
import { openMemoryLog } from '../adapters/memory/eventLog.js'
import { memoryFinishedRegister } from '../adapters/memory/finishedRegister.js'
import { type LedgerOptions, openLedgerOn } from '../api/openLedger.js'
import type { Ledger } from '../api/types/index.js'
import type { EventLog } from '../ports/eventLog.js'
import type { FinishedRegister } from '../ports/finishedRegister.js'
import type { Ids } from '../ports/ids.js'
import { type Drained, type DrainOptions, drain } from './drain.js'
import { VirtualClock } from './virtualClock.js'

export type TestLedgerOptions = Omit<LedgerOptions, 'log' | 'clock' | 'ids'> &
  Readonly<{
    /** What the wall clock says at first: a Date, or milliseconds since 1970. */
    now?: Date | number
    /** Of everything that chance decides (jitter). Default 1; the same number, the same run. */
    seed?: number
  }>

export type TestLedger = Readonly<{
  /** Of the process that runs now: another one after `crash()`. */
  ledger: Ledger
  queue: Ledger['queue']
  clock: VirtualClock
  /** Lets the workers run until nothing is ready any more; with `forMs` also what becomes ready in that time. */
  drain: (options?: DrainOptions) => Promise<Drained>
  /** Moves time on until the promise is settled; throws when that takes longer than `withinMs` (default one hour). */
  until: <A>(promise: Promise<A>, withinMs?: number) => Promise<A>
  /**
   * The process dies as by SIGKILL: nothing it had planned happens, handlers of it are heard no more. A new one opens on the
   * same log; its queues and workers are to be opened anew.
   */
  crash: () => Promise<Ledger>
  close: () => Promise<void>
}>

const UNTIL_MS = 3_600_000

/** mulberry32: good enough for jitter, and four lines. */
const chance = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const countedIds = (seed: number): Ids => {
  let last = 0
  const random = chance(seed)
  return { unique: () => `test-${++last}`, random }
}

const until = async <A>(clock: VirtualClock, promise: Promise<A>, withinMs: number): Promise<A> => {
  let isOver = false
  const over = (): void => {
    isOver = true
  }
  promise.then(over, over)
  const end = clock.tickMs() + withinMs
  await clock.settle()
  while (!isOver) {
    const inMs = clock.nextTimerInMs
    if (inMs === undefined || clock.tickMs() + inMs > end) {
      throw new Error(`still waiting after ${withinMs} ms of virtual time`)
    }
    await clock.advance(inMs)
  }
  return promise
}

/** Appends of a dead process do not arrive. */
const ofProcess = (log: EventLog): { log: EventLog; die: () => void } => {
  let alive = true
  const never = new Promise<never>(() => undefined)
  return {
    log: {
      ...log,
      append: (stream, expectedRevision, batch) => () =>
        alive ? log.append(stream, expectedRevision, batch)() : never,
      close: () => Promise.resolve(),
    },
    die: () => {
      alive = false
    },
  }
}

export const testLedger = async (options: TestLedgerOptions = {}): Promise<TestLedger> => {
  const { now, seed = 1, ...ledgerOptions } = options
  const clock = new VirtualClock(now === undefined ? {} : { wallMs: Number(now) })
  const ids = countedIds(seed)
  const stores = { log: openMemoryLog(), register: memoryFinishedRegister() }
  let die: () => void = () => undefined

  const begin = (): Promise<Ledger> => {
    const process = clock.process()
    const { log, die: cut } = ofProcess(stores.log)
    const register: FinishedRegister = { ...stores.register, close: () => Promise.resolve() }
    die = () => {
      process.die()
      cut()
    }
    const own = { node: 'test', logging: false, ...ledgerOptions } as const
    return openLedgerOn(log, register, { ...own, ids, clock: process.clock })
  }
  let ledger = await begin()
  let counted = await ledger.stats()
  return {
    get ledger() {
      return ledger
    },
    queue: (name, queueOptions) => ledger.queue(name, queueOptions),
    clock,
    drain: async (drainOptions) => {
      const { drained, after } = await drain(ledger, clock, counted, drainOptions)
      counted = after
      return drained
    },
    until: (promise, withinMs = UNTIL_MS) => until(clock, promise, withinMs),
    crash: async () => {
      die()
      ledger = await begin()
      return ledger
    },
    close: async () => {
      // A handler that does not end is waited for: that is time, too.
      await until(clock, ledger.close(), UNTIL_MS)
      await stores.register.close()
      await stores.log.close()
    },
  }
}
