// Who may start, and who is next: orders, groups, pauses, gates, caps and rates, asked of each start that the log tells of.
import type { Limits, QueueConfig, Switches } from '../../domain/queue/index.js'
import { type Live, laneOf } from './checkersLive.js'
import type { Place } from './checkersPlace.js'
import { Rounds } from './checkersRounds.js'

type Must = (holds: boolean, rule: string) => void
type Wait = { picks: number; witness: number }

/** Waiting so long makes up for one step of priority at least (docs/ordering.md). */
const AGE_STEP_MS = 6_000

const bandOf = ({ priority }: Live): 'high' | 'normal' | 'low' =>
  priority > 0 ? 'high' : priority < 0 ? 'low' : 'normal'
const since = ({ enqueuedAt, dueAt }: Live): number => Math.max(enqueuedAt, dueAt)

export class Turns {
  private config: QueueConfig | undefined
  private switches: Switches | undefined
  /** When each tenant's attempts started; all of them under the empty name. */
  private readonly starts = new Map<string, number[]>()
  private readonly waits = new Map<string, Wait>()
  private readonly rounds: Rounds
  private readonly groups = new Map<string, Live[]>()
  private share = ''

  constructor(
    private readonly live: ReadonlyMap<number, Live>,
    private readonly must: Must,
    private readonly place: Place,
  ) {
    this.rounds = new Rounds(must)
  }

  adopted(config: QueueConfig, switches: Switches): void {
    const { order, limits } = this.config ?? {}
    if (order !== config.order) this.waits.clear()
    // What a limit allowed, or a share of it, is no measure of the next one.
    const { number, of } = this.place.sharing()
    const share = `${number} of ${of}`
    if (share !== this.share || JSON.stringify(limits) !== JSON.stringify(config.limits)) this.starts.clear()
    this.share = share
    this.config = config
    this.switches = switches
    this.rounds.newRound()
  }

  /** What waits may be somewhere else in the round now. */
  edited(): void {
    this.rounds.newRound()
  }

  /** Something that waited is gone, and was not started. */
  left(at: number): void {
    this.gatherGroups()
    this.rounds.onlyThese([...this.live.values()].filter((other) => this.isAlone(other, at)))
  }

  /** Turns of bands are not recorded: a new term begins a new round. */
  newTerm(): void {
    this.waits.clear()
    this.rounds.newRound()
  }

  /** `one` starts now, and still counts as waiting. */
  started(one: Live, at: number): void {
    const { must, switches } = this
    const { group, tenant } = one.attributes
    this.gatherGroups()
    must(!switches?.closedGates.includes(one.gate ?? ''), `C15 ${one.ordinal} started behind ${one.gate}`)
    must(!switches?.pausedGroups.includes(group ?? ''), `B1 ${one.ordinal} of the paused group ${group}`)
    must(this.mayRun(one, at), `5 message ${one.ordinal} overtook in group ${group}`)
    this.inOrder(one, at)
    this.rounds.started(one, this.rivalsAnywhere(one, at))
    this.withinLimits('', this.config?.limits, at)
    if (tenant !== undefined) this.withinLimits(tenant, this.config?.limits.perTenant, at)
  }

  /** Messages that might have started instead, as far as that is certain: neither a circuit nor a limit may have held them. */
  private rivalsAnywhere(one: Live, at: number): ReadonlyArray<Live> {
    const { config, switches } = this
    if (config === undefined || config.circuit !== null || config.limits.perTenant !== undefined) return []
    if (switches === undefined || Object.keys(switches.forcedCircuits).length > 0) return []
    return [...this.live.values()].filter(
      (other) => other.inDoubt === one.inDoubt && (other === one || this.isAlone(other, at)),
    )
  }

  /** It could start now, whatever becomes of others: a group may take its next member back while nothing is started. */
  private isAlone(one: Live, at: number): boolean {
    const isGateOpen = this.switches?.closedGates.includes(one.gate ?? '') !== true
    return one.attributes.group === undefined && isGateOpen && this.isReady(one, at)
  }

  private inOrder(one: Live, at: number): void {
    const lane = laneOf(one)
    const rivals = [...this.live.values()].filter(
      (other) =>
        other.situation === 'waiting' &&
        other.inDoubt === one.inDoubt &&
        laneOf(other) === lane &&
        this.isReady(other, at),
    )
    for (const other of rivals) {
      const isPassed = other !== one && this.goesFirst(other, one)
      this.must(!isPassed, `5 message ${one.ordinal} went before ${other.ordinal} (${this.config?.order})`)
    }
    if (!one.inDoubt) this.doubtfulFirst(one, at)
    if (this.config?.order === 'weighted') this.bandsHaveTurns(`${one.inDoubt}${lane}`, one, rivals)
  }

  /** C13: what its worker may have died of comes first; only where nothing but the queue itself could hold it back. */
  private doubtfulFirst(one: Live, at: number): void {
    if (this.config?.circuit !== null || Object.keys(this.switches?.forcedCircuits ?? {}).length > 0) return
    for (const other of this.live.values()) {
      if (!other.inDoubt || other.gate !== undefined || other.attributes.tenant !== undefined) continue
      this.must(!this.isReady(other, at), `C13 message ${one.ordinal} went before ${other.ordinal}, in doubt`)
    }
  }

  private goesFirst(one: Live, other: Live): boolean {
    const isFirst = one.ordinal < other.ordinal
    switch (this.config?.order) {
      case 'fifo':
        return isFirst
      case 'lifo':
        return one.ordinal > other.ordinal
      case 'weighted':
        return bandOf(one) === bandOf(other) && isFirst
      case 'adaptive': {
        const [longer, higher] = [since(other) - since(one), one.priority - other.priority]
        if (higher === 0) return longer > 0 || (longer === 0 && isFirst)
        return higher > 0 ? longer >= 0 : longer > -higher * AGE_STEP_MS
      }
      default:
        return one.priority > other.priority || (one.priority === other.priority && isFirst)
    }
  }

  /** B4: a band with work is served at least once in any so many picks. */
  private bandsHaveTurns(lane: string, one: Live, rivals: ReadonlyArray<Live>): void {
    const { high, normal, low } = this.config?.bandShares ?? { high: 1, normal: 1, low: 1 }
    for (const [band, share] of [
      ['high', high],
      ['normal', normal],
      ['low', low],
    ] as const) {
      const name = `${lane}${band}`
      const waiting = rivals.filter((other) => bandOf(other) === band)
      if (bandOf(one) === band || waiting.length === 0) {
        this.waits.delete(name)
        continue
      }
      const known = this.waits.get(name)
      const still = known !== undefined && waiting.some(({ ordinal }) => ordinal === known.witness)
      const picks = still ? known.picks + 1 : 1
      this.waits.set(name, { picks, witness: still ? known.witness : (waiting[0]?.ordinal ?? 0) })
      const bound = Math.floor((3 * (high + normal + low)) / (2 * share)) + 1
      this.must(picks < bound, `B4 ${picks} picks without one of the ${band} band`)
    }
  }

  /** B8: one more may start now. */
  private withinLimits(tenant: string, cap: Limits['perTenant'], at: number): void {
    const concurrencyMax = this.place.shareOf(cap?.concurrencyMax ?? Number.POSITIVE_INFINITY)
    const rate =
      cap?.rate === undefined ? undefined : { ...cap.rate, count: this.place.shareOf(cap.rate.count) }
    let running = 0
    for (const { situation, attributes } of this.live.values()) {
      if (situation === 'leased' && (tenant === '' || attributes.tenant === tenant)) running++
    }
    this.must(running < concurrencyMax, `B8 ${running + 1} of ${tenant} run, the cap is ${concurrencyMax}`)
    const starts = this.starts.get(tenant) ?? []
    starts.push(at)
    this.starts.set(tenant, starts)
    if (rate === undefined) return
    starts.forEach((first, n) => {
      const allowed = rate.count + Math.floor(((at - first) * rate.count) / rate.perMs)
      this.must(
        starts.length - n <= allowed,
        `B8 ${starts.length - n} starts of ${tenant} in ${at - first} ms`,
      )
    })
  }

  private isReady(one: Live, at: number): boolean {
    if (one.situation !== 'waiting' || one.dueAt > at) return false
    if (one.expiresAt !== 0 && one.expiresAt <= at) return false
    return !this.switches?.pausedGroups.includes(one.attributes.group ?? '') && this.mayRun(one, at)
  }

  /** Once for each look at all that is live: a long run has tens of thousands, and each would look through all for its group. */
  private gatherGroups(): void {
    this.groups.clear()
    for (const one of this.live.values()) {
      const { group } = one.attributes
      if (group === undefined || one.situation === 'dead') continue
      const members = this.groups.get(group)
      if (members === undefined) this.groups.set(group, [one])
      else members.push(one)
    }
  }

  private mayRun(one: Live, at: number): boolean {
    const { group } = one.attributes
    if (group === undefined) return true
    for (const other of this.groups.get(group) ?? []) {
      if (other === one) continue
      if (other.situation === 'leased') return false
      const stepsAside = this.config?.groupHead === 'skip' && other.dueAt > at
      if (other.ordinal < one.ordinal && !stepsAside) return false
    }
    return true
  }
}
