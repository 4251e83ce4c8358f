// Messages for batch handlers from a server (B6). A claim without an answer is asked again under its own id before any
// other, so that a lost answer costs neither a message nor a second run.
import type * as t from 'io-ts'
import { isLedgerqError, RefusedError } from '../api/errors.js'
import type { ClaimedMessage, QueueView, SettlementRequest, SettlementResult } from '../api/types/index.js'
import type { Settlement } from '../engine/requests.js'
import type { BatchClaim, BatchLimits, BatchSource, HeldMessage } from '../worker/batchSource.js'
import { remoteMessage, settlementRequest } from './remoteAttempt.js'
import type { ClaimCall, RemoteWorkerDeps } from './remoteWorker.js'
import { SettlementOutbox } from './settlementOutbox.js'

/** The settings of the queue are asked for again after this. */
const LIMITS_MS = 60_000
/** Hand-backs of what nobody reads any more: one call to a server that may be gone. */
const LAST_CALL_MS = 2_000

export type RemoteBatchDeps<A> = Pick<RemoteWorkerDeps, 'claim' | 'settle' | 'clock' | 'uniqueId' | 'name'> &
  Readonly<{
    view: () => Promise<QueueView>
    codec: t.Type<A, unknown> | undefined
    report: (error: unknown) => void
  }>

type RemoteHeld<A> = HeldMessage<A> & { readonly leaseToken: string }

export class RemoteBatchSource<A> implements BatchSource<A, RemoteHeld<A>> {
  private stopSignal = new AbortController()
  private cancelWanted: Parameters<BatchSource<A, RemoteHeld<A>>['start']>[0] = () => undefined
  private unanswered: ClaimCall | undefined
  private known: { config: QueueView['config']; untilTick: number } | undefined
  private readonly outbox: SettlementOutbox

  constructor(private readonly deps: RemoteBatchDeps<A>) {
    this.outbox = new SettlementOutbox(deps.settle, (ms) => this.pause(ms), deps.report)
  }

  readonly limits = async (): Promise<BatchLimits> => {
    const tick = this.deps.clock.tickMs()
    if (this.known === undefined || this.known.untilTick <= tick) {
      const { config } = await this.deps.view()
      this.known = { config, untilTick: tick + LIMITS_MS }
    }
    return this.known.config
  }

  readonly claim = async (max: () => number, waitMs: number): Promise<BatchClaim<RemoteHeld<A>>> => {
    const { name, uniqueId } = this.deps
    this.unanswered ??= { max: max(), waitMs, worker: name, claimId: uniqueId() }
    try {
      const messages = await this.deps.claim({ ...this.unanswered, signal: this.stopSignal.signal })
      this.unanswered = undefined
      return { held: messages.map((claimed) => this.held(claimed)), mayGather: true }
    } catch (error) {
      if (this.stopSignal.signal.aborted) {
        await this.returnUnanswered()
        return { held: [], mayGather: false }
      }
      // Refused is definite: a new claim may be asked for. Everything else is asked again as it was.
      if (error instanceof RefusedError) this.unanswered = undefined
      throw error
    }
  }

  private held(claimed: ClaimedMessage): RemoteHeld<A> {
    const { id, leaseToken, leaseMs, timeoutMs, attempt, inDoubt } = claimed
    const isBatchable = claimed.batchable !== false && this.known?.config.batching !== false
    const message = Object.defineProperties(
      { attempt, leaseToken, inDoubt },
      // The payload is decoded when it is read, not when it comes: a copy would read it.
      Object.getOwnPropertyDescriptors(remoteMessage(claimed, this.deps.codec)),
    ) as RemoteHeld<A>['message']
    return {
      message,
      id,
      // Lease tokens stand for it on the wire; the rules that turn an outcome into a settlement carry it through.
      lease: { ordinal: 0, fence: 0 },
      leaseToken,
      leaseMs,
      timeoutMs,
      alone: inDoubt || !isBatchable,
      settled: false,
      isLost: false,
      isCancelWanted: false,
      heldUntilTick: 0,
    }
  }

  /** Messages may be on their way in an answer that nobody reads any more: asked for once more, and handed back. */
  private async returnUnanswered(): Promise<void> {
    const claim = this.unanswered
    if (claim === undefined) return
    this.unanswered = undefined
    try {
      const signal = AbortSignal.timeout(LAST_CALL_MS)
      const messages = await this.deps.claim({ ...claim, waitMs: 0, signal })
      for (const { leaseToken } of messages) this.outbox.add({ leaseToken, outcome: 'release' })
    } catch (error) {
      // No server any more: there the lease runs out, or the closing server has handed them back.
      if (!isLedgerqError(error)) this.deps.report(error)
    }
  }

  readonly settle = ({ leaseToken }: RemoteHeld<A>, settlement: Settlement): void =>
    this.outbox.add(settlementRequest(leaseToken, settlement))

  readonly ended = (): void => undefined

  readonly extend = async (
    held: ReadonlyArray<RemoteHeld<A>>,
    leaseMs: number | undefined,
  ): Promise<ReadonlyArray<RemoteHeld<A>>> => {
    const requests = held.map(
      ({ leaseToken, leaseMs: own }): SettlementRequest => ({
        leaseToken,
        outcome: 'extend',
        leaseMs: leaseMs ?? own,
      }),
    )
    const results: ReadonlyArray<SettlementResult> = await this.deps.settle(requests)
    const lost = new Set(results.flatMap((result) => (result.ok ? [] : [result.leaseToken])))
    const wanted = new Set(
      results.flatMap((result) => (result.ok && result.cancelRequested ? [result.leaseToken] : [])),
    )
    if (wanted.size > 0) this.cancelWanted(({ leaseToken }) => wanted.has(leaseToken))
    return held.filter(({ leaseToken }) => lost.has(leaseToken))
  }

  readonly start: BatchSource<A, RemoteHeld<A>>['start'] = (cancelWanted) => {
    this.cancelWanted = cancelWanted
    this.stopSignal = new AbortController()
  }

  readonly stop = (): void => this.stopSignal.abort(new Error('the worker is stopping'))

  readonly emptied = async (): Promise<void> => {
    await this.returnUnanswered()
    await this.outbox.emptied()
  }

  private pause(ms: number): Promise<void> {
    const { signal } = this.stopSignal
    return new Promise((resolve) => {
      const over = (): void => {
        cancel()
        signal.removeEventListener('abort', over)
        resolve()
      }
      const cancel = this.deps.clock.after(ms, over)
      signal.addEventListener('abort', over)
      if (signal.aborted) over()
    })
  }
}
