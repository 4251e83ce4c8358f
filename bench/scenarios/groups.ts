// Each message in one of 1,000 groups, worked off at concurrency 100. The handler checks what a group promises: its
// messages one at a time, in the order in which they were enqueued.
import { measured } from '../measure/window.js'
import { enqueueInBatches, type Job, openBenchLedger, openOrders, QUEUE, warmUp } from './jobs.js'
import type { Bench, Scenario, StepResult } from './scenario.js'

const GROUPS = 1_000
const CONCURRENCY = 100
const SHARE = 0.5

/** The next job of each group, and whether one of it runs. */
class GroupOrder {
  private readonly next = Array.from({ length: GROUPS }, (_, group) => group)
  private readonly running = new Uint8Array(GROUPS)
  outOfOrder = 0
  together = 0
  finished = 0

  begin(seq: number): void {
    const group = seq % GROUPS
    if (this.next[group] !== seq) this.outOfOrder++
    if (this.running[group] === 1) this.together++
    this.next[group] = seq + GROUPS
    this.running[group] = 1
  }

  end(seq: number): void {
    this.running[seq % GROUPS] = 0
    this.finished++
  }

  problems(count: number): string[] {
    const found: string[] = []
    if (this.outOfOrder > 0) found.push(`${this.outOfOrder} messages of groups ran out of order`)
    if (this.together > 0) found.push(`${this.together} messages ran beside another one of their group`)
    if (this.finished !== count) found.push(`${this.finished} instead of ${count} messages of groups ran`)
    return found
  }
}

const run = async ({ n, directory, profile }: Bench): Promise<StepResult> => {
  const count = Math.max(GROUPS, Math.floor(n * SHARE))
  const ledger = await openBenchLedger(directory)
  const warm = await warmUp(ledger, n)
  const queue = await openOrders(ledger)
  const send = await measured(ledger, () => enqueueInBatches(queue, count, { groups: GROUPS }))
  const order = new GroupOrder()
  let done: () => void = () => {}
  const all = new Promise<void>((resolve) => {
    done = resolve
  })
  const handler = async ({ payload }: { payload: Job }): Promise<void> => {
    order.begin(payload.seq)
    await undefined
    order.end(payload.seq)
    if (order.finished === count) done()
  }
  const work = await measured(
    ledger,
    async () => {
      const worker = queue.process(handler, { concurrency: CONCURRENCY })
      await all
      await worker.stop()
    },
    profile,
  )
  await ledger.close()
  return {
    figures: {
      groups_enqueue_bulk_per_s: Math.round(count / send.seconds),
      groups_process_per_s: Math.round(count / work.seconds),
    },
    expected: { ...warm, [QUEUE]: { enqueued: count, succeeded: count } },
    problems: order.problems(count),
  }
}

export const groups: Scenario = {
  name: 'groups',
  about: 'each message in one of 1,000 groups',
  steps: [{ name: 'groups', run }],
}
