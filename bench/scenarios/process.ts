// The main job: claim, run, ack at concurrency 100, from a backlog that was there before. The period of snapshots is chosen
// so that one falls inside the measured part while most of the backlog still waits, and the step fails if no file came of
// it. The second step opens the same log without snapshots: replay of all kinds of events, three per job.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { measureCeiling } from '../measure/ceiling.js'
import { peakRssMb, rssMb } from '../measure/memory.js'
import { measured } from '../measure/window.js'
import {
  Calls,
  drain,
  enqueueInBatches,
  openBenchLedger,
  openOrders,
  PAYLOAD_BYTES,
  QUEUE,
  warmUp,
} from './jobs.js'
import type { Bench, Scenario, StepResult } from './scenario.js'

const CONCURRENCY = 100
const CEILING_SECONDS = 2
/** Events of the queue, as a share of its messages, at which a snapshot begins: 1 of filling, 0.4 of 2 of draining. */
const SNAPSHOT_SHARE = 1.4
const EVENTS_PER_JOB = 3

/** Names of finished snapshots of the queue's partition. */
export const snapshotFiles = (directory: string): string[] =>
  readdirSync(join(directory, 'snapshots'), { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.includes(QUEUE) && name.startsWith('partition-') && name.endsWith('.snap'),
  )

const run = async ({ n, directory, profile, progress }: Bench): Promise<StepResult> => {
  const ledger = await openBenchLedger(directory, { snapshotEveryEvents: Math.floor(n * SNAPSHOT_SHARE) })
  const warm = await warmUp(ledger, n)
  const queue = await openOrders(ledger)
  progress('filling')
  const bytesBefore = (await ledger.stats()).log.bytes
  await enqueueInBatches(queue, n)
  const filledBytes = (await ledger.stats()).log.bytes - bytesBefore
  const snapshotsBefore = new Set(snapshotFiles(directory))
  const calls = new Calls(n)
  const window = await measured(ledger, () => drain(queue, calls, CONCURRENCY), profile)
  const snapshots = snapshotFiles(directory).filter((name) => !snapshotsBefore.has(name)).length
  const { succeeded } = await queue.stats()
  const rss = rssMb()
  await ledger.close()
  const ceiling = await measureCeiling(directory, {
    callers: CONCURRENCY,
    eventsPerCall: 2,
    bytesPerEvent: window.bytes / window.events,
    seconds: CEILING_SECONDS,
  })
  const problems = calls.problems()
  if (succeeded !== n) problems.push(`${succeeded} of ${n} jobs had succeeded when the worker had stopped`)
  if (snapshots === 0) problems.push('no snapshot was finished inside the measured part')
  return {
    figures: {
      process_per_s: Math.round(n / window.seconds),
      process_fsyncs: window.fsyncs,
      process_bytes_per_job: Math.round((filledBytes + window.bytes) / n),
      payload_bytes: PAYLOAD_BYTES,
      loop_delay_p99_ms: window.loopDelay.p99Ms,
      loop_delay_max_ms: window.loopDelay.maxMs,
      process_cpu_cores: window.cpuCores,
      snapshots_in_window: snapshots,
      rss_mb: rss,
      rss_peak_mb: peakRssMb(),
      process_ceiling_events_per_s: ceiling.eventsPerSecond,
      process_ratio_to_ceiling: Number((window.events / window.seconds / ceiling.eventsPerSecond).toFixed(3)),
    },
    expected: { ...warm, [QUEUE]: { enqueued: n, succeeded: n } },
    problems,
  }
}

const replay = async ({ directory, profile: _, n }: Bench): Promise<StepResult> => {
  rmSync(join(directory, 'snapshots'), { recursive: true, force: true })
  const began = performance.now()
  const ledger = await openBenchLedger(directory)
  const seconds = (performance.now() - began) / 1000
  const events = (await ledger.stats()).log.position + 1
  const { succeeded } = await (await openOrders(ledger)).stats()
  await ledger.close()
  const problems = succeeded === n ? [] : [`replay counts ${succeeded} successes instead of ${n}`]
  if (events < n * EVENTS_PER_JOB) problems.push(`replay saw ${events} events`)
  return { figures: { replay_mixed_events_per_s: Math.round(events / seconds) }, problems }
}

export const processScenario: Scenario = {
  name: 'process',
  about: 'claim + run + ack at concurrency 100, snapshot included',
  steps: [
    { name: 'process', run },
    { name: 'replay', run: replay },
  ],
}
