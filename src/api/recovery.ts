// The report of the last start, and another one by hand for partitions that have stopped (D12).
import type { Partition } from '../engine/partition.js'
import type { QueueEngine } from '../engine/queueEngine.js'
import type { EventLog } from '../ports/eventLog.js'
import type { PartitionRecovery, RecoveryReport } from './types/recovery.js'

const NOTHING = { snapshotRevision: -1, eventsReplayed: 0, attemptsLost: 0, durationMs: 0 }

const recoveryOf = ({ ref, failure, recovery = NOTHING }: Partition): PartitionRecovery => {
  const { snapshotRevision, eventsReplayed, attemptsLost, durationMs } = recovery
  return {
    queue: ref.queue,
    partition: ref.partition,
    open: failure === undefined,
    reason: failure === undefined || failure.kind === 'refused' ? undefined : failure.reason,
    snapshotUsed: snapshotRevision >= 0,
    eventsReplayed,
    attemptsLost,
    durationMs,
  }
}

export const recoveryReport = (engines: ReadonlyArray<QueueEngine>, log: EventLog): RecoveryReport => {
  const partitions = engines.flatMap((engine) => engine.partitions.map(recoveryOf))
  const sum = (count: (one: PartitionRecovery) => number): number =>
    partitions.reduce((total, one) => total + count(one), 0)
  return {
    partitions,
    eventsReplayed: sum((one) => one.eventsReplayed),
    attemptsLost: sum((one) => one.attemptsLost),
    discardedTailBytes: log.condition().discardedTailBytes,
  }
}

/** Never rejects: one that cannot be opened stands in the report with its reason. */
export const recoverStopped = async (
  engines: ReadonlyArray<QueueEngine>,
  log: EventLog,
): Promise<RecoveryReport> => {
  const stopped = engines.flatMap(({ partitions }) => partitions.filter(({ failure }) => failure))
  await Promise.allSettled(stopped.map((partition) => partition.reopen()))
  return recoveryReport(engines, log)
}
