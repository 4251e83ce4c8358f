// Messages of one partition in the order of their enqueue, live ones from the writer's state and finished ones from the
// register, read in steps. Both halves tell how far they have looked; only what lies before the nearer of these two
// places is sure to be complete, so the rest is read again in the next step.
import { isLeft } from 'fp-ts/lib/Either.js'
import { MESSAGE_STATES, type MessageState, type Outcome } from '../../../domain/message/index.js'
import { SCAN_STEP, scanLive } from '../../../projections/queries/liveScan.js'
import {
  type FilteredFacts,
  type MessageFilter,
  matches,
} from '../../../projections/queries/messageFilter.js'
import type { PastEvent } from '../../engine/history.js'
import type { FinishedEntry } from '../../ports/finishedRegister.js'
import { errorOfFailure } from '../refusals.js'
import type { MessageView } from '../types/index.js'
import { finishedAreKnown, type Located, type ReadDeps, viewAt } from './queueReads.js'

const OUTCOMES: ReadonlyArray<Outcome> = ['succeeded', 'cancelled', 'expired', 'purged']
const isOutcome = (state: MessageState): state is Outcome => OUTCOMES.some((outcome) => outcome === state)
export const LIVE_STATES: ReadonlyArray<MessageState> = MESSAGE_STATES.filter((state) => !isOutcome(state))

export type Seen = Readonly<{ view: MessageView; history: ReadonlyArray<PastEvent> }>
/** `seen` is there when its history had to be read to know whether it matches. */
export type Row = Located & Readonly<{ enqueuedAt: number; seen?: Seen }>

/** What one page may still look at; shared by its partitions. */
export type ScanBudget = { live: number; finished: number; scanned: number }

export class ListingSource {
  readonly rows: Row[] = []
  isDone = false
  position = -1
  private readonly outcomes: ReadonlyArray<Outcome>
  private readonly hasLive: boolean

  /** `place`: the first ordinal to look at; undefined = wherever the range of times begins. */
  constructor(
    private readonly deps: ReadDeps,
    private readonly partition: number,
    private readonly filter: MessageFilter,
    private readonly step: 1 | -1,
    private place: number | undefined,
  ) {
    const states = filter.states ?? MESSAGE_STATES
    const asksDeaths =
      filter.kind !== undefined || filter.deadFrom !== undefined || filter.deadTo !== undefined
    this.outcomes = asksDeaths ? [] : states.filter(isOutcome)
    this.hasLive = states.some((state) => !isOutcome(state))
  }

  /** The first ordinal of what has not been given out; undefined = there is none. */
  get next(): number | undefined {
    return this.rows[0]?.ordinal ?? (this.isDone ? undefined : this.place)
  }

  /** Until there is a row, or nothing more. False = the budget came to its end before. */
  async fill(want: number, budget: ScanBudget): Promise<boolean> {
    while (this.rows.length === 0 && !this.isDone) {
      const needsFinished = this.outcomes.length > 0
      if ((this.hasLive && budget.live <= 0) || (needsFinished && budget.finished <= 0)) return false
      if (needsFinished) await finishedAreKnown(this.deps.engine.partition(this.partition))
      this.place ??= await this.start()
      await this.readOn(this.place, want, budget)
    }
    return true
  }

  private async start(): Promise<number> {
    const { enqueuedFrom, enqueuedTo } = this.filter
    // Ordinals rise with time, so what lies outside of the range is left out by halving, and not by reading it all.
    if (this.step === 1) return enqueuedFrom === undefined ? 1 : (await this.boundary(enqueuedFrom)).from
    const newest = enqueuedTo === undefined ? undefined : (await this.boundary(enqueuedTo)).first
    if (newest !== undefined) return newest
    const head = await this.deps.engine.look(this.partition, (state) => state.nextOrdinal - 1)
    if (isLeft(head)) throw errorOfFailure(head.left)
    return head.right.value
  }

  private async readOn(place: number, want: number, budget: ScanBudget): Promise<void> {
    const { step } = this
    const live = await this.live(place, want, budget)
    const finished = await this.finished(place, want, budget)
    const goOn = [live.next, finished.next].filter((next) => next !== undefined)
    const until = goOn.length === 0 ? undefined : step === 1 ? Math.min(...goOn) : Math.max(...goOn)
    const isComplete = ({ ordinal }: { ordinal: number }): boolean =>
      until === undefined || (step === 1 ? ordinal < until : ordinal > until)
    // A message that finished between the two looks is in both: what the register says is newer.
    const rows = new Map(live.rows.filter(isComplete).map((row) => [row.ordinal, row]))
    this.isDone = until === undefined
    const entries = finished.entries.filter(isComplete).sort((a, b) => step * (a.ordinal - b.ordinal))
    for (const entry of entries) {
      budget.finished--
      budget.scanned++
      const row = await this.finishedRow(entry, live.at)
      rows.delete(entry.ordinal)
      if (row === undefined) continue
      if (this.isPast(row.enqueuedAt)) {
        this.isDone = true
        break
      }
      if (matches(this.filter, factsOf(row.seen.view))) rows.set(entry.ordinal, row)
    }
    this.rows.push(...[...rows.values()].sort((a, b) => step * (a.ordinal - b.ordinal)))
    this.place = until ?? place
  }

  /** Everything further on lies outside of the range of times, too. */
  private isPast(enqueuedAt: number): boolean {
    const { enqueuedFrom, enqueuedTo } = this.filter
    return this.step === 1
      ? enqueuedTo !== undefined && enqueuedAt >= enqueuedTo
      : enqueuedFrom !== undefined && enqueuedAt < enqueuedFrom
  }

  private async live(
    from: number,
    limit: number,
    budget: ScanBudget,
  ): Promise<{ rows: Row[]; next: number | undefined; at: number }> {
    const { engine } = this.deps
    const { partition, filter, step } = this
    const { ref } = engine.partition(partition)
    const scanMax = Math.min(SCAN_STEP, budget.live)
    const seen = await engine.look(partition, (state, at) => ({
      at,
      nextOrdinal: state.nextOrdinal,
      ...(this.hasLive
        ? scanLive(state, { ref, filter, at, from, step, limit, scanMax })
        : { found: [], scanned: 0, next: undefined }),
    }))
    if (isLeft(seen)) throw errorOfFailure(seen.left)
    const { value, position } = seen.right
    this.position = position
    budget.live -= value.scanned
    budget.scanned += value.scanned
    const rows = value.found.map((entry) => ({ ref, at: value.at, position, ...entry }))
    return { rows, next: value.next, at: value.at }
  }

  private async finished(
    place: number,
    want: number,
    budget: ScanBudget,
  ): Promise<{ entries: ReadonlyArray<FinishedEntry>; next: number | undefined }> {
    const { outcomes, step } = this
    const limit = Math.min(want, budget.finished)
    const range = step === 1 ? { after: place - 1 } : { before: place + 1 }
    const asked = outcomes.length === OUTCOMES.length ? [{}] : outcomes.map((outcome) => ({ outcome }))
    const entries: FinishedEntry[] = []
    const nexts: number[] = []
    for (const outcome of asked) {
      const page = await this.deps.register.page(this.stream, { ...outcome, ...range, limit })
      entries.push(...page)
      const last = page[page.length - 1]
      if (page.length === limit && last !== undefined) nexts.push(last.ordinal + step)
    }
    const next = nexts.length === 0 ? undefined : step === 1 ? Math.min(...nexts) : Math.max(...nexts)
    return { entries, next }
  }

  private async finishedRow(
    entry: FinishedEntry,
    at: number,
  ): Promise<(Row & Readonly<{ seen: Seen }>) | undefined> {
    const { ref } = this.deps.engine.partition(this.partition)
    const { ordinal, revision: lastRevision } = entry
    const located: Located = { ref, ordinal, lastRevision, at, position: this.position }
    const seen = await viewAt(this.deps, located)
    return seen === undefined ? undefined : { ...located, enqueuedAt: Date.parse(seen.view.enqueuedAt), seen }
  }

  private get stream(): string {
    return this.deps.engine.partition(this.partition).stream
  }

  /**
   * Of the finished messages: `first` is the oldest that was enqueued at `time` or later, and `from` lies behind the last
   * one before.
   */
  private async boundary(time: number): Promise<{ from: number; first: number | undefined }> {
    const { register } = this.deps
    let from = 1
    let first: number | undefined
    if (this.outcomes.length === 0) return { from, first }
    let high = (await register.page(this.stream, { limit: 1 }))[0]?.ordinal ?? 0
    while (from <= high) {
      const middle = Math.floor((from + high) / 2)
      const [entry] = await register.page(this.stream, { after: middle - 1, limit: 1 })
      if (entry === undefined || entry.ordinal > high) {
        high = middle - 1
        continue
      }
      const row = await this.finishedRow(entry, 0)
      // One whose beginning was cut from the log is older than all that can be asked for.
      if (row !== undefined && row.enqueuedAt >= time) {
        first = entry.ordinal
        high = middle - 1
      } else from = entry.ordinal + 1
    }
    return { from, first }
  }
}

const factsOf = (view: MessageView): FilteredFacts => {
  const { id, state, type, topic, group, tenant, zone, gate, priority, failureType } = view
  const wishes = { type, topic, group, tenant, zone, gate } as FilteredFacts['wishes']
  const enqueuedAt = Date.parse(view.enqueuedAt)
  return { id, state, wishes, priority, enqueuedAt, failureType, deadAt: undefined }
}
