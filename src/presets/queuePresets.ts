// Named settings of a queue, each over the defaults: what it changes is here, and why is in docs/defaults.md, which a test
// holds equal to this table.
import type { QueueSettings } from '../../domain/queue/index.js'

const HOUR_MS = 3_600_000

export const QUEUE_PRESETS = {
  /** The defaults as they are. */
  standard: {},
  /** Much work of little value each: room for a backlog, no memory of keys, no long waits. */
  highThroughput: { maxSize: 1_000_000, dedupWindowMs: 0 },
  /** Work that must not be lost or done twice: long memory of keys, patient leases. */
  reliable: { maxSize: 100_000, dedupWindowMs: 24 * HOUR_MS, leaseMs: 60_000 },
  /** A server that runs for months. */
  production: { maxSize: 100_000, dedupWindowMs: HOUR_MS },
  /** Tests: small, quick, and nothing remembered from one to the next. */
  test: { maxSize: 1_000, leaseMs: 1_000, handlerTimeoutMs: 1_000 },
} as const satisfies Readonly<Record<string, QueueSettings>>

export type PresetName = keyof typeof QUEUE_PRESETS
export const PRESET_NAMES = Object.keys(QUEUE_PRESETS) as ReadonlyArray<PresetName>

export const isPresetName = (value: unknown): value is PresetName =>
  typeof value === 'string' && Object.hasOwn(QUEUE_PRESETS, value)
