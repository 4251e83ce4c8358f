// What each feature costs when it is used: bulk enqueue and then process at concurrency 100, once without any feature and once
// with each. A figure by itself says little on another machine; its ratio to `plain` in the same run does.
import type { BatchItem, EnqueueOptions, QueueSettings } from '../../src/api/types/index.js'
import { batchResults, complete } from '../../src/index.js'
import { measured } from '../measure/window.js'
import { BATCH, Calls, type Job, jobOf, openBenchLedger, QUEUE, SETTINGS, warmUp } from './jobs.js'
import { snapshotFiles } from './process.js'
import type { Bench, Scenario, Step, StepResult } from './scenario.js'

const CONCURRENCY = 100
const SHARE = 0.25
const TENANTS = 100
const IN_FLIGHT = 4

export type Feature = Readonly<{
  name: string
  settings?: QueueSettings
  options?: (seq: number) => EnqueueOptions
  /** Messages handled by batches of so many. */
  batch?: number
  /** Each so-manieth success enqueues a message into another queue. */
  followUpEvery?: number
  /** Snapshots fall into the measured parts. */
  snapshots?: true
}>

const FEATURES: ReadonlyArray<Feature> = [
  { name: 'plain' },
  { name: 'fifo', settings: { order: 'fifo' } },
  { name: 'lifo', settings: { order: 'lifo' } },
  { name: 'priorities', options: (seq) => ({ priority: (seq % 21) - 10 }) },
  { name: 'weighted', settings: { order: 'weighted' }, options: (seq) => ({ priority: (seq % 21) - 10 }) },
  { name: 'adaptive', settings: { order: 'adaptive' }, options: (seq) => ({ priority: (seq % 21) - 10 }) },
  { name: 'types', options: (seq) => ({ type: `type-${seq % 10}` }) },
  { name: 'dedup_keys', options: (seq) => ({ dedupKey: `order-${seq}` }) },
  { name: 'content_dedup', settings: { dedup: 'content' } },
  { name: 'caller_ids', options: (seq) => ({ id: `order-${seq}` }) },
  { name: 'tenants', options: (seq) => ({ tenant: `tenant-${seq % TENANTS}` }) },
  {
    name: 'tenant_caps',
    settings: { limits: { perTenant: { concurrencyMax: 2 } } },
    options: (seq) => ({ tenant: `tenant-${seq % TENANTS}` }),
  },
  {
    name: 'tenant_rates',
    settings: {
      limits: {
        rate: { count: 10_000_000, perMs: 1_000 },
        perTenant: { rate: { count: 1_000_000, perMs: 1_000 } },
      },
    },
    options: (seq) => ({ tenant: `tenant-${seq % TENANTS}` }),
  },
  {
    name: 'zones',
    options: (seq) => ({ zone: seq % 2 === 0 ? 'eu' : 'us', fallbackZones: [seq % 2 === 0 ? 'us' : 'eu'] }),
  },
  { name: 'adaptive_circuit', settings: { circuit: { adaptive: true, failureTypes: ['*'] } } },
  { name: 'follow_ups', followUpEvery: 1 },
  { name: 'batches_of_10', batch: 10 },
  { name: 'batches_of_100', batch: 100 },
]

const enqueueAll = async (
  send: (items: ReadonlyArray<BatchItem<Job>>) => Promise<ReadonlyArray<unknown>>,
  count: number,
  options: Feature['options'],
): Promise<void> => {
  let next = 0
  const caller = async (): Promise<void> => {
    while (next < count) {
      const items: Array<BatchItem<Job>> = []
      for (const end = Math.min(count, next + BATCH); next < end; next++) {
        const payload = jobOf(next)
        items.push(options === undefined ? { payload } : { payload, ...options(next) })
      }
      await send(items)
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, caller))
}

/** `count` messages with the feature, enqueued in bulk and then processed. */
export const useFeature = async (feature: Feature, count: number, bench: Bench): Promise<StepResult> => {
  const { n, directory, profile } = bench
  const { name, settings, options, batch, followUpEvery = 0, snapshots } = feature
  const ledger = await openBenchLedger(directory, {
    logging: false,
    ...(snapshots === undefined ? {} : { snapshotEveryEvents: count }),
  })
  const warm = await warmUp(ledger, n)
  const queue = await ledger.queue<Job>(QUEUE, { ...SETTINGS, ...settings })
  const next = followUpEvery === 0 ? undefined : await ledger.queue<Job>('next', SETTINGS)
  const send = await measured(ledger, () => enqueueAll(queue.enqueueBatch, count, options))
  const followUps = followUpEvery === 0 ? 0 : Math.ceil(count / followUpEvery)
  const calls = new Calls(count)
  const work = await measured(
    ledger,
    async () => {
      const worker =
        batch === undefined
          ? queue.process(
              async ({ payload }) => {
                calls.note(payload.seq)
                return followUpEvery === 0 || payload.seq % followUpEvery !== 0
                  ? undefined
                  : complete(undefined, {
                      followUps: [
                        { queue: 'next', payload: { ...payload, seq: payload.seq / followUpEvery } },
                      ],
                    })
              },
              { concurrency: CONCURRENCY },
            )
          : queue.processBatch(
              async (messages) => {
                for (const { payload } of messages) calls.note(payload.seq)
                return batchResults({ failed: [] })
              },
              { concurrency: Math.max(1, CONCURRENCY / batch), maxBatchSize: batch, batchTimeoutMs: 5 },
            )
      await calls.all
      await worker.stop()
      while (next !== undefined && (await next.stats()).enqueued < followUps)
        await new Promise((wake) => setTimeout(wake, 5))
    },
    profile,
  )
  await ledger.close()
  const expected = { ...warm, [QUEUE]: { enqueued: count, succeeded: count } }
  return {
    figures: {
      [`${name}_enqueue_per_s`]: Math.round(count / send.seconds),
      [`${name}_process_per_s`]: Math.round(count / work.seconds),
      ...(snapshots === undefined
        ? {}
        : {
            [`${name}_loop_delay_p99_ms`]: work.loopDelay.p99Ms,
            [`${name}_loop_delay_max_ms`]: work.loopDelay.maxMs,
            [`${name}_snapshots`]: snapshotFiles(directory).length,
          }),
    },
    expected: next === undefined ? expected : { ...expected, next: { enqueued: followUps, succeeded: 0 } },
    problems: calls.problems(),
  }
}

const steps: ReadonlyArray<Step> = FEATURES.map((feature) => ({
  name: feature.name,
  folder: feature.name,
  run: (bench) => useFeature(feature, Math.max(CONCURRENCY, Math.floor(bench.n * SHARE)), bench),
}))

export const features: Scenario = {
  name: 'features',
  about: 'what each feature costs in use, against plain in the same run',
  steps,
}
