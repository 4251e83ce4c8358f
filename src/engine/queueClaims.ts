// Claims of a queue from all of its partitions: one after the other, beginning with another one each time, waiting for all at once.
// Partitions that drain come first (ADR 0013), but for each fourth claim: groups that never end there must not starve the others.
import { isLeft, left } from 'fp-ts/lib/Either.js'
import type { QueueEngine } from './queueEngine.js'
import { type Answered, answered, type Failure, type Reply, refused } from './replies.js'
import type { Claimed, ClaimRequest } from './requests.js'

/** A claim looks again at partitions that do not answer after this. */
const UNAVAILABLE_PAUSE_MS = 250
/** Of so many claims one begins with the active partitions. */
const ACTIVE_FIRST_EVERY = 4

export type ClaimWish = Omit<ClaimRequest, 'answer'>
export type InPartition = Claimed & { partition: number }

const inPartition = (
  { value, revision, position }: Answered<Claimed>,
  partition: number,
): Reply<InPartition> => answered({ ...value, partition }, revision, position)

/** Whoever hears of in-doubt messages has to make room for them first: it must not go on waiting. */
const isAnswer = (reply: Reply<Claimed>): boolean =>
  isLeft(reply) || reply.right.value.deliveries.length > 0 || reply.right.value.inDoubtWaiting

export class QueueClaims {
  /** Claims under way, by their id. */
  private readonly claiming = new Map<string, Promise<unknown>>()
  private turn = 0

  constructor(private readonly engine: QueueEngine) {}

  async claim(wish: ClaimWish): Promise<Reply<InPartition>> {
    if (this.engine.partitions.length === 1) return this.claimFromOne(wish)
    const { claimId } = wish
    if (claimId === undefined) return this.claimFromAny(wish)
    // A repeat that overtakes the first could be given other messages, of another partition: it waits for it (R28).
    const first = this.claiming.get(claimId) ?? Promise.resolve()
    return this.underWay(
      claimId,
      first.catch(() => undefined).then(() => this.claimFromAny(wish)),
    )
  }

  private async underWay(claimId: string, reply: Promise<Reply<InPartition>>): Promise<Reply<InPartition>> {
    this.claiming.set(claimId, reply)
    try {
      return await reply
    } finally {
      if (this.claiming.get(claimId) === reply) this.claiming.delete(claimId)
    }
  }

  /** The partition itself waits, and knows the claims that it answered; unless a resize opens others meanwhile. */
  private async claimFromOne(wish: ClaimWish): Promise<Reply<InPartition>> {
    const { engine } = this
    const untilTick = engine.tickMs() + wish.waitMs
    const isAlone = (): boolean => engine.partitions.length === 1
    const claim = this.claimInPartition(0, { ...wish, cancelled: () => wish.cancelled() || !isAlone() })
    const reply = await (wish.claimId === undefined ? claim : this.underWay(wish.claimId, claim))
    if (isAlone() || isAnswer(reply)) return reply
    return this.claim({ ...wish, waitMs: Math.max(0, untilTick - engine.tickMs()) })
  }

  private async claimInPartition(partition: number, wish: ClaimWish): Promise<Reply<InPartition>> {
    const reply = await this.engine.claimFrom(partition, wish)
    return isLeft(reply) ? reply : inPartition(reply.right, partition)
  }

  private async claimFromAny(wish: ClaimWish): Promise<Reply<InPartition>> {
    const untilTick = this.engine.tickMs() + wish.waitMs
    for (;;) {
      // In each round: a partition that was being opened may turn out to know the claim, and has no more for it.
      const known = wish.claimId === undefined ? undefined : await this.partitionOfClaim(wish.claimId)
      if (known !== undefined) return this.claimInPartition(known, wish)
      const partitions = await this.inTurn()
      const { changes } = this.engine.layouts
      const reply = await this.claimOnce(partitions, wish)
      const leftMs = untilTick - this.engine.tickMs()
      if (leftMs <= 0 || wish.cancelled()) return reply
      if (isAnswer(reply) && !(isLeft(reply) && reply.left.kind !== 'unknown')) return reply
      await this.untilReady(partitions, wish, leftMs, () => this.engine.layouts.changes !== changes)
    }
  }

  private async inTurn(): Promise<ReadonlyArray<number>> {
    const turn = ++this.turn
    const { draining, active } = await this.engine.layouts.claimed()
    const rotated = (numbers: ReadonlyArray<number>): ReadonlyArray<number> => {
      const from = numbers.length === 0 ? 0 : turn % numbers.length
      return [...numbers.slice(from), ...numbers.slice(0, from)]
    }
    const [first, second] = turn % ACTIVE_FIRST_EVERY === 0 ? [active, draining] : [draining, active]
    return [...rotated(first), ...rotated(second)]
  }

  /** Asks each partition once; the first that has something is the answer. */
  private async claimOnce(partitions: ReadonlyArray<number>, wish: ClaimWish): Promise<Reply<InPartition>> {
    let inDoubtWaiting = false
    let failure: Failure | undefined
    let last: Answered<Claimed> | undefined
    for (const partition of partitions) {
      const reply = await this.engine.claimFrom(partition, { ...wish, waitMs: 0 })
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

  /** Resolves when one of the partitions has something, or there are others; the rest stop waiting then. */
  private async untilReady(
    partitions: ReadonlyArray<number>,
    wish: ClaimWish,
    waitMs: number,
    areOthers: () => boolean,
  ): Promise<void> {
    const { engine } = this
    let over = false
    const cancelled = (): boolean => over || areOthers() || wish.cancelled()
    const pauseMs = Math.min(waitMs, UNAVAILABLE_PAUSE_MS)
    const waiting = partitions.map(async (partition) => {
      const empty = { ...wish, claimId: undefined, max: () => 0, waitMs, cancelled }
      // A partition that is being opened answers at once: asking it again and again would burn a processor.
      if (isLeft(await engine.claimFrom(partition, empty))) await engine.pause(pauseMs)
    })
    await Promise.race(engine.layouts.isHeldBack ? [...waiting, engine.pause(pauseMs)] : waiting)
    over = true
    engine.claimsChanged()
  }

  /** Where the messages of this claim came from (R28); they come from one partition. */
  private async partitionOfClaim(claimId: string): Promise<number | undefined> {
    const replies = await Promise.all(
      this.engine.partitions.map((_, number) =>
        this.engine.look(number, (state) => state.claimIds.find(claimId) !== undefined),
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
    if (!(await this.engine.layouts.mayClaimFrom(partition)))
      return refused({ type: 'MessageNotClaimable', now: 'Waiting' })
    return this.claimInPartition(partition, { ...wish, ordinal })
  }
}
