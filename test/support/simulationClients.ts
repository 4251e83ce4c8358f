// What clients and workers ask of the nodes of a simulated run, and what they were told: kept for the checkers. An answer may
// get lost on its way; a client that was told nothing, or "unknown", may ask again, at another node.
import { left } from 'fp-ts/lib/Either.js'
import { inBlob } from '../../src/api/blobs.js'
import { UnavailableError } from '../../src/api/errors.js'
import { withDedup } from '../../src/door/contentKey.js'
import { belongsInBlob } from '../../src/engine/blobPayloads.js'
import { answered, type Reply } from '../../src/engine/replies.js'
import type { Delivery, Enqueued, NewMessage, Settlement } from '../../src/engine/requests.js'
import { isFailure } from '../../src/engine/routing.js'
import { ANYWHERE, type Calls, type EnqueueCall, type Told } from './checkersCalls.js'
import { ack, extend, fail, release } from './ledger.js'
import type { SimulationNode } from './simulationNode.js'
import type { Dice, Swarm } from './simulationSwarm.js'

type Held = Readonly<{ partition: number; delivery: Delivery }>
/** Enqueues whose messages carry a key, so that they may be asked for again. */
type Repeatable = Readonly<{ partition: number; messages: ReadonlyArray<Asked>; call: EnqueueCall }>
type Asked = NewMessage & Readonly<{ byContent: boolean }>

export type Diary = Readonly<{
  calls: Calls
  /** What was asked, in order. */
  note: (text: string) => void
  saw: (what: string) => void
}>

export const newCalls = (): Calls => ({
  enqueues: [],
  claims: [],
  settles: [],
  operates: [],
  edits: [],
  sweeps: [],
  reruns: [],
  histories: [],
})

export class Clients {
  private readonly held: Held[] = []
  private readonly claimIds: Array<{ claimId: string; worker: string }> = []
  private readonly repeatable: Repeatable[] = []
  private payloads = 0
  private workers = 0

  constructor(
    private readonly swarm: Swarm,
    private readonly diary: Diary,
  ) {}

  enqueue(dice: Dice, node: SimulationNode): void {
    if (this.repeatable.length > 0 && dice.chance(0.1)) return this.enqueueAgain(dice, node)
    const asked = Array.from({ length: dice.pick([1, 1, 3]) }, () =>
      throughDoor(this.swarm.message(dice, ++this.payloads), node),
    )
    if (this.swarm.resizes) return this.sendRouted(dice, node, asked)
    const byPartition = new Map<number, Asked[]>()
    for (const message of asked) {
      const partition = node.engine.route(message)
      byPartition.set(partition, [...(byPartition.get(partition) ?? []), message])
    }
    for (const [partition, messages] of byPartition) this.send(dice, node, partition, messages)
  }

  private send(
    dice: Dice,
    node: SimulationNode,
    partition: number,
    messages: ReadonlyArray<Asked>,
    repeats = false,
  ): void {
    const { calls, note } = this.diary
    note(`${node.name}: enqueue ${messages.map(({ payload }) => payload).join(' ')} in ${partition}`)
    const call: EnqueueCall = { told: 'unknown', by: node.name, partition, messages, repeats, results: [] }
    calls.enqueues.push(call)
    const isKeyed = messages.every((one) => one.dedupMode === undefined && isKnownAgain(one))
    if (isKeyed && !repeats) this.repeatable.push({ partition, messages, call })
    const sent = messages.map(({ byContent: _, ...message }) => message)
    this.answer(dice, enqueued(node, partition, sent), call, (results) => {
      call.results = results
      if (results.some(({ duplicate }, n) => duplicate && messages[n]?.byContent === true))
        this.diary.saw('told that the same content is there')
    })
  }

  /** Wherever each of them belongs by now: who asks knows nothing of resizes. */
  private sendRouted(
    dice: Dice,
    node: SimulationNode,
    messages: ReadonlyArray<Asked>,
    repeats = false,
  ): void {
    const { calls, note, saw } = this.diary
    note(`${node.name}: enqueue ${messages.map(({ payload }) => payload).join(' ')}`)
    const isPart = messages.length > 1
    const routed = routedFrom(node, messages)
    messages.forEach((message, n) => {
      const asked = { by: node.name, partition: ANYWHERE, messages: [message], repeats, isPart }
      const call: EnqueueCall = { ...asked, told: 'unknown', results: [] }
      calls.enqueues.push(call)
      if (message.dedupMode === undefined && isKnownAgain(message) && !repeats)
        this.repeatable.push({ partition: ANYWHERE, messages: [message], call })
      const reply = routed.then((answers) => answers[n] ?? left(UNHEARD))
      this.answer(dice, reply, call, (result) => {
        call.results = [result]
        if (result.duplicate && message.byContent) saw('told that the same content is there')
      })
    })
  }

  /** Safe for whoever does not know what became of the first: the key says that it is the same. */
  private enqueueAgain(dice: Dice, node: SimulationNode): void {
    const open = this.repeatable.filter(({ call }) => call.told === 'unknown')
    if (open.length === 0) return
    const { partition, messages } = dice.pick(open)
    this.diary.saw('asked again')
    if (partition === ANYWHERE) return this.sendRouted(dice, node, messages, true)
    this.send(dice, node, partition, messages, true)
  }

  /** `isQuick`: each message is told of in the turn in which it comes. `atLeast`: so many are asked for. */
  claim(dice: Dice, node: SimulationNode, isQuick = false, atLeast = 1): void {
    const again = this.claimIds.length > 0 && dice.chance(0.3) ? dice.pick(this.claimIds) : undefined
    const number = ++this.workers
    const isLocal = dice.chance(0.5)
    const worker = again?.worker ?? (isLocal ? `local:${node.incarnation}:${number}` : `w${number}`)
    const claimId = again?.claimId ?? (dice.chance(0.4) ? `c${number}` : undefined)
    if (again === undefined && claimId !== undefined) this.claimIds.push({ claimId, worker })
    this.diary.note(`${node.name}: claim ${worker} ${claimId ?? ''}`)
    const { claims } = this.diary.calls
    const call: Calls['claims'][number] = { told: 'unknown', worker, repeats: again !== undefined, given: [] }
    claims.push(call)
    // A repeat shares the name of the first, so what the first did is no proof against the repeat, nor the other way.
    if (again !== undefined) for (const other of claims) if (other.worker === worker) other.repeats = true
    const max = Math.max(atLeast, dice.pick([1, 1, 3]))
    const wish = {
      worker,
      claimId,
      max: () => max,
      waitMs: dice.pick([0, 0, 200]),
      leaseMs: dice.pick([100, 5_000]),
      mayRunInDoubt: dice.chance(0.7),
      cancelled: () => false,
    }
    this.answer(dice, node.engine.claim(wish), call, ({ deliveries, partition }) => {
      call.given = deliveries.map(({ ordinal, fence, enqueued }) => ({
        partition,
        ordinal,
        fence,
        payload: enqueued.payload,
      }))
      for (const delivery of deliveries) this.held.push({ partition, delivery })
      if (isQuick) for (const delivery of deliveries) this.settleOne(dice, node, { partition, delivery })
    })
  }

  settle(dice: Dice, node: SimulationNode): void {
    if (this.held.length === 0) return
    // Mostly the latest ones, sometimes one that was settled or lost long ago.
    this.settleOne(dice, node, dice.pick(dice.chance(0.7) ? this.held.slice(-5) : this.held))
  }

  private settleOne(dice: Dice, node: SimulationNode, { partition, delivery }: Held): void {
    // A process that has not got so far with a resize knows no such token.
    if (partition >= node.engine.partitions.length) return
    const settlement = this.settlementOf(dice, delivery)
    const { ordinal, fence } = delivery
    this.diary.note(`${node.name}: ${settlement.outcome} ${ordinal}/${fence} in ${partition}`)
    const call: Calls['settles'][number] = {
      told: 'unknown',
      partition,
      ordinal,
      fence,
      outcome: settlement.outcome,
      retryable: settlement.outcome !== 'fail' || settlement.retryable,
      failureType: settlement.outcome === 'fail' ? settlement.failureType : undefined,
      delayMs: 'delayMs' in settlement ? settlement.delayMs : undefined,
      accepted: false,
    }
    this.diary.calls.settles.push(call)
    this.answer(dice, node.engine.settle(partition, [settlement]), call, ([result]) => {
      call.accepted = result?._tag === 'Right'
      if (result?._tag === 'Left' && result.left.type === 'LeaseLimitReached')
        this.diary.saw('told LeaseLimitReached')
      else if (!call.accepted) this.diary.saw('late settlement refused')
    })
  }

  private settlementOf(dice: Dice, delivery: Delivery): Settlement {
    const { swarm } = this
    switch (swarm.outcome(dice)) {
      case 'ack':
        return ack(delivery, dice.chance(0.3) ? '"done"' : undefined)
      case 'fail':
        return fail(delivery, { failureType: swarm.failureType(dice), retryable: !dice.chance(0.1) })
      case 'release':
        return release(delivery, dice.pick([0, 50]))
      default:
        return extend(delivery, dice.pick([100, 5_000]))
    }
  }

  answer<A>(dice: Dice, reply: Promise<Reply<A>>, call: { told: Told }, accept: (value: A) => void): void {
    const isLost = dice.chance(this.swarm.lossRate)
    reply.then((answer) => {
      if (isLost) return this.diary.saw('an answer gets lost')
      if (answer._tag === 'Right') {
        call.told = 'ok'
        accept(answer.right.value)
        return
      }
      const { left: failure } = answer
      call.told = failure.kind === 'unknown' ? 'unknown' : 'definite'
      this.diary.saw(failure.kind === 'refused' ? `told ${failure.refusal.type}` : `told ${failure.kind}`)
    })
  }
}

const UNHEARD = { kind: 'unknown', reason: 'nothing was answered' } as const

const routedFrom = async (
  { engine, blobs }: SimulationNode,
  messages: ReadonlyArray<Asked>,
): Promise<ReadonlyArray<Reply<Enqueued>>> => {
  const sent: NewMessage[] = []
  try {
    for (const { byContent: _, ...one } of messages)
      sent.push(blobs !== undefined && belongsInBlob(blobs, one) ? await inBlob(blobs, one) : one)
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error
    return messages.map(() => left({ kind: 'unavailable', reason: error.message }))
  }
  const routed = await engine.enqueueRouted(sent)
  return routed.map((one) => (isFailure(one) ? left(one) : answered(one, -1, -1)))
}

/** Large payloads go beside the log first (A12). */
const enqueued = (
  { engine, blobs }: SimulationNode,
  partition: number,
  messages: ReadonlyArray<NewMessage>,
): Promise<Reply<ReadonlyArray<Enqueued>>> => {
  if (blobs === undefined || !messages.some((one) => belongsInBlob(blobs, one)))
    return engine.enqueue(partition, messages) as Promise<Reply<ReadonlyArray<Enqueued>>>
  const putAll = async (): Promise<Reply<ReadonlyArray<Enqueued>>> => {
    const sent: NewMessage[] = []
    for (const one of messages) sent.push(belongsInBlob(blobs, one) ? await inBlob(blobs, one) : one)
    return engine.enqueue(partition, sent) as Promise<Reply<ReadonlyArray<Enqueued>>>
  }
  return putAll().catch((error: unknown): Reply<never> => {
    if (!(error instanceof UnavailableError)) throw error
    return left({ kind: 'unavailable', reason: error.message })
  })
}

/** As it gets to the engine: by content, its key is made at the door. */
const throughDoor = (message: NewMessage, { engine }: SimulationNode): Asked => {
  const keyed = withDedup(message, engine.control.config.dedup)
  return { ...keyed, byContent: keyed !== message }
}

const isKnownAgain = ({ callerId, attributes }: NewMessage): boolean =>
  callerId !== undefined || attributes?.dedupKey !== undefined || attributes?.idempotencyKey !== undefined
