// The projections of a queue, and the health of the ledger: numbers asked of each partition's fold at one moment.
import { isLeft } from 'fp-ts/lib/Either.js'
import { sharersIn } from '../../../domain/queue/index.js'
import { type Health, judge, type QueueCondition } from '../../../projections/health/health.js'
import { combined, measuresOf, type PartitionMeasures } from '../../../projections/queries/queueMeasures.js'
import type { QueueEngine } from '../../engine/queueEngine.js'
import type { Clock } from '../../ports/clock.js'
import type { EventLog } from '../../ports/eventLog.js'
import { reachOf } from '../logGuard.js'
import { errorOf, errorOfFailure } from '../refusals.js'
import {
  PROJECTION_NAMES,
  type ProjectionName,
  type ProjectionOperations,
  type QueueMetrics,
  type RebuildReport,
} from '../types/projections.js'

type Deps = Readonly<{ engine: QueueEngine; clock: Clock }>
type Asked = Readonly<{ parts: ReadonlyArray<PartitionMeasures>; position: number }>

const ask = async (engine: QueueEngine): Promise<Asked> => {
  const reply = await engine.lookAll(measuresOf)
  if (isLeft(reply)) throw errorOfFailure(reply.left)
  return { parts: reply.right.value.map(({ value }) => value), position: reply.right.position }
}

const metricsOf = (engine: QueueEngine, { parts, position }: Asked): QueueMetrics => {
  const { paused } = engine.control
  const measures = combined(parts)
  const oldestClaimableAgeMs = paused ? 0 : measures.oldestClaimableAgeMs
  return { queue: engine.name, paused, ...measures, oldestClaimableAgeMs, position }
}

const VIEWS: Readonly<
  Record<ProjectionName, (metrics: QueueMetrics, asked: Asked, engine: QueueEngine) => unknown>
> = {
  pending: ({ counts, oldestClaimableAgeMs }) => ({
    pending: counts.pending,
    scheduled: counts.scheduled,
    oldestClaimableAgeMs,
  }),
  retry: ({ counts }) => ({ retrying: counts.retrying }),
  'in-flight': ({ counts }) => ({ processing: counts.processing, attempts: counts.attempts }),
  'dead-letters': ({ counts }) => ({
    dead: counts.dead,
    deadLettered: counts.deadLettered,
    systemErrors: counts.systemErrors,
    redriven: counts.redriven,
  }),
  dedup: ({ dedupKeys }, _, engine) => ({ keys: dedupKeys, windowMs: engine.control.config.dedupWindowMs }),
  groups: ({ groups }, _, engine) => ({ groups, paused: engine.control.switches.pausedGroups }),
  health: (metrics, asked, engine) => judgeQueue(engine, metrics, asked),
  'failure-rates': ({ counts, lastMinute, lastTenMinutes }) => ({
    failed: counts.failed,
    failuresByType: counts.failuresByType,
    lastMinute: { failed: lastMinute.failed, started: lastMinute.started },
    lastTenMinutes: { failed: lastTenMinutes.failed, started: lastTenMinutes.started },
  }),
  'processing-time': ({ processingTime, waitingTime }) => ({ processingTime, waitingTime }),
  throughput: ({ throughputPerSecond, lastMinute, lastTenMinutes }) => ({
    throughputPerSecond,
    lastMinute,
    lastTenMinutes,
  }),
  'completion-rate': ({ completionRate }, _, engine) => ({
    completionRate,
    objective: engine.control.config.completionObjective,
  }),
  utilisation: ({ utilisation, counts }, { parts }) => ({
    utilisation,
    size: counts.scheduled + counts.pending + counts.retrying + counts.processing,
    maxSize: parts.reduce((total, part) => total + part.maxSize, 0),
  }),
  kinds: ({ kinds }) => kinds,
  circuits: (_, { parts }) => parts.map(({ circuits }, partition) => ({ partition, circuits })),
}

export const projectionOperations = ({ engine, clock }: Deps): ProjectionOperations => ({
  metrics: async () => metricsOf(engine, await ask(engine)),
  projection: async (name) => {
    const view = Object.hasOwn(VIEWS, name) ? VIEWS[name] : undefined
    if (view === undefined) {
      const problem = `accepted is one of ${PROJECTION_NAMES.join(', ')}`
      throw errorOf({ type: 'Invalid', field: 'projection', problem })
    }
    const asked = await ask(engine)
    return {
      name,
      queue: engine.name,
      position: asked.position,
      view: view(metricsOf(engine, asked), asked, engine),
    }
  },
  rebuildProjections: async ({ onProgress, signal } = {}): Promise<RebuildReport> => {
    const startTick = clock.tickMs()
    const partitions = engine.partitions.length
    let eventsReplayed = 0
    let agrees = true
    let compared: RebuildReport['compared'] = 'all'
    for (const [partition, part] of engine.partitions.entries()) {
      const rebuilt = await part.rebuildMeasures({
        onProgress: (done, total) => onProgress?.({ partition, partitions, done, total }),
        ...(signal === undefined ? {} : { signal }),
      })
      eventsReplayed += rebuilt.eventsReplayed
      agrees &&= rebuilt.agrees
      if (rebuilt.compared === 'counts') compared = 'counts'
    }
    return {
      queue: engine.name,
      eventsReplayed,
      agrees,
      compared,
      ms: Math.round(clock.tickMs() - startTick),
    }
  },
})

const conditionOf = (
  engine: QueueEngine,
  metrics: QueueMetrics | undefined,
  asked: Asked | undefined,
): QueueCondition => {
  const { control, partitions } = engine
  const { succeeded = 0, deadLettered = 0, expired = 0 } = metrics?.lastTenMinutes ?? {}
  const circuits = asked?.parts.flatMap((part) => part.circuits) ?? []
  const down = partitions.flatMap(({ failure, isFinal }, partition) =>
    failure === undefined
      ? []
      : [
          {
            partition,
            reason: failure.kind === 'refused' ? failure.refusal.type : failure.reason,
            final: isFinal,
          },
        ],
  )
  return {
    queue: engine.name,
    paused: control.paused,
    down,
    size: asked?.parts.reduce((total, part) => total + part.size, 0) ?? 0,
    maxSize: control.config.maxSize * sharersIn(control.layouts),
    succeeded,
    ended: succeeded + deadLettered + expired,
    completionObjective: control.config.completionObjective,
    oldestClaimableAgeMs: metrics?.oldestClaimableAgeMs ?? 0,
    openCircuits: [
      ...new Set(circuits.filter(({ state }) => state !== 'closed').map(({ circuit }) => circuit)),
    ],
    closedGates: control.switches.closedGates,
    sickProcessors: [],
  }
}

const judgeQueue = (engine: QueueEngine, metrics: QueueMetrics, asked: Asked): Health =>
  judge({ log: { state: 'open', reason: undefined }, queues: [conditionOf(engine, metrics, asked)] })

/** A queue that does not answer is part of the answer. */
export const ledgerHealth = async (
  log: EventLog,
  engines: ReadonlyArray<QueueEngine>,
  sickProcessors: (queue: string) => ReadonlyArray<string>,
): Promise<Health & { position: number }> => {
  const queues = await Promise.all(
    engines.map(async (engine) => {
      const asked = await ask(engine).catch(() => undefined)
      const metrics = asked === undefined ? undefined : metricsOf(engine, asked)
      return { ...conditionOf(engine, metrics, asked), sickProcessors: sickProcessors(engine.name) }
    }),
  )
  const condition = log.condition()
  const judged = judge({ log: reachOf(condition), queues, relay: condition.relay })
  return { ...judged, position: condition.nextPosition - 1 }
}
