// Follows the ledger's streams in EventStoreDB as they grow, whoever writes to them. The client's subscriptions never resume and may
// stall without a word (§5), so this one keeps its own place: it goes on from there after a drop, leaves out what comes twice,
// begins again when a revision is missing, and looks from time to time whether the log is ahead of it (R40). Followed are the ledger's own
// streams, or their metadata: what an operator does to a stream is noticed at once, and not at the next read (R43).
import type { StoreCalls } from './connection.js'
import { reasonOf } from './errors.js'
import { commitOfPosition, type FoundEvent, positionAfterCommit } from './storedEvents.js'
import { METADATA_OF } from './streamRules.js'
import { isEvent, type ReadAnswer } from './wire.js'

export type FollowerHooks = Readonly<{
  /** Each event once, in the order of the log. */
  onEvent: (event: FoundEvent, next: number) => void
  onTrouble: (message: string) => void
}>

export type FollowerTimes = Readonly<{
  /** Without anything new for so long the log itself is asked. */
  stallMs: number
  /** Before a dropped subscription is opened anew; doubles up to `stallMs`. */
  pauseMs: number
}>

export const FOLLOWER_TIMES: FollowerTimes = { stallMs: 10_000, pauseMs: 100 }

export const afterRealTime = (ms: number, callback: () => void): (() => void) => {
  const timer = setTimeout(callback, ms)
  timer.unref()
  return () => clearTimeout(timer)
}

export class Follower {
  private place: number
  private readonly revisions = new Map<string, number>()
  private cancelCall: (() => void) | undefined
  private isStopped = false
  private failures = 0
  /** Where a revision was missing: missing again at the same place, it is told and passed over. */
  private missingAt = ''
  private stopWatch = (): void => undefined
  private stopPause = (): void => undefined

  constructor(
    private readonly connection: StoreCalls,
    private readonly prefix: string,
    from: number,
    private readonly hooks: FollowerHooks,
    private readonly times: FollowerTimes = FOLLOWER_TIMES,
    private readonly after: (ms: number, callback: () => void) => () => void = afterRealTime,
  ) {
    this.place = from
  }

  /** Position after the last event shown. */
  get position(): number {
    return this.place
  }

  start(): void {
    void this.connect()
    this.watch()
  }

  private watch(): void {
    this.stopWatch = this.after(this.times.stallMs, () => {
      void this.look()
      if (!this.isStopped) this.watch()
    })
  }

  stop(): void {
    this.isStopped = true
    this.stopWatch()
    this.stopPause()
    this.cancelCall?.()
  }

  private async connect(): Promise<void> {
    const { prefix, place } = this
    const from = place === 0 ? 'start' : commitOfPosition(place).commit
    let isOver = false
    const over = (reason: string): void => {
      if (isOver) return
      isOver = true
      this.again(reason)
    }
    try {
      const cancel = await this.connection.subscribe(
        { prefix, from, isSubscription: true },
        (answer) => {
          if (!isOver && !this.isStopped) this.take(answer, over)
        },
        (error) => over(error === undefined ? 'it was ended by the server' : reasonOf(error)),
      )
      // It may be over before this is heard.
      if (isOver || this.isStopped) cancel()
      else this.cancelCall = cancel
    } catch (error) {
      over(reasonOf(error))
    }
  }

  private again(reason: string): void {
    this.cancelCall?.()
    this.cancelCall = undefined
    if (this.isStopped) return
    this.failures++
    this.hooks.onTrouble(`the subscription is opened anew: ${reason}`)
    const { pauseMs, stallMs } = this.times
    const inMs = Math.min(stallMs, pauseMs * 2 ** (this.failures - 1))
    this.stopPause = this.after(inMs, () => void this.connect())
  }

  private take(answer: ReadAnswer, over: (reason: string) => void): void {
    if (!isEvent(answer)) {
      const checkpoint = answer.getCheckpoint()?.getCommitPosition()
      // Everything up to there was looked at.
      if (checkpoint !== undefined) this.place = Math.max(this.place, positionAfterCommit(Number(checkpoint)))
      return
    }
    const { stream, revision, commit } = answer
    if (commit === undefined) return
    const next = positionAfterCommit(commit)
    // Of metadata the server keeps the last only: what is missing there was replaced.
    const last = stream.startsWith(METADATA_OF) ? undefined : this.revisions.get(stream)
    if (next <= this.place || (last !== undefined && revision <= last)) return
    if (last !== undefined && revision > last + 1) {
      const where = `${stream}@${last + 1}`
      if (this.missingAt !== where) {
        this.missingAt = where
        return over(`revision ${last + 1} of ${stream} was left out`)
      }
      this.hooks.onTrouble(`revision ${last + 1} of ${stream} is missing: it goes on at ${revision}`)
    }
    this.failures = 0
    this.revisions.set(stream, revision)
    this.place = next
    this.hooks.onEvent(answer, next)
  }

  /** Silence may mean that nothing happens, or that nothing arrives: only the log itself can tell. */
  private async look(): Promise<void> {
    if (this.isStopped || this.cancelCall === undefined) return
    const { connection, place, prefix } = this
    const from = place === 0 ? 'start' : commitOfPosition(place).commit
    let end = 0
    let isAhead = false
    try {
      // From our own place on: backwards from the end the server might go through all of its log to find one of ours.
      await connection.read({ prefix: '', from: 'end', isBackward: true, count: 1 }, ({ commit = 0 }) => {
        end = positionAfterCommit(commit)
        return false
      })
      if (end > place)
        await connection.read({ prefix, from, count: 2 }, ({ commit = 0 }) => {
          isAhead = positionAfterCommit(commit) > place
          return !isAhead
        })
    } catch {
      // The log does not answer either: the subscription's own end will tell.
      return
    }
    if (this.place !== place) return
    if (isAhead) this.again(`it shows nothing, though the log is ahead of it since ${this.times.stallMs} ms`)
    // Nothing of ours stands up to there.
    else this.place = Math.max(place, end)
  }
}
