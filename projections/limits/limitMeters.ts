// Whether the queue and each of its tenants may start one more attempt (B8): caps against the number that run, rates
// against a meter. A fold of AttemptStarted: a start that is handed back keeps its token, because the work had begun, and
// because a worker that claims and releases in a loop is what a rate is there to slow down. Meters are part of the
// snapshot; one that has run empty is the same as none, and is forgotten.
import type { EpochMs } from '../../domain/time.js'
import {
  converted,
  EMPTY,
  isAtMost,
  isEmpty,
  opensAt,
  type Rate,
  type RateLevel,
  started,
} from './rateMeter.js'
import { shareOf } from './share.js'

type Cap = Readonly<{ concurrencyMax?: number; rate?: Rate }>
export type LimitSettings = Cap & Readonly<{ perTenant?: Cap }>

/** `queue` and each tenant by name, sorted: [level, at]. */
export type MeterList = Readonly<{
  queue: readonly [level: number, at: EpochMs] | undefined
  tenants: ReadonlyArray<readonly [tenant: string, level: number, at: EpochMs]>
  /** Of tenants that are not listed; absent = empty. */
  floor?: readonly [level: number, at: EpochMs]
}>

/** An answer of {@link LimitMeters}: not before an attempt ends. */
export const UNTIL_AN_END = Number.POSITIVE_INFINITY

/** Empty meters are swept when there are this many, then at twice of what is left. */
const SWEEP_AT = 1_024

export class LimitMeters {
  private queueMax = Number.POSITIVE_INFINITY
  private tenantMax = Number.POSITIVE_INFINITY
  private queueRate: Rate | undefined
  private tenantRate: Rate | undefined
  private queueLevel = EMPTY
  private readonly tenantLevels = new Map<string, RateLevel>()
  /** Of every tenant that has no level of its own; none is lower. */
  private tenantFloor = EMPTY
  private split = { partitions: 1, partition: 0 }
  private sweepAt = SWEEP_AT

  /**
   * Each partition has its share of every limit, those of tenants too: their messages are in all partitions. Who comes later
   * (`isNewcomer`) finds its bursts spent: those before it had them.
   */
  configure(
    limits: LimitSettings,
    partitions: number,
    partition: number,
    at: EpochMs,
    isNewcomer = false,
  ): void {
    const isSplitAnew = this.split.partitions !== partitions || this.split.partition !== partition
    this.split = { partitions, partition }
    const carry = isNewcomer ? spent : isSplitAnew ? splitAnew : carriedOver
    const capShare = (cap: Cap | undefined): number =>
      cap?.concurrencyMax === undefined
        ? Number.POSITIVE_INFINITY
        : shareOf(cap.concurrencyMax, partitions, partition)
    const rateShare = (cap: Cap | undefined): Rate | undefined =>
      cap?.rate === undefined
        ? undefined
        : { count: shareOf(cap.rate.count, partitions, partition), perMs: cap.rate.perMs }
    this.queueMax = capShare(limits)
    this.tenantMax = capShare(limits.perTenant)
    const [queueBefore, tenantBefore] = [this.queueRate, this.tenantRate]
    this.queueRate = rateShare(limits)
    this.tenantRate = rateShare(limits.perTenant)
    this.queueLevel = carry(this.queueLevel, queueBefore, this.queueRate, at)
    this.tenantFloor = carry(this.tenantFloor, tenantBefore, this.tenantRate, at)
    if (this.tenantRate === undefined) this.tenantLevels.clear()
    for (const [tenant, level] of this.tenantLevels) {
      this.tenantLevels.set(tenant, carry(level, tenantBefore, this.tenantRate, at))
    }
  }

  /** `at` when the queue may start one more now, {@link UNTIL_AN_END}, or when its rate allows it. */
  queueOpensAt(running: number, at: EpochMs): EpochMs {
    if (running >= this.queueMax) return UNTIL_AN_END
    return this.queueRate === undefined ? at : opensAt(this.queueLevel, this.queueRate, at)
  }

  /** The same of one tenant; without a name there is no limit of its own. */
  tenantOpensAt(tenant: string | undefined, running: number, at: EpochMs): EpochMs {
    if (tenant === undefined) return at
    if (running >= this.tenantMax) return UNTIL_AN_END
    if (this.tenantRate === undefined) return at
    return opensAt(this.levelOf(tenant), this.tenantRate, at)
  }

  attemptStarted(tenant: string | undefined, at: EpochMs): void {
    if (this.queueRate !== undefined) this.queueLevel = started(this.queueLevel, this.queueRate, at)
    if (this.tenantRate === undefined || tenant === undefined) return
    if (this.tenantLevels.size >= this.sweepAt) this.sweep(this.tenantRate, at)
    this.tenantLevels.set(tenant, started(this.levelOf(tenant), this.tenantRate, at))
  }

  private levelOf(tenant: string): RateLevel {
    return this.tenantLevels.get(tenant) ?? this.tenantFloor
  }

  /** More of them run than the caps allow by now: the shares were greater when they started. */
  isOverShare(running: number, tenantsRunning: Iterable<number>): boolean {
    if (running > this.queueMax) return true
    if (this.tenantMax === Number.POSITIVE_INFINITY) return false
    for (const some of tenantsRunning) if (some > this.tenantMax) return true
    return false
  }

  private sweep(rate: Rate, at: EpochMs): void {
    for (const [tenant, level] of this.tenantLevels) {
      if (isEmpty(level, rate, at)) this.tenantLevels.delete(tenant)
    }
    this.sweepAt = Math.max(SWEEP_AT, 2 * this.tenantLevels.size)
  }

  /** What has not run empty, or down to the floor, by `at`, sorted by name: equal histories give equal lists. */
  list(at: EpochMs): MeterList {
    const { queueRate, queueLevel, tenantRate, tenantFloor } = this
    const isQueueEmpty = queueRate === undefined || isEmpty(queueLevel, queueRate, at)
    const tenants = [...this.tenantLevels].filter(
      // One that has leaked down to the floor is the same as none, like one that is empty where there is no floor.
      ([, level]) => tenantRate !== undefined && !isAtMost(level, tenantFloor, tenantRate, at),
    )
    return {
      queue: isQueueEmpty ? undefined : [queueLevel.level, queueLevel.at],
      tenants: tenants
        .map(([tenant, { level, at: then }]) => [tenant, level, then] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
      ...(tenantRate === undefined || isEmpty(tenantFloor, tenantRate, at)
        ? {}
        : { floor: [tenantFloor.level, tenantFloor.at] as const }),
    }
  }

  /** After `configure` with the limits under which the list was made. */
  load({ queue, tenants, floor }: MeterList): void {
    this.queueLevel = queue === undefined ? EMPTY : { level: queue[0], at: queue[1] }
    this.tenantFloor = floor === undefined ? EMPTY : { level: floor[0], at: floor[1] }
    this.tenantLevels.clear()
    for (const [tenant, level, at] of tenants) this.tenantLevels.set(tenant, { level, at })
  }
}

const carriedOver = (
  level: RateLevel,
  from: Rate | undefined,
  to: Rate | undefined,
  at: EpochMs,
): RateLevel => {
  if (to === undefined) return EMPTY
  if (from === undefined || (from.count === to.count && from.perMs === to.perMs)) return level
  return converted(level, from, to, at)
}

/** The limit is the same and the share of it another. A greater share is leak, no burst: whoever had it before may have used that. */
const splitAnew: typeof carriedOver = (level, from, to, at) => {
  const carried = carriedOver(level, from, to, at)
  if (from === undefined || to === undefined || to.count <= from.count) return carried
  return { level: carried.level + (to.count - from.count) * to.perMs, at: carried.at }
}

const spent: typeof carriedOver = (_level, _from, to, at) =>
  to === undefined ? EMPTY : { level: to.count * to.perMs, at }
