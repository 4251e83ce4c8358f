// Where the log of a simulated run lies, and how its processes open it: in memory with faults of the link, on a simulated disk
// (simulationDiskHome.ts), or in EventStoreDB: the real adapter of each process on one emulated server, without a wire.

import { left } from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { StoreCalls } from '../../src/adapters/eventstoredb/connection.js'
import { EventStoreLog } from '../../src/adapters/eventstoredb/eventLog.js'
import { positionAfterCommit } from '../../src/adapters/eventstoredb/storedEvents.js'
import { verifyStreams } from '../../src/adapters/eventstoredb/verify.js'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import type { EventLog, ReadFault } from '../../src/ports/eventLog.js'
import { DirectCalls, type DirectFault } from './eventstoredb/direct.js'
import { EmulatedStore } from './eventstoredb/store.js'
import { FaultyLog, type PlannedFault } from './faultyLog.js'
import type { SimulatedProcess } from './simulationTime.js'

/** The log as one process has it. */
export type ProcessLog = Readonly<{
  port: EventLog
  /** One of the home's faults, for something that comes. */
  plan: (fault: string) => void
  /** No more faults; what is held stays so. */
  heal: () => void
  /** What is held or late goes on. */
  release: () => void
  /** The process has died. What it had sent may still arrive. */
  die: () => void
}>

export type LogHome = Readonly<{
  /** So many processes may have it open at once. */
  processesMax: number
  /** What can go wrong with it, by the names under which it is counted. */
  faults: ReadonlyArray<string>
  /** Rejects when it cannot be opened now: it is tried again after some time. */
  open: (process: SimulatedProcess) => Promise<ProcessLog>
  /** To look at what is in it: as it is on the disk, or on the server; undefined while nobody has it open. */
  reader: () => EventLog | undefined
  /** What only this home can say about itself at the end, once all is healed; broken promises as sentences. */
  check: () => Promise<ReadonlyArray<string>>
  /** What happened in it, by name. */
  seen: ReadonlyMap<string, number>
}>

/** No made-up conflicts: a log never answers so while the place is free. Processes that take over make real ones. */
const LINK_FAULTS: ReadonlyArray<PlannedFault> = ['full', 'lostReply', 'lostRequest', 'lateRequest', 'held']

/** The next read, or the next snapshot, does not come through. */
const READ_FAULTS: ReadonlyArray<string> = ['unreachable', 'snapshot fails']

class FailingReads {
  private readonly planned = new Set<string>()
  readonly port: EventLog

  constructor(inner: EventLog) {
    this.port = {
      ...inner,
      read: (stream, from, maxBytes) => this.unless('unreachable', inner.read(stream, from, maxBytes)),
      head: (stream) => this.unless('unreachable', inner.head(stream)),
      saveSnapshot: (stream, revision, chunks) =>
        this.unless('snapshot fails', inner.saveSnapshot(stream, revision, chunks)),
    }
  }

  /** False for what is none of its faults. */
  plan(fault: string): boolean {
    if (READ_FAULTS.includes(fault)) this.planned.add(fault)
    return READ_FAULTS.includes(fault)
  }

  heal(): void {
    this.planned.clear()
  }

  private unless<A>(fault: string, answer: TaskEither<ReadFault, A>): TaskEither<ReadFault, A> {
    return async () =>
      this.planned.delete(fault) ? left({ type: 'LogUnavailable', reason: `${fault} by plan` }) : answer()
  }
}

/** A server without a disk: processes reach it over a link that loses, holds and delays. */
const memoryHome = (): LogHome => {
  const inner = openMemoryLog()
  return {
    processesMax: 3,
    faults: [...LINK_FAULTS, 'held', ...READ_FAULTS],
    open: async (process) => {
      const failing = new FailingReads(sentFrom(process, inner))
      const log = new FaultyLog(failing.port)
      return {
        port: heardBy(process, log.port),
        plan: (fault) => failing.plan(fault) || log.plan(fault as PlannedFault),
        heal: () => {
          log.heal()
          failing.heal()
        },
        release: () => log.release(),
        die: () => log.die(),
      }
    },
    reader: () => inner,
    check: async () => [],
    seen: new Map(),
  }
}

const STORE_FAULTS: Readonly<Record<string, DirectFault>> = {
  'server: reply lost': 'replyLost',
  'server: request lost': 'requestLost',
  'server: late request': 'late',
  'server: held': 'held',
  'server: forgotten': 'forgotten',
  'server: refused': 'refused',
}
const BEHIND_PART = 'server: refused behind a part'
const PREFIX = 'ledgerq.'
/** So small that a batch which has gathered behind a fault is cut. */
const APPEND_BYTES_MAX = 5_000
const OPTIONS = { connectionString: '', appendBytesMax: APPEND_BYTES_MAX }
/** Each so manieth append finds that others have written before it: positions have gaps. */
const OTHERS_EVERY_APPENDS = 3

const storeHome = (): LogHome => {
  const store = new EmulatedStore({ maxAppendBytes: APPEND_BYTES_MAX, sizeCounts: 'all', nowMs: () => 0 })
  const seen = new Map<string, number>()
  const saw = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1)
  let appends = 0
  const onAppend = (isLaterPart: boolean): void => {
    if (isLaterPart) saw('server: a batch is cut')
    if (++appends % OTHERS_EVERY_APPENDS > 0) return
    const data = Buffer.from('{}')
    const id = `${appends}`
    store.append('elsewhere', 'any', [{ id, type: 'Note', contentType: '', data, metadata: data }])
  }
  return {
    processesMax: 3,
    faults: [...Object.keys(STORE_FAULTS), 'server: held', 'server: forgotten', BEHIND_PART, ...READ_FAULTS],
    open: async (process) => {
      const direct = new DirectCalls(store, `${PREFIX}partition-`, onAppend)
      const calls = overLink(process, direct.calls)
      const end = store.all.at(-1)
      const options = { ...OPTIONS, after: process.clock.after, onTrouble: () => saw('server: trouble told') }
      const next = end === undefined ? 0 : positionAfterCommit(end.commit)
      const log = new EventStoreLog(calls, PREFIX, options, next).follow()
      const failing = new FailingReads(log.asPort())
      return {
        port: failing.port,
        plan: (fault) => {
          const planned = STORE_FAULTS[fault]
          if (fault === BEHIND_PART) direct.planBehindPart('refused')
          else if (planned === undefined) failing.plan(fault)
          else direct.plan(planned)
        },
        heal: () => {
          direct.heal()
          failing.heal()
        },
        release: () => direct.release(),
        die: () => void direct.calls.close(),
      }
    },
    // One that knows nothing from before.
    reader: () => new EventStoreLog(new DirectCalls(store, '').calls, PREFIX, OPTIONS, 0).asPort(),
    check: async () => {
      try {
        await verifyStreams(new DirectCalls(store, '').calls, PREFIX)
        return []
      } catch (error) {
        return [`the log in the server is not sound: ${(error as Error).message}`]
      }
    },
    seen,
  }
}

/** A sixth of the runs on a server has the adapter of a real one between the engine and what is kept. */
export const serverHome = (seed: number): LogHome => (seed % 6 === 4 ? storeHome() : memoryHome())

/** Requests are on their way for a while, answers are heard in turns of the process, and what is followed comes in its order. */
const overLink = (process: SimulatedProcess, calls: StoreCalls): StoreCalls => ({
  append: (...append) =>
    process.asks(
      () =>
        new Promise((resolve, reject) => {
          process.time.soon(() => void calls.append(...append).then(resolve, reject))
        }),
    ),
  read: (wish, show) => process.asks(() => calls.read(wish, show)),
  subscribe: (wish, onAnswer, onEnd) =>
    process.asks(() => calls.subscribe(wish, (answer) => process.clock.soon(() => onAnswer(answer)), onEnd)),
  delete: (stream) => process.asks(() => calls.delete(stream)),
  serverVersion: () => process.asks(calls.serverVersion),
  close: () => process.asks(calls.close),
})

/** A request is on its way for a while, and arrives although whoever sent it has died since. */
const sentFrom = ({ time }: SimulatedProcess, inner: EventLog): EventLog => ({
  ...inner,
  append: (stream, expected, batch) => () =>
    new Promise((resolve, reject) => {
      time.soon(() => void inner.append(stream, expected, batch)().then(resolve, reject))
    }),
})

export const heardBy = (process: SimulatedProcess, port: EventLog): EventLog => ({
  ...port,
  append: (stream, expected, batch) => () => process.asks(port.append(stream, expected, batch)),
  read: (stream, from, maxBytes) => () => process.asks(port.read(stream, from, maxBytes)),
  readAll: (from, maxBytes) => () => process.asks(port.readAll(from, maxBytes)),
  head: (stream) => () => process.asks(port.head(stream)),
  truncateBefore: (stream, revision) => () => process.asks(port.truncateBefore(stream, revision)),
  saveSnapshot: (stream, revision, chunks) => () =>
    process.asks(port.saveSnapshot(stream, revision, eachHeardBy(process, chunks))),
  snapshots: (stream) => () => process.asks(port.snapshots(stream)),
})

/** A snapshot is written chunk by chunk, and the process may die in between. */
async function* eachHeardBy<A>(process: SimulatedProcess, chunks: AsyncIterable<A>): AsyncIterable<A> {
  for await (const chunk of chunks) yield await process.asks(async () => chunk)
}
