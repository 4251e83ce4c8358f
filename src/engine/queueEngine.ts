// One queue: its control stream and its partitions. Routes each request to the partition that owns it (§4.1), and puts
// together what several of them answer.
import { isLeft, left } from 'fp-ts/lib/Either.js'
import { controlStream, type PartitionRef, partitionOf } from '../../domain/ids.js'
import type { Actor } from '../../domain/message/index.js'
import {
  type ControlEvent,
  controlAtCreation,
  evolveControl,
  type QueueControl,
  type QueueEntry,
} from '../../domain/queue/index.js'
import type { PartitionState } from '../../projections/partition/index.js'
import { holdsBlobs, withPayloads } from './blobPayloads.js'
import { type CallBounds, callBounds } from './callBounds.js'
import { type DecisionContext, decideOperation } from './decideRequests.js'
import { Partition, type PartitionDeps, type PartitionEvents } from './partition.js'
import { type Answered, answered, type Failure, type Reply, unknown } from './replies.js'
import type {
  Claimed,
  ClaimRequest,
  Enqueued,
  NewMessage,
  OperatorCommand,
  Settled,
  Settlement,
} from './requests.js'
import { inShares } from './settlementShares.js'
import { StreamFold } from './streamFold.js'

/** A claim looks again at partitions that do not answer after this. */
const UNAVAILABLE_PAUSE_MS = 250

type CancelListener = (partition: number, ordinal: number) => void
type ClaimWish = Omit<ClaimRequest, 'answer'>
type InPartition = Claimed & { partition: number }

const inPartition = (
  { value, revision, position }: Answered<Claimed>,
  partition: number,
): Reply<InPartition> => answered({ ...value, partition }, revision, position)

export class QueueEngine {
  readonly partitions: Partition[] = []
  /** Called after each change of the control stream. */
  whenControlChanged: () => void = () => undefined
  private readonly cancelListeners = new Set<CancelListener>()
  /** Claims under way, by their id. */
  private readonly claiming = new Map<string, Promise<unknown>>()
  private nextPartition = 0
  /** Of one call into one partition. */
  readonly callBounds: CallBounds

  private constructor(
    readonly entry: QueueEntry,
    private readonly controlFold: StreamFold<QueueControl, ControlEvent>,
    private readonly deps: PartitionDeps,
  ) {
    this.callBounds = callBounds(deps.log.limits)
  }

  static async open(entry: QueueEntry, deps: PartitionDeps, events: PartitionEvents): Promise<QueueEngine> {
    const { queue, generation } = entry
    const control = await StreamFold.open(
      deps,
      controlStream(queue, generation),
      controlAtCreation(entry.created),
      (state, events: ReadonlyArray<ControlEvent>) => events.reduce(evolveControl, state),
    )
    const engine = new QueueEngine(entry, control, deps)
    for (let partition = 0; partition < entry.created.partitions; partition++) {
      const ref: PartitionRef = { queue, generation, partition }
      engine.partitions.push(await Partition.open(ref, control.state, deps, events, engine.readControl))
    }
    return engine
  }

  get name(): string {
    return this.entry.queue
  }
  get control(): QueueControl {
    return this.controlFold.state
  }

  /** Appends to the control stream, then lets the partitions adopt it. */
  async changeControl(decide: (control: QueueControl) => ReadonlyArray<ControlEvent>): Promise<QueueControl> {
    return this.tellControl(await this.controlFold.change(decide))
  }

  private readonly readControl = async (): Promise<QueueControl> =>
    this.tellControl(await this.controlFold.refresh())

  private tellControl(control: QueueControl): QueueControl {
    for (const partition of this.partitions) partition.setControl(control)
    this.whenControlChanged()
    return control
  }

  /** Which partition a new message goes to; messages that name nothing go round. */
  route(message: NewMessage): number {
    if (this.partitions.length === 1) return 0
    const { callerId, attributes } = message
    const key = attributes?.group ?? attributes?.dedupKey ?? callerId ?? attributes?.idempotencyKey
    if (key !== undefined) return partitionOf(key, this.partitions.length)
    this.nextPartition = (this.nextPartition + 1) % this.partitions.length
    return this.nextPartition
  }

  partition(number: number): Partition {
    const partition = this.partitions[number]
    if (partition === undefined) throw new RangeError(`queue ${this.name} has no partition ${number}`)
    return partition
  }

  enqueue(partition: number, messages: ReadonlyArray<NewMessage>): Promise<Reply<ReadonlyArray<Enqueued>>> {
    return new Promise((resolve) => {
      this.partition(partition).use((writer) => writer.enqueue({ messages, answer: resolve }), resolve)
    })
  }

  /** However many: what does not fit into one append goes in several, and each settlement stands for itself. */
  async settle(
    partition: number,
    settlements: ReadonlyArray<Settlement>,
  ): Promise<Reply<ReadonlyArray<Settled>>> {
    const shares = inShares(settlements)
    const results: Settled[] = []
    let last: Answered<unknown> | undefined
    for (const share of shares) {
      const reply = await this.settleShare(partition, share)
      if (isLeft(reply)) {
        if (last === undefined || reply.left.kind === 'unknown') return reply
        return unknown('only some of the settlements were recorded')
      }
      if (shares.length === 1) return reply
      results.push(...reply.right.value)
      last = reply.right
    }
    return answered(results, last?.revision ?? -1, last?.position ?? -1)
  }

  private settleShare(
    partition: number,
    settlements: ReadonlyArray<Settlement>,
  ): Promise<Reply<ReadonlyArray<Settled>>> {
    return new Promise((resolve) => {
      this.partition(partition).use((writer) => writer.settle({ settlements, answer: resolve }), resolve)
    })
  }

  operate(
    partition: number,
    command: OperatorCommand,
    ordinals: ReadonlyArray<number>,
    by: Actor | undefined,
  ): Promise<Reply<ReadonlyArray<Settled>>> {
    const reply = this.act(partition, (context) =>
      ordinals.map((ordinal) => decideOperation(context, command, ordinal, by)),
    )
    if (command === 'cancel') {
      void reply.then((done) => {
        if (!isLeft(done)) this.tellOfCancels(partition, ordinals, done.right.value)
      })
    }
    return reply
  }

  /** Told of each message whose cancellation is recorded: if it runs, its worker has to stop it (A11). */
  whenCancelled(listener: CancelListener): () => void {
    this.cancelListeners.add(listener)
    return () => this.cancelListeners.delete(listener)
  }

  private tellOfCancels(
    partition: number,
    ordinals: ReadonlyArray<number>,
    results: ReadonlyArray<Settled>,
  ): void {
    ordinals.forEach((ordinal, i) => {
      const result = results[i]
      if (result === undefined || isLeft(result)) return
      for (const listener of this.cancelListeners) listener(partition, ordinal)
    })
  }

  look<A>(partition: number, look: (state: PartitionState, at: number) => A): Promise<Reply<A>> {
    return this.partition(partition).use<Promise<Reply<A>>>(
      (writer) => writer.look(look),
      (reply) => Promise.resolve(reply),
    )
  }

  /** Runs a rule of its own in the partition's writer. */
  act<A>(partition: number, act: (context: DecisionContext) => A): Promise<Reply<A>> {
    return this.partition(partition).use<Promise<Reply<A>>>(
      (writer) => writer.act(act),
      (reply) => Promise.resolve(reply),
    )
  }

  /** Looks at every partition; the first failure is the answer. */
  async lookAll<A>(
    look: (state: PartitionState, at: number) => A,
  ): Promise<Reply<ReadonlyArray<Answered<A>>>> {
    const replies = await Promise.all(this.partitions.map((_, number) => this.look(number, look)))
    const seen: Answered<A>[] = []
    for (const reply of replies) {
      if (isLeft(reply)) return reply
      seen.push(reply.right)
    }
    const position = Math.max(-1, ...seen.map((one) => one.position))
    return answered(seen, -1, position)
  }

  /** Claims from one partition after the other, beginning with another one each time; waits for all of them at once. */
  async claim(wish: ClaimWish): Promise<Reply<InPartition>> {
    if (this.partitions.length === 1) return this.claimInPartition(0, wish)
    const { claimId } = wish
    if (claimId === undefined) return this.claimFromAny(wish)
    // A repeat that overtakes the first could be given other messages, of another partition: it waits for it (R28).
    const first = this.claiming.get(claimId) ?? Promise.resolve()
    const reply = first.catch(() => undefined).then(() => this.claimFromAny(wish))
    this.claiming.set(claimId, reply)
    try {
      return await reply
    } finally {
      if (this.claiming.get(claimId) === reply) this.claiming.delete(claimId)
    }
  }

  private async claimInPartition(partition: number, wish: ClaimWish): Promise<Reply<InPartition>> {
    const reply = await this.claimFrom(partition, wish)
    return isLeft(reply) ? reply : inPartition(reply.right, partition)
  }

  private async claimFromAny(wish: ClaimWish): Promise<Reply<InPartition>> {
    const untilTick = this.deps.clock.tickMs() + wish.waitMs
    for (;;) {
      // In each round: a partition that was being opened may turn out to know the claim, and has no more for it.
      const known = wish.claimId === undefined ? undefined : await this.partitionOfClaim(wish.claimId)
      if (known !== undefined) return this.claimInPartition(known, wish)
      const reply = await this.claimOnce(wish)
      const leftMs = untilTick - this.deps.clock.tickMs()
      if (leftMs <= 0 || wish.cancelled()) return reply
      // Whoever hears of in-doubt messages has to make room for them first: it must not go on waiting.
      if (!isLeft(reply) && (reply.right.value.deliveries.length > 0 || reply.right.value.inDoubtWaiting))
        return reply
      if (isLeft(reply) && reply.left.kind === 'unknown') return reply
      await this.untilReady(wish, leftMs)
    }
  }

  /** Asks each partition once; the first that has something is the answer. */
  private async claimOnce(wish: ClaimWish): Promise<Reply<InPartition>> {
    let inDoubtWaiting = false
    let failure: Failure | undefined
    let last: Answered<Claimed> | undefined
    for (let n = 0; n < this.partitions.length; n++) {
      const partition = this.nextClaimed()
      const reply = await this.claimFrom(partition, { ...wish, waitMs: 0 })
      if (isLeft(reply)) {
        // It may have started what was asked for: nobody else is asked, and nobody is told that nothing happened (I1).
        if (reply.left.kind === 'unknown') return reply
        failure = reply.left
        continue
      }
      last = reply.right
      inDoubtWaiting ||= last.value.inDoubtWaiting
      if (last.value.deliveries.length > 0) return inPartition(last, partition)
    }
    if (last === undefined) return left(failure ?? { kind: 'unavailable', reason: 'no partition answers' })
    return inPartition({ ...last, value: { deliveries: [], alone: false, inDoubtWaiting } }, 0)
  }

  /** Resolves when one of the partitions has something; the others stop waiting then. */
  private async untilReady(wish: ClaimWish, waitMs: number): Promise<void> {
    let over = false
    const cancelled = (): boolean => over || wish.cancelled()
    const waiting = this.partitions.map(async (_, number) => {
      const empty = { ...wish, claimId: undefined, max: () => 0, waitMs, cancelled }
      // A partition that is being opened answers at once: asking it again and again would burn a processor.
      if (isLeft(await this.claimFrom(number, empty)))
        await this.pause(Math.min(waitMs, UNAVAILABLE_PAUSE_MS))
    })
    await Promise.race(waiting)
    over = true
    this.claimsChanged()
  }

  /** On the clock of this ledger. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.deps.clock.after(ms, resolve))
  }

  /** Where the messages of this claim came from (R28); they come from one partition. */
  private async partitionOfClaim(claimId: string): Promise<number | undefined> {
    const replies = await Promise.all(
      this.partitions.map((_, number) =>
        this.look(number, (state) => state.claimIds.find(claimId) !== undefined),
      ),
    )
    const found = replies.findIndex((reply) => !isLeft(reply) && reply.right.value)
    return found < 0 ? undefined : found
  }

  /** This message and no other; refused when it cannot be claimed now. */
  async claimOne(
    { partition, ordinal }: Readonly<{ partition: number; ordinal: number }>,
    wish: ClaimWish,
  ): Promise<Reply<InPartition>> {
    return this.claimInPartition(partition, { ...wish, ordinal })
  }

  claimFrom(partition: number, wish: ClaimWish): Promise<Reply<Claimed>> {
    return new Promise((resolve) => {
      const answer = (reply: Reply<Claimed>): void =>
        // Looked at here rather than awaited: most claims hold none, and are answered in this very turn.
        isLeft(reply) || !holdsBlobs(reply.right.value)
          ? resolve(reply)
          : resolve(this.fetchPayloads(partition, reply.right))
      this.partition(partition).use((writer) => writer.claim({ ...wish, answer }), answer)
    })
  }

  /** Large payloads come from the blob store (A12); a message without its payload is not handed out. */
  private async fetchPayloads(partition: number, reply: Answered<Claimed>): Promise<Reply<Claimed>> {
    const { claimed, settlements } = await withPayloads(this.deps.blobs, reply.value)
    // What cannot be recorded now is decided by the lease.
    if (settlements.length > 0) await this.settle(partition, settlements)
    return answered(claimed, reply.revision, reply.position)
  }

  /** Whether a message of this caller's id has finished there, as far as the register knows. */
  async hasFinished(partition: number, callerId: string): Promise<boolean> {
    const { stream } = this.partition(partition)
    return (await this.deps.register.findCallerId(stream, callerId)) !== undefined
  }

  /** Lets waiting claims notice that they were cancelled. */
  claimsChanged(): void {
    for (const partition of this.partitions) {
      partition.use(
        (writer) => writer.claimsChanged(),
        () => undefined,
      )
    }
  }

  private claimTurn = 0
  private nextClaimed(): number {
    this.claimTurn = (this.claimTurn + 1) % this.partitions.length
    return this.claimTurn
  }

  async close(): Promise<void> {
    await Promise.all(this.partitions.map((partition) => partition.close()))
  }
}
