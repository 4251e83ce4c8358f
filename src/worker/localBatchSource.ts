// Messages for batch handlers from the engine of this process: claims as LocalWorker makes them, quarantine included.
import { isLeft } from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import { generatedIdPrefix, leaseToken } from '../../domain/ids.js'
import type { BatchMessage } from '../api/types/batches.js'
import type { QueueEngine } from '../engine/queueEngine.js'
import type { Delivery, Settlement } from '../engine/requests.js'
import type { Clock } from '../ports/clock.js'
import type { BatchClaim, BatchSource, HeldMessage } from './batchSource.js'
import { LocalOutbox } from './localOutbox.js'
import type { Quarantine } from './quarantine.js'
import { ReceivedMessage } from './receivedMessage.js'

class LocalBatchMessage<A> extends ReceivedMessage<A> implements BatchMessage<A> {
  constructor(
    delivery: Delivery,
    idPrefix: string,
    codec: t.Type<A, unknown> | undefined,
    readonly leaseToken: string,
  ) {
    super(delivery, idPrefix, codec)
    this.attempt = delivery.attempt
    this.inDoubt = delivery.inDoubt
  }
  readonly attempt: number
  readonly inDoubt: boolean
}

type LocalHeld<A> = HeldMessage<A> & {
  readonly partition: number
  /** It is in doubt after a crash: nothing else runs in this process beside it. */
  readonly inQuarantine: boolean
}

type Deps<A> = Readonly<{
  engine: QueueEngine
  clock: Clock
  quarantine: Quarantine
  name: string
  codec: t.Type<A, unknown> | undefined
  report: (error: Error) => void
}>

export class LocalBatchSource<A> implements BatchSource<A, LocalHeld<A>> {
  private isStopping = false
  private isClaiming = false
  private readonly outbox: LocalOutbox
  private onAnswer: Array<() => void> = []
  private onStop: (() => void) | undefined
  private stopListening: () => void = () => undefined

  constructor(private readonly deps: Deps<A>) {
    this.outbox = new LocalOutbox({
      engine: deps.engine,
      clock: deps.clock,
      isStopping: () => this.isStopping,
      flushed: () => undefined,
      answered: () => {
        for (const wake of this.onAnswer.splice(0)) wake()
      },
      report: deps.report,
    })
  }

  readonly start: BatchSource<A, LocalHeld<A>>['start'] = (cancelWanted) => {
    this.isStopping = false
    const { engine, quarantine } = this.deps
    const draining = quarantine.whenDraining(() => {
      if (this.isClaiming) engine.claimsChanged()
    })
    const cancelling = engine.whenCancelled((partition, ordinal) =>
      cancelWanted((held) => held.partition === partition && held.lease.ordinal === ordinal),
    )
    this.stopListening = () => {
      draining()
      cancelling()
    }
  }

  readonly limits: BatchSource<A>['limits'] = async () => this.deps.engine.control.config

  readonly claim = async (
    max: () => number,
    waitMs: number,
    gathered: number,
  ): Promise<BatchClaim<LocalHeld<A>>> => {
    const { quarantine, engine, name } = this.deps
    const how = await this.enter(gathered)
    if (how === 'not now' || this.isStopping) {
      if (how === 'alone') quarantine.aloneOver(true)
      return { held: [], mayGather: false }
    }
    const isAlone = how === 'alone'
    const phaseWasOpen = quarantine.isOpen
    quarantine.begin(1)
    this.isClaiming = true
    try {
      const reply = await engine.claim({
        max: () => (isAlone ? 1 : max()),
        worker: name,
        leaseMs: undefined,
        claimId: undefined,
        waitMs: isAlone ? 0 : waitMs,
        mayRunInDoubt: isAlone,
        cancelled: () => this.isStopping || (phaseWasOpen && !quarantine.isOpen),
      })
      if (isLeft(reply)) {
        const { left } = reply
        throw new Error(`the claim failed: ${left.kind === 'refused' ? left.refusal.type : left.reason}`)
      }
      const { deliveries, partition, alone, inDoubtWaiting } = reply.right.value
      quarantine.begin(deliveries.length)
      quarantine.end(1)
      if (inDoubtWaiting) quarantine.inDoubtReady()
      if (isAlone && !alone) quarantine.aloneOver(inDoubtWaiting)
      const held = deliveries.map((delivery) => this.held(delivery, partition, alone))
      return { held, mayGather: quarantine.isOpen }
    } catch (error) {
      quarantine.end(1)
      if (isAlone) quarantine.aloneOver(true)
      throw error
    } finally {
      this.isClaiming = false
    }
  }

  /** Waits for its turn while a message in doubt has the process for itself, unless we hold messages that would keep it waiting. */
  private async enter(gathered: number): Promise<ReturnType<Quarantine['enter']>> {
    for (;;) {
      let changed: () => void = () => undefined
      const change = new Promise<void>((resolve) => {
        changed = resolve
      })
      const how = this.deps.quarantine.enter(changed)
      if (how !== 'not now' || gathered > 0 || this.isStopping) return how
      this.onStop = changed
      await change
      this.onStop = undefined
    }
  }

  private held(delivery: Delivery, partition: number, inQuarantine: boolean): LocalHeld<A> {
    const { engine, codec } = this.deps
    const { ref } = engine.partition(partition)
    const { config } = engine.control
    const { ordinal, fence, timeoutMs = config.handlerTimeoutMs, leaseMs } = delivery
    const token = leaseToken(ref, ordinal, fence)
    const message = new LocalBatchMessage<A>(delivery, generatedIdPrefix(ref), codec, token)
    const isBatchable = config.batching && delivery.enqueued.attributes?.batchable !== false
    return {
      message,
      id: message.id,
      lease: { ordinal, fence },
      leaseMs,
      timeoutMs,
      alone: inQuarantine || !isBatchable,
      settled: false,
      isLost: false,
      isCancelWanted: false,
      heldUntilTick: 0,
      partition,
      inQuarantine,
    }
  }

  readonly settle = (held: LocalHeld<A>, settlement: Settlement): void =>
    this.outbox.add(held.partition, settlement)

  readonly ended = (held: LocalHeld<A>): void => {
    this.deps.quarantine.end(1)
    if (held.inQuarantine) this.deps.quarantine.aloneOver(true)
  }

  readonly extend = async (
    held: ReadonlyArray<LocalHeld<A>>,
    leaseMs: number | undefined,
  ): Promise<ReadonlyArray<LocalHeld<A>>> => {
    const lost: LocalHeld<A>[] = []
    const byPartition = new Map<number, LocalHeld<A>[]>()
    for (const one of held) {
      const share = byPartition.get(one.partition)
      if (share === undefined) byPartition.set(one.partition, [one])
      else share.push(one)
    }
    for (const [partition, share] of byPartition) {
      const reply = await this.deps.engine.settle(
        partition,
        share.map(({ lease, leaseMs: own }) => ({ ...lease, outcome: 'extend', leaseMs: leaseMs ?? own })),
      )
      if (isLeft(reply)) throw new Error(`the leases could not be extended: ${reply.left.kind}`)
      reply.right.value.forEach((result, index) => {
        const one = share[index]
        if (one !== undefined && isLeft(result)) lost.push(one)
      })
    }
    return lost
  }

  readonly stop = (): void => {
    this.isStopping = true
    this.stopListening()
    this.onStop?.()
    this.deps.engine.claimsChanged()
  }

  readonly emptied = async (): Promise<void> => {
    this.outbox.flush()
    while (!this.outbox.isEmpty) await new Promise<void>((resolve) => this.onAnswer.push(resolve))
  }
}
