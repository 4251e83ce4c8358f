// Views of a queue as numbers (E1), and whether the ledger is well (E2).
import type { Health } from '../../../projections/health/health.js'
import type { QueueMeasures } from '../../../projections/queries/queueMeasures.js'

export type { Health, HealthReason, HealthStatus } from '../../../projections/health/health.js'
export type { QueueMeasures } from '../../../projections/queries/queueMeasures.js'

/** Every view says the log position it holds at. */
export type QueueMetrics = QueueMeasures & Readonly<{ queue: string; paused: boolean; position: number }>

export const PROJECTION_NAMES = [
  'pending',
  'retry',
  'in-flight',
  'dead-letters',
  'dedup',
  'groups',
  'health',
  'failure-rates',
  'processing-time',
  'throughput',
  'completion-rate',
  'utilisation',
  'kinds',
  'circuits',
] as const
export type ProjectionName = (typeof PROJECTION_NAMES)[number]

export type ProjectionView = Readonly<{
  name: ProjectionName
  queue: string
  position: number
  view: unknown
}>

export type RebuildProgress = Readonly<{ partition: number; partitions: number; done: number; total: number }>
export type RebuildReport = Readonly<{
  queue: string
  eventsReplayed: number
  /** The state that decisions rest on is what its log says: a difference is a defect, or damage in memory. */
  agrees: boolean
  /** 'counts' = a partition had too many messages to compare each without holding up the queue. */
  compared: 'all' | 'counts'
  ms: number
}>

export type ProjectionOperations = Readonly<{
  metrics: () => Promise<QueueMetrics>
  projection: (name: ProjectionName) => Promise<ProjectionView>
  /**
   * Throws the numbers away and counts them anew from the log, while the queue goes on; compares the state that decisions rest
   * on with a replay. Over HTTP it runs on the server, and aborting cancels it there.
   */
  rebuildProjections: (options?: {
    onProgress?: (progress: RebuildProgress) => void
    signal?: AbortSignal
  }) => Promise<RebuildReport>
}>

export type HealthOperations = Readonly<{ health: () => Promise<Health & { position: number }> }>
