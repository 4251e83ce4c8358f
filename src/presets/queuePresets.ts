// Named settings of a queue, each over the defaults: only what differs stands here. Why it does is in docs/defaults.md,
// which a test holds equal to this table.
import type { QueueSettings } from '../../domain/queue/index.js'
import { custom, exponential } from '../../domain/retry/index.js'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** 10 retries over about three quarters of an hour: what is down for a deployment or a reboot comes back in that time. */
const PATIENT = exponential({ baseMs: 5_000, maxMs: 600_000, retriesMax: 10, jitter: 'equal' })
/** Three retries, none of which a test waits for. */
const AT_ONCE = custom({ delaysMs: [0, 0, 0] })

export const QUEUE_PRESETS = {
  standard: {},
  highThroughput: {
    maxSize: 1_000_000,
    order: 'fifo',
    dedup: 'off',
    dedupWindowMs: MINUTE_MS,
    concurrency: 100,
    maxBatchSize: 100,
    batchTimeoutMs: 100,
  },
  reliable: {
    maxSize: 100_000,
    dedupWindowMs: 24 * HOUR_MS,
    leaseMs: MINUTE_MS,
    failures: { TIMEOUT: PATIENT, NETWORK: PATIENT, DATABASE: PATIENT, RESOURCE: PATIENT, UNKNOWN: PATIENT },
    completionObjective: 0.99,
  },
  production: {
    maxSize: 100_000,
    shedAbovePercent: 90,
    dedupWindowMs: HOUR_MS,
    concurrency: 25,
    completionObjective: 0.99,
  },
  test: {
    maxSize: 1_000,
    concurrency: 1,
    handlerTimeoutMs: 5_000,
    batchTimeoutMs: 0,
    failures: {
      TIMEOUT: AT_ONCE,
      NETWORK: AT_ONCE,
      DATABASE: AT_ONCE,
      RESOURCE: AT_ONCE,
      CRASH: AT_ONCE,
      UNKNOWN: AT_ONCE,
    },
    circuit: null,
  },
} as const satisfies Readonly<Record<string, QueueSettings>>

export type PresetName = keyof typeof QUEUE_PRESETS
export const PRESET_NAMES = Object.keys(QUEUE_PRESETS) as ReadonlyArray<PresetName>

export const isPresetName = (value: unknown): value is PresetName =>
  typeof value === 'string' && Object.hasOwn(QUEUE_PRESETS, value)
