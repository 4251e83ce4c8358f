// A whole server in a process of its own, to which its parent does what happens to real ones: a clock that is set, a loop
// that stands still, a pool without a free thread, a mistake in somebody's code, a heap that is too small.
import { open } from 'node:fs'
import { join } from 'node:path'
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { isLeft } from 'fp-ts/lib/Either.js'
import { openEmbeddedLog } from '../../src/adapters/embedded/eventLog.js'
import { openFinishedRegister } from '../../src/adapters/embedded/finishedRegister.js'
import { openLedgerOn } from '../../src/api/openLedger.js'
import { startServer } from '../../src/http/server.js'
import { systemClock } from '../../src/runtime/systemClock.js'
import type { FaultServerOptions, Misfortune } from './faultServer.js'

const PROGRAMS = {
  failingSync: new URL('./embedded/failingSyncLogThread.js', import.meta.url),
  slowSync: new URL('./faultSlowSync.js', import.meta.url),
}

const options = JSON.parse(process.argv[2] ?? '{}') as FaultServerOptions
const say = (told: unknown): void => {
  process.send?.(told)
}

let wallShiftMs = 0
let delays: IntervalHistogram | undefined
const kept: unknown[] = []

const MS = 1e6
const loopDelays = (): { p99Ms: number; maxMs: number } => {
  const told = { p99Ms: (delays?.percentile(99) ?? 0) / MS, maxMs: (delays?.max ?? 0) / MS }
  delays?.reset()
  return told
}

const suffer = (misfortune: Misfortune): unknown => {
  switch (misfortune.what) {
    case 'jumpWall':
      wallShiftMs += misfortune.ms
      return undefined
    case 'block':
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, misfortune.ms)
      return undefined
    case 'watchLoop':
      delays = monitorEventLoopDelay({ resolution: 5 })
      delays.enable()
      return undefined
    case 'loopDelays':
      return loopDelays()
    case 'blockPool':
      // To open a pipe waits for somebody at its other end, and takes a thread of the pool for as long.
      for (const pipe of misfortune.pipes) open(pipe, 'r', () => say({ freed: pipe }))
      return undefined
    case 'throw':
      setImmediate(() => {
        throw new Error('a mistake in code beside the ledger')
      })
      return undefined
    case 'reject':
      void Promise.reject(new Error('a promise that nobody looks after'))
      return undefined
    case 'fillHeap':
      for (;;) kept.push(Array.from({ length: 10_000 }, (_, n) => ({ n, of: kept.length })))
  }
}

const { directory, segmentBytes, disk, snapshotEveryEvents } = options
const opened = await openEmbeddedLog({
  directory,
  ...(segmentBytes === undefined ? {} : { segmentBytes }),
  ...(disk === undefined ? {} : { logThreadProgram: PROGRAMS[disk] }),
})
if (isLeft(opened)) {
  say({ refused: opened.left })
  process.exitCode = 4
} else {
  const register = await openFinishedRegister(join(directory, 'views'))
  const ledger = await openLedgerOn(opened.right, register, {
    clock: { ...systemClock, wallMs: () => Date.now() + wallShiftMs },
    logging: { to: 'stderr', level: 'warn' },
    ...(snapshotEveryEvents === undefined ? {} : { snapshotEveryEvents }),
  })
  const server = await startServer(ledger, { onError: (error) => process.stderr.write(`${String(error)}\n`) })
  process.on('message', (misfortune: Misfortune) => say({ done: misfortune.what, told: suffer(misfortune) }))
  // A test that failed in the middle leaves nobody behind who would end us.
  process.on('disconnect', () => process.exit())
  process.on('SIGTERM', () => {
    void server
      .close()
      .then(() => ledger.close())
      .then(() => process.disconnect())
  })
  say({ url: server.url })
}
