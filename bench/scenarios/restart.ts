// From the opening of the directory to the first claim that is answered, with the backlog waiting: after a SIGKILL (last
// snapshot plus a fifth of the events), after a close (snapshot of everything), and without any snapshot (full replay).
// Each opening is that of a fresh process; the files are in the page cache.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { rssMb } from '../measure/memory.js'
import { enqueueInBatches, openBenchLedger, openOrders, QUEUE } from './jobs.js'
import { snapshotFiles } from './process.js'
import type { Bench, Scenario, Step, StepResult } from './scenario.js'

/** Two periods fit, so a fifth of the events is left for the tail. */
const SNAPSHOT_SHARE = 0.4
const SNAPSHOT_WAIT_MS = 10_000
const POLL_MS = 20

const fill = async ({ backlog, directory, progress }: Bench): Promise<StepResult> => {
  const ledger = await openBenchLedger(directory, {
    snapshotEveryEvents: Math.floor(backlog * SNAPSHOT_SHARE),
  })
  const queue = await openOrders(ledger)
  progress(`filling ${backlog}`)
  await enqueueInBatches(queue, backlog)
  const end = performance.now() + SNAPSHOT_WAIT_MS
  while (snapshotFiles(directory).length < 2 && performance.now() < end)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  const problems = snapshotFiles(directory).length < 2 ? ['the snapshots were not written'] : []
  return { figures: {}, problems }
}

/** `claims` so many messages are claimed and acknowledged by the openings before and this one. */
const opening = (figure: string, claims: number, withSnapshots: boolean): Step => ({
  name: figure,
  run: async ({ backlog, directory }) => {
    const problems: string[] = []
    if (!withSnapshots) rmSync(join(directory, 'snapshots'), { recursive: true, force: true })
    else if (snapshotFiles(directory).length === 0) problems.push(`${figure}: there was no snapshot`)
    const began = performance.now()
    const ledger = await openBenchLedger(directory)
    const queue = await openOrders(ledger)
    const openedMs = performance.now() - began
    const [claimed] = await queue.claim({ max: 1, worker: 'restart' })
    const claimableMs = performance.now() - began
    const events = (await ledger.stats()).log.position
    const rss = rssMb()
    if (claimed === undefined) problems.push(`${figure}: nothing could be claimed`)
    else await queue.settle([{ leaseToken: claimed.leaseToken, outcome: 'ack' }])
    await ledger.close()
    return {
      figures: {
        [figure]: Math.round(claimableMs),
        [`${figure}_rss_mb`]: rss,
        ...(withSnapshots ? {} : { replay_events_per_s: Math.round(events / (openedMs / 1000)) }),
      },
      expected: { [QUEUE]: { enqueued: backlog, succeeded: claims } },
      problems,
    }
  },
})

export const restart: Scenario = {
  name: 'restart',
  about: 'from opening to the first claim with the backlog waiting',
  steps: [
    { name: 'fill', killed: true, run: fill },
    opening('restart_1m_ms', 1, true),
    opening('restart_closed_1m_ms', 2, true),
    opening('full_replay_1m_ms', 3, false),
  ],
}
