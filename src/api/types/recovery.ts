// What a ledger tells about how it came back from its log (D12).

export type PartitionRecovery = Readonly<{
  queue: string
  partition: number
  /** False = it has stopped; `reason` says why, and the figures are those of its last start. */
  open: boolean
  reason: string | undefined
  /** A snapshot was used, and only the events behind it were replayed. */
  snapshotUsed: boolean
  eventsReplayed: number
  /** Attempts that were running when their process died, and were ended as failures of type CRASH. */
  attemptsLost: number
  durationMs: number
}>

export type RecoveryReport = Readonly<{
  partitions: ReadonlyArray<PartitionRecovery>
  eventsReplayed: number
  attemptsLost: number
  /** Bytes of an append that a crash had cut short: never acknowledged, and dropped. */
  discardedTailBytes: number
}>

export type RecoveryOperations = Readonly<{
  /** Of the last start of each partition. */
  recovery: () => Promise<RecoveryReport>
  /** Opens the partitions once more that have stopped, and answers the report. A partition that cannot says so in it. */
  recover: () => Promise<RecoveryReport>
}>
