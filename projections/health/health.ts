// Is the ledger well, and if not, why (E2)? A judgement over numbers that others have counted: no clock, no look-up.

export type HealthStatus = 'healthy' | 'degraded' | 'unhealthy'

export type HealthReason = Readonly<{
  level: 'degraded' | 'unhealthy'
  /** Stable, for programs. */
  code: string
  queue?: string
  message: string
}>

export type Health = Readonly<{ status: HealthStatus; reasons: ReadonlyArray<HealthReason> }>

export type QueueCondition = Readonly<{
  queue: string
  paused: boolean
  /** Partitions that take no calls now; `final` = they will not by themselves. */
  down: ReadonlyArray<Readonly<{ partition: number; reason: string; final: boolean }>>
  size: number
  maxSize: number
  /** Over the last minutes: how many ended well, and how many otherwise. */
  succeeded: number
  ended: number
  completionObjective: number
  oldestClaimableAgeMs: number
  openCircuits: ReadonlyArray<string>
  closedGates: ReadonlyArray<string>
  /** Processors whose probe says no, by name (D11). */
  sickProcessors: ReadonlyArray<string>
}>

/** Of a ledger that passes its events on to Kafka (F4). */
export type RelayCondition = Readonly<{
  topic: string
  shards: ReadonlyArray<
    Readonly<{ shard: number; state: string; reason: string | undefined; stillMs: number }>
  >
  openTransactions: ReadonlyArray<Readonly<{ topic: string; partition: number; offset: number }>>
}>

export type LedgerCondition = Readonly<{
  log: Readonly<{ state: string; reason: string | undefined }>
  queues: ReadonlyArray<QueueCondition>
  relay?: RelayCondition | undefined
}>

/** Below so many ended messages a share says little. */
export const COMPLETION_SAMPLE_MIN = 20
export const NEARLY_FULL = 0.9
/** A claimable message that nobody has taken for so long: workers are missing, or stuck (E15). */
export const OLD_AFTER_MS = 300_000

/** For so long the relay has something to tell, and tells nothing. */
export const RELAY_STILL_MS = 60_000

export const judge = ({ log, queues, relay }: LedgerCondition): Health => {
  const reasons: HealthReason[] = []
  if (log.state !== 'open') {
    const message = `the log is ${log.state}${log.reason === undefined ? '' : `: ${log.reason}`}`
    reasons.push({ level: 'unhealthy', code: `log_${log.state}`, message })
  } else if (log.reason !== undefined) {
    reasons.push({ level: 'degraded', code: 'log_no_room', message: log.reason })
  }
  for (const queue of queues) reasons.push(...reasonsOf(queue))
  if (relay !== undefined) reasons.push(...relayReasons(relay))
  const status = reasons.some(({ level }) => level === 'unhealthy')
    ? 'unhealthy'
    : reasons.length > 0
      ? 'degraded'
      : 'healthy'
  return { status, reasons }
}

const reasonsOf = (condition: QueueCondition): ReadonlyArray<HealthReason> => {
  const { queue } = condition
  const degraded = (code: string, message: string): HealthReason => ({
    level: 'degraded',
    code,
    queue,
    message,
  })
  const reasons: HealthReason[] = []
  for (const { partition, reason, final } of condition.down) {
    const level = final ? 'unhealthy' : 'degraded'
    reasons.push({
      level,
      code: 'partition_down',
      queue,
      message: `partition ${partition} takes no calls: ${reason}`,
    })
  }
  const full = fullness(condition)
  if (full !== undefined) reasons.push(degraded(...full))
  const { succeeded, ended, completionObjective, oldestClaimableAgeMs } = condition
  if (ended >= COMPLETION_SAMPLE_MIN && succeeded < ended * completionObjective) {
    const share = percent(succeeded / ended)
    reasons.push(
      degraded(
        'completion_low',
        `${share} of ${ended} messages ended well lately, the objective is ${percent(completionObjective)}`,
      ),
    )
  }
  if (oldestClaimableAgeMs >= OLD_AFTER_MS && !condition.paused) {
    const seconds = Math.floor(oldestClaimableAgeMs / 1_000)
    reasons.push(
      degraded('backlog_old', `a message has been claimable for ${seconds} s and nobody has taken it`),
    )
  }
  for (const circuit of condition.openCircuits)
    reasons.push(degraded('circuit_open', `circuit ${circuit} is open`))
  for (const gate of condition.closedGates) reasons.push(degraded('gate_closed', `gate ${gate} is closed`))
  for (const name of condition.sickProcessors)
    reasons.push(degraded('processor_sick', `processor ${name} says it is not well`))
  return reasons
}

/** Nothing but the topic waits for it, so it never makes a ledger unhealthy. Shards in the same trouble are told of once. */
const relayReasons = ({ topic, shards, openTransactions }: RelayCondition): ReadonlyArray<HealthReason> => {
  const reasons: HealthReason[] = []
  const tell = (code: string, are: RelayCondition['shards'], what: string): void => {
    const [first] = are
    if (first === undefined) return
    const names = are.map(({ shard }) => shard).join(', ')
    const why = first.reason === undefined ? '' : `: ${first.reason}`
    reasons.push({ level: 'degraded', code, message: `the relay to ${topic}, shard ${names} ${what}${why}` })
  }
  tell(
    'relay_parked',
    shards.filter(({ state }) => state === 'parked'),
    'waits for somebody to act',
  )
  const still = shards.filter(({ state, stillMs }) => state !== 'parked' && stillMs >= RELAY_STILL_MS)
  const seconds = Math.floor(Math.max(...still.map(({ stillMs }) => stillMs)) / 1_000)
  tell('relay_still', still, `has events to tell, and has told none for ${seconds} s`)
  for (const { topic: held, partition, offset } of openTransactions)
    reasons.push({
      level: 'degraded',
      code: 'relay_transaction_open',
      message: `partition ${partition} of ${held}: a transaction is open from offset ${offset} on, and nobody ends it; readers of committed records wait for it`,
    })
  return reasons
}

const fullness = ({
  size,
  maxSize,
}: QueueCondition): readonly [code: string, message: string] | undefined => {
  if (size >= maxSize) return ['queue_full', `it holds ${size} messages, its maxSize`]
  if (size < maxSize * NEARLY_FULL) return undefined
  return ['queue_nearly_full', `it holds ${size} of ${maxSize} messages`]
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
