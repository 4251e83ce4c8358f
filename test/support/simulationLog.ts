// Where the log of a simulated run lies, and how its processes open it: in memory with faults of the link, or on a simulated
// disk. A store for many processes (a server) fits in by the same three types.

import { left } from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import type { EventLog, ReadFault } from '../../src/ports/eventLog.js'
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
export const memoryHome = (): LogHome => {
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
