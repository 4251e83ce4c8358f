// One queue: its control stream and its partitions. Routes each request to the partition that owns it (§4.1), and puts
// together what several of them answer.
import { isLeft } from 'fp-ts/lib/Either.js'
import { controlStream, type PartitionRef } from '../../domain/ids.js'
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
import { type LayoutedQueue, LayoutsInUse } from './layoutsInUse.js'
import { Partition, type PartitionDeps, type PartitionEvents } from './partition.js'
import { type ClaimWish, type InPartition, QueueClaims } from './queueClaims.js'
import { type Answered, answered, type Reply, unknown } from './replies.js'
import type { Claimed, NewMessage, OperatorCommand, Settled, Settlement } from './requests.js'
import { enqueueRouted, keyOf, type Routed, type RoutedQueue } from './routing.js'
import { inShares } from './settlementShares.js'
import { StreamFold } from './streamFold.js'

type CancelListener = (partition: number, ordinal: number) => void

export class QueueEngine {
  readonly partitions: Partition[] = []
  /** Called after each change of the control stream. */
  whenControlChanged: () => void = () => undefined
  private readonly cancelListeners = new Set<CancelListener>()
  private nextPartition = 0
  /** Of one call into one partition. */
  readonly callBounds: CallBounds
  readonly layouts = new LayoutsInUse(this.layouted())
  private readonly claims = new QueueClaims(this)

  private constructor(
    readonly entry: QueueEntry,
    private readonly controlFold: StreamFold<QueueControl, ControlEvent>,
    private readonly deps: PartitionDeps,
    private readonly events: PartitionEvents,
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
    const engine = new QueueEngine(entry, control, deps, events)
    try {
      await engine.layouts.advance()
      // Who led the queue before may have resized it while its partitions were taken over, and cannot open others any more.
      if (deps.stillLeads !== undefined) await engine.readControl()
      await engine.layouts.advance()
    } catch (error) {
      // Nobody has this one: it must not go on by itself.
      await engine.layouts.close()
      throw error
    }
    engine.layouts.keepUp()
    return engine
  }

  private layouted(): LayoutedQueue {
    const engine = this
    return {
      partitions: engine.partitions,
      get control() {
        return engine.control
      },
      get clock() {
        return engine.deps.clock
      },
      openNext: async () => {
        const { queue, generation } = engine.entry
        const ref: PartitionRef = { queue, generation, partition: engine.partitions.length }
        const { control, deps, readControl } = engine
        engine.partitions.push(await Partition.open(ref, control, deps, engine.heard, readControl))
      },
      look: (partition, look) => engine.look(partition, look),
      changeControl: (decide) => engine.changeControl(decide),
      changed: () => engine.claimsChanged(),
    }
  }

  private readonly heard: PartitionEvents = {
    onDurable: (ref, batch) => {
      this.events.onDurable(ref, batch)
      this.layouts.note(ref.partition)
    },
    onTrouble: (ref, message, final) => {
      this.events.onTrouble(ref, message, final)
      this.layouts.note(ref.partition)
    },
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
    this.layouts.keepUp()
    this.whenControlChanged()
    return control
  }

  /** Which partition of the active layout a new message goes to; messages that name nothing go round (routing.ts). */
  readonly route = (message: NewMessage): number => {
    const { active } = this.layouts
    if (active.partitions === 1) return active.first
    const key = keyOf(message)
    if (key !== undefined) return this.layouts.homeIn(active, key)
    this.nextPartition = (this.nextPartition + 1) % active.partitions
    return active.first + this.nextPartition
  }

  /** Wherever each of them belongs; by index. */
  enqueueRouted(
    messages: ReadonlyArray<NewMessage>,
    homes?: ReadonlyArray<number>,
  ): Promise<ReadonlyArray<Routed>> {
    return enqueueRouted(this, messages, homes)
  }

  partition(number: number): Partition {
    const partition = this.partitions[number]
    if (partition === undefined) throw new RangeError(`queue ${this.name} has no partition ${number}`)
    return partition
  }

  /** Undefined = not here (decideEnqueue.ts). */
  readonly enqueue: RoutedQueue['enqueue'] = (partition, messages) => {
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
  claim(wish: ClaimWish): Promise<Reply<InPartition>> {
    return this.claims.claim(wish)
  }

  /** This message and no other; refused when it cannot be claimed now. */
  claimOne(
    place: Readonly<{ partition: number; ordinal: number }>,
    wish: ClaimWish,
  ): Promise<Reply<InPartition>> {
    return this.claims.claimOne(place, wish)
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

  /** On the clock of this ledger. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.deps.clock.after(ms, resolve))
  }

  tickMs(): number {
    return this.deps.clock.tickMs()
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

  async close(): Promise<void> {
    await this.layouts.close()
    await Promise.all(this.partitions.map((partition) => partition.close()))
  }
}
