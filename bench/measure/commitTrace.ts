// Where the time of single commits goes: the embedded log on a disk that notes when each step of a commit began and ended
// (tracedLogThread.ts), and a handle that notes when the main thread handed a frame over and heard of it. Both clocks are
// the system's monotonic one, which all threads share. Only for looking: the notes cost some
// microseconds a commit. Where the kernel tells how long a thread waited for a processor (Linux), that is told apart from the disk.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setEnvironmentData } from 'node:worker_threads'
import { isLeft } from 'fp-ts/lib/Either.js'
import { openEmbeddedLog } from '../../src/adapters/embedded/eventLog.js'
import { openFinishedRegister } from '../../src/adapters/embedded/finishedRegister.js'
import type { LogThreadHandle, LogThreadOptions } from '../../src/adapters/embedded/logThreadHandle.js'
import { realMachine } from '../../src/adapters/embedded/machine.js'
import { openLedgerOn } from '../../src/api/openLedger.js'
import type { Ledger } from '../../src/api/types/index.js'
import { quantileOf } from './quantiles.js'
import { monotonicMs, NOTE, NOTE_WORDS, TRACE_KEY } from './tracedLogThread.js'

const PROGRAM = new URL('./tracedLogThread.js', import.meta.url)
const NANOS_PER_MS = 1e6

/** Instants on `performance.now()`'s scale, lengths in milliseconds. */
type Commit = Readonly<{
  handedOver: number
  heard: number
  lengths: Readonly<Record<Stage, number>>
}>
const STAGES = [
  'wake_and_seal',
  'write',
  'sync',
  'mark',
  'head_sync_before',
  'reply',
  'no_processor',
] as const
type Stage = (typeof STAGES)[number]

export type CommitTrace = Readonly<{
  ledger: Ledger
  /** Forgets what was seen so far. */
  begin: () => void
  /** Lines for people: the stages of all commits since `begin`, then those of the slowest messages. */
  report: (messages: ReadonlyArray<TracedMessage>, slowest: number) => ReadonlyArray<string>
}>
export type TracedMessage = Readonly<{ seq: number; calledAt: number; startedMs: number }>

export const openTraced = async (directory: string): Promise<CommitTrace> => {
  const notes = new Float64Array(new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT * NOTE_WORDS))
  setEnvironmentData(TRACE_KEY, notes.buffer)
  const commits: Commit[] = []
  const machine = realMachine(PROGRAM)
  const startLogThread = (options: LogThreadOptions): LogThreadHandle =>
    watched(machine.startLogThread(options), notes, commits)
  mkdirSync(directory, { recursive: true })
  const log = await openEmbeddedLog({ directory }, { ...machine, startLogThread })
  if (isLeft(log)) throw new Error(JSON.stringify(log.left))
  const register = await openFinishedRegister(join(directory, 'views'))
  const ledger = await openLedgerOn(log.right, register, {})
  let threadsBefore = threadTimes()
  return {
    ledger,
    begin: () => {
      commits.length = 0
      threadsBefore = threadTimes()
    },
    report: (messages, slowest) => [
      ...stageLines(commits),
      ...threadLines(threadsBefore),
      ...slowestLines(commits, messages, slowest),
    ],
  }
}

/** The same handle; each frame handed over and heard of becomes a commit of the trace. */
const watched = (thread: LogThreadHandle, notes: Float64Array, commits: Commit[]): LogThreadHandle => {
  const toPerformance = performance.now() - monotonicMs()
  let handedOver = 0
  const handle: LogThreadHandle = {
    onDurable: () => {},
    onDeath: () => {},
    slabs: thread.slabs,
    get syncs() {
      return thread.syncs
    },
    opened: () => thread.opened(),
    commit: (slab, frameBytes, segment, offset) => {
      handedOver = monotonicMs()
      thread.commit(slab, frameBytes, segment, offset)
    },
    close: () => thread.close(),
  }
  thread.onDurable = () => {
    const heard = monotonicMs()
    const note = (word: number): number => notes[word] ?? 0
    commits.push({
      handedOver: handedOver + toPerformance,
      heard: heard + toPerformance,
      lengths: {
        wake_and_seal: note(NOTE.writeBegan) - handedOver,
        write: note(NOTE.written) - note(NOTE.writeBegan),
        sync: note(NOTE.synced) - note(NOTE.written),
        mark: note(NOTE.marked) - note(NOTE.synced),
        head_sync_before: note(NOTE.headSyncMs),
        reply: heard - note(NOTE.marked),
        no_processor: note(NOTE.noProcessorMs),
      },
    })
    handle.onDurable()
  }
  thread.onDeath = (reason) => handle.onDeath(reason)
  return handle
}

const stageLines = (commits: ReadonlyArray<Commit>): ReadonlyArray<string> => {
  const line = (name: string, values: ReadonlyArray<number>): string => {
    const at = quantileOf(Float64Array.from(values))
    const cells = [0.5, 0.9, 0.99, 0.999, 1].map((share) => at(share).toFixed(3).padStart(8))
    return `${name.padEnd(18)}${cells.join('')}`
  }
  return [
    `${commits.length} commits, ms:             p50     p90     p99   p99.9     max`,
    ...STAGES.map((stage) =>
      line(
        stage,
        commits.map(({ lengths }) => lengths[stage]),
      ),
    ),
    line(
      'handed over .. heard',
      commits.map(({ handedOver, heard }) => heard - handedOver),
    ),
  ]
}

const slowestLines = (
  commits: ReadonlyArray<Commit>,
  messages: ReadonlyArray<TracedMessage>,
  slowest: number,
): ReadonlyArray<string> => {
  const sorted = [...messages].sort((a, b) => b.startedMs - a.startedMs).slice(0, slowest)
  return sorted.flatMap(({ seq, calledAt, startedMs }) => {
    const during = commits.filter(
      ({ handedOver, heard }) => heard >= calledAt && handedOver <= calledAt + startedMs,
    )
    return [
      `message ${seq}: ${startedMs.toFixed(2)} ms`,
      ...during.map(({ handedOver, lengths }) => {
        const cells = STAGES.filter((stage) => lengths[stage] >= 0.005)
        const at = (handedOver - calledAt).toFixed(2).padStart(7)
        return `  commit at ${at}: ${cells.map((stage) => `${stage} ${lengths[stage].toFixed(2)}`).join(', ')}`
      }),
    ]
  })
}

type ThreadTime = Readonly<{ ranMs: number; waitedMs: number }>

/** By thread of this process; empty where the kernel does not tell. */
const threadTimes = (): ReadonlyMap<string, ThreadTime> => {
  const times = new Map<string, ThreadTime>()
  try {
    for (const thread of readdirSync('/proc/self/task')) {
      const [ran, waited] = readFileSync(`/proc/self/task/${thread}/schedstat`, 'latin1').split(' ')
      times.set(thread, { ranMs: Number(ran) / NANOS_PER_MS, waitedMs: Number(waited) / NANOS_PER_MS })
    }
  } catch {
    // Another system, or a thread that ended in between.
  }
  return times
}

/** The main thread is the one with the process's own number; those of the runtime compile and collect garbage. */
const threadLines = (before: ReadonlyMap<string, ThreadTime>): ReadonlyArray<string> =>
  [...threadTimes()].flatMap(([thread, { ranMs, waitedMs }]) => {
    const { ranMs: ranBefore, waitedMs: waitedBefore } = before.get(thread) ?? { ranMs: 0, waitedMs: 0 }
    const ran = ranMs - ranBefore
    if (ran < 1) return []
    const name = thread === String(process.pid) ? 'main thread' : `thread ${thread}`
    return [
      `${name}: ran ${ran.toFixed(0)} ms, waited for a processor ${(waitedMs - waitedBefore).toFixed(0)} ms`,
    ]
  })
