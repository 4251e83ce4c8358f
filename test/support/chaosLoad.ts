// Clients of a chaos run: they enqueue, claim, settle and operate over HTTP, all at once and each by its own draw, until they are
// told that it is over. Every answer is kept, and calls without one are repeated in the next cycle.
import { LedgerqError, RefusedError, UnknownOutcomeError } from '../../src/api/errors.js'
import type { EnqueueOptions, Ledger, Queue, SettlementRequest } from '../../src/api/types/index.js'
import { jobOf } from './chaosMix.js'
import { type Claim, given, type Records, type Told } from './chaosRecords.js'
import type { Dice } from './simulationSwarm.js'

type Unanswered =
  | Readonly<{ kind: 'enqueue'; payload: unknown; options: EnqueueOptions }>
  | Readonly<{ kind: 'claim'; claimId: string; worker: string }>

const BIG_PAYLOAD = 'x'.repeat(300_000)
const PAUSE_MS = 5

/** What a call's end says. A lost connection of a call that may be repeated is told as unavailable: it may have been heard. */
export const toldOf = (error: unknown): Told => {
  if (error instanceof UnknownOutcomeError) return 'unknown'
  if (!(error instanceof LedgerqError)) throw error
  return error.code === 'unavailable' && error.message.startsWith('the connection') ? 'unknown' : 'definite'
}

type Wishes = Pick<EnqueueOptions, 'delayMs' | 'dedupKey' | 'dedupMode' | 'group' | 'tenant' | 'ttlMs'> &
  Readonly<{ priority: number }>

const wishes = (dice: Dice): Wishes => {
  const dedupKey = dice.chance(0.1) ? { dedupKey: `key-${Math.floor(dice.random() * 200)}` } : undefined
  return {
    priority: dice.pick([0, 0, 0, 5, -5] as const),
    delayMs: dice.pick([0, 0, 0, 0, 30, 400]),
    ...(dice.chance(0.1) ? { ttlMs: dice.pick([50, 800]) } : {}),
    ...(dice.chance(0.15) ? { group: `group-${Math.floor(dice.random() * 40)}` } : {}),
    ...(dice.chance(0.3) ? { tenant: dice.pick(['t1', 't2', 't3']) } : {}),
    ...dedupKey,
    ...(dedupKey !== undefined && dice.chance(0.3)
      ? { dedupMode: dice.pick(['replace', 'debounce'] as const) }
      : {}),
  }
}

const settlement = (dice: Dice, leaseToken: string): SettlementRequest => {
  const what = dice.random()
  if (what < 0.7) return { leaseToken, outcome: 'ack' }
  if (what < 0.8) return { leaseToken, outcome: 'release', delayMs: dice.pick([0, 20]) }
  if (what < 0.85) return { leaseToken, outcome: 'extend', leaseMs: 600 }
  const failure = { type: dice.pick(['UNKNOWN', 'NETWORK', 'TIMEOUT']), message: 'as drawn' }
  return { leaseToken, outcome: 'fail', failure, ...(dice.chance(0.1) ? { retryable: false } : {}) }
}

export class Load {
  /** Settled, one way or another, over all cycles. */
  answered = 0
  unknownAnswers: string[] = []
  isOver = true
  private unanswered: Unanswered[] = []
  private readonly ids: string[] = []
  private readonly held: Array<Readonly<{ queue: Queue<unknown>; token: string }>> = []

  constructor(
    private readonly ledger: Ledger & { knownQueue: (name: string) => Queue<unknown> },
    private readonly records: Records,
  ) {}

  /** Resolves when all of them have stopped, after `isOver` was set. */
  async run(
    dice: Dice,
    mix: Readonly<{ producers: number; claimers: number; operates: boolean }>,
  ): Promise<void> {
    this.isOver = false
    const repeats = this.unanswered.splice(0).map((call) => this.repeat(call))
    const producers = Array.from({ length: mix.producers }, () => this.loop(() => this.enqueue(dice)))
    const claimers = Array.from({ length: mix.claimers }, () => this.loop(() => this.claim(dice)))
    const operators = mix.operates ? [this.loop(() => this.operate(dice), 4 * PAUSE_MS)] : []
    await Promise.all([...repeats, ...producers, ...claimers, ...operators])
  }

  private async loop(once: () => Promise<Told>, pauseMs = 0): Promise<void> {
    while (!this.isOver) {
      const told = await once()
      this.answered += 1
      this.records.saw(`told ${told}`)
      const restMs = told === 'ok' ? pauseMs : PAUSE_MS
      if (restMs > 0) await new Promise((turn) => setTimeout(turn, restMs))
    }
  }

  private heard(what: string, error: unknown): Told {
    const told = toldOf(error)
    if (told === 'unknown') this.unknownAnswers.push(`${what}: ${(error as Error).message}`)
    if (error instanceof RefusedError) this.records.saw(`refused: ${error.code}`)
    return told
  }

  private async enqueue(dice: Dice): Promise<Told> {
    if (dice.chance(0.01)) return this.enqueueBig()
    if (dice.chance(0.3)) return this.enqueueJob(dice)
    const many = dice.chance(0.2) ? dice.pick([2, 5, 20]) : 1
    const items = Array.from({ length: many }, () => {
      const n = this.records.number()
      const wished = wishes(dice)
      if (many > 1) return { payload: { n }, ...wished }
      if (dice.chance(0.3)) return { payload: { n }, ...wished, idempotencyKey: `key-${n}` }
      const isNamed = n % 3 === 0 && wished.dedupKey === undefined
      return { payload: { n }, ...wished, ...(isNamed ? { id: `own-${n}` } : {}) }
    })
    const asked = items.map(
      ({ payload, delayMs: _delayMs, ttlMs: _ttlMs, group: _group, tenant: _tenant, ...rest }) => ({
        ...rest,
        payload: JSON.stringify(payload),
      }),
    )
    const call = this.records.enqueue('work', ...asked)
    const queue = this.ledger.knownQueue('work')
    try {
      if (many === 1) {
        const [{ payload, ...options } = { payload: undefined }] = items
        call.results = [await this.once(queue, payload, options)]
      } else {
        const results = await queue.enqueueBatch(items)
        const failed = results.find((result) => 'error' in result)
        if (failed !== undefined && 'error' in failed) {
          this.records.saw(`refused: ${failed.error.code}`)
          call.told = failed.error.unknown ? 'unknown' : 'definite'
          return call.told
        }
        call.results = results.flatMap((result) => ('error' in result ? [] : [result]))
      }
      call.told = 'ok'
      this.ids.push(...call.results.map(({ id }) => id))
    } catch (error) {
      call.told = this.heard('enqueue', error)
    }
    return call.told
  }

  private async once(queue: Queue<unknown>, payload: unknown, options: EnqueueOptions) {
    try {
      return await queue.enqueue(payload, options)
    } catch (error) {
      const isUnknown = toldOf(error) === 'unknown'
      if (options.idempotencyKey !== undefined && options.dedupKey === undefined && isUnknown)
        this.unanswered.push({ kind: 'enqueue', payload, options })
      // At once, while the first may still be on its way (R35); those with a key are asked for again much later.
      if (options.id !== undefined && isUnknown) await this.repeat({ kind: 'enqueue', payload, options })
      throw error
    }
  }

  private async enqueueJob(dice: Dice): Promise<Told> {
    const job = jobOf(dice, this.records.number())
    // Poison would end the workers of other cycles, too: it is the library's own to enqueue it.
    const payload = job.outcome === 'poison' ? { ...job, outcome: 'ack' } : job
    const call = this.records.enqueue('jobs', { payload: JSON.stringify(payload) })
    try {
      call.results = [await this.ledger.knownQueue('jobs').enqueue(payload)]
      call.told = 'ok'
    } catch (error) {
      call.told = this.heard('enqueue', error)
    }
    return call.told
  }

  private async enqueueBig(): Promise<Told> {
    const big = { id: `big-${this.records.number()}`, told: 'unknown' as Told }
    this.records.bigs.push(big)
    try {
      await this.ledger.knownQueue('big').enqueue({ text: BIG_PAYLOAD }, { id: big.id })
      big.told = 'ok'
    } catch (error) {
      big.told = this.heard('enqueue', error)
    }
    return big.told
  }

  private async claim(dice: Dice): Promise<Told> {
    const name = dice.chance(0.05) ? 'big' : dice.chance(0.05) ? 'after' : 'work'
    const n = this.records.number()
    const asked = {
      max: dice.pick([1, 5, 20]),
      waitMs: dice.pick([0, 0, 40]),
      worker: `claimer-${n}`,
      ...(dice.chance(0.7) ? { claimId: `claim-${n}` } : {}),
    }
    const call = this.records.claim(name, asked.worker, false)
    const queue = this.ledger.knownQueue(name)
    try {
      const messages = await queue.claim(asked)
      call.told = 'ok'
      if (dice.chance(0.3)) await this.settleLate(dice)
      await this.handed(dice, queue, call, messages)
    } catch (error) {
      if (call.told === 'ok') return this.heard('settle', error)
      // One that waited was asked for more than once, and only the last answer is known.
      call.told = asked.waitMs > 0 ? 'unknown' : this.heard('claim', error)
      if (call.told === 'unknown' && asked.claimId !== undefined && name === 'work')
        this.unanswered.push({ kind: 'claim', claimId: asked.claimId, worker: asked.worker })
    }
    return call.told
  }

  private async handed(
    dice: Dice,
    queue: Queue<unknown>,
    call: Claim,
    messages: Awaited<ReturnType<Queue<unknown>['claim']>>,
  ): Promise<void> {
    for (const { leaseToken, payload } of messages) {
      if (queue.name !== 'big') call.given = [...call.given, given(leaseToken, payload)]
      else if ((payload as { text: string }).text !== BIG_PAYLOAD)
        this.records.saw('a large payload came back otherwise')
    }
    const tokens = messages.map(({ leaseToken }) => leaseToken)
    // Some are settled much later, when the lease may have run out and the message may be somebody else's.
    if (dice.chance(0.15)) this.held.push(...tokens.map((token) => ({ queue, token })))
    else await this.settleAll(dice, queue, tokens)
  }

  private async settleLate(dice: Dice): Promise<void> {
    const [one] = this.held.splice(Math.floor(dice.random() * this.held.length), 1)
    if (one !== undefined && dice.chance(0.7)) await this.settleAll(dice, one.queue, [one.token])
  }

  private async settleAll(dice: Dice, queue: Queue<unknown>, tokens: ReadonlyArray<string>): Promise<void> {
    if (tokens.length === 0) return
    const results = await this.settle(
      queue,
      tokens.map((token) => settlement(dice, token)),
    )
    for (const result of results)
      if (!result.ok)
        this.records.saw(
          result.code === 'lease_not_held' ? 'late settlement refused' : `refused: ${result.code}`,
        )
  }

  private async settle(queue: Queue<unknown>, settlements: ReadonlyArray<SettlementRequest>) {
    const calls = settlements.map((request) => {
      const { leaseToken, outcome } = request
      if (outcome === 'release') return this.records.settle(leaseToken, { outcome, delayMs: request.delayMs })
      if (outcome !== 'fail') return this.records.settle(leaseToken, { outcome })
      const { failure, retryable = true, delayMs } = request
      return this.records.settle(leaseToken, { outcome, failureType: failure?.type, retryable, delayMs })
    })
    try {
      const results = await queue.settle(settlements)
      results.forEach((result, index) => {
        const call = calls[index]
        if (call === undefined) return
        const isUnknown = !result.ok && result.code === 'unknown_outcome'
        call.told = isUnknown ? 'unknown' : 'ok'
        call.accepted = result.ok
        if (isUnknown) this.unknownAnswers.push('settle')
      })
      return results
    } catch (error) {
      const told = toldOf(error)
      for (const call of calls) call.told = told
      throw error
    }
  }

  /** What an operator does, by id. */
  private async byId(
    command: 'cancel' | 'redrive' | 'purge',
    id: string,
    ask: () => Promise<unknown>,
  ): Promise<Told> {
    const call = this.records.operate('work', id, command)
    try {
      const done = (await ask()) as { redriven?: number } | undefined
      Object.assign(call, { told: 'ok', accepted: done?.redriven !== 0 })
    } catch (error) {
      call.told = this.heard(command, error)
    }
    return call.told
  }

  private async operate(dice: Dice): Promise<Told> {
    const queue = this.ledger.knownQueue('work')
    const id = dice.pick(this.ids.filter((one) => one.startsWith('work.')).slice(-200)) ?? 'work.0.1'
    const what = dice.random()
    try {
      if (what < 0.3) return await this.byId('cancel', id, () => queue.cancel(id))
      if (what < 0.5) return await this.edit(dice, queue, id)
      if (what < 0.7) return await this.deadLetters(dice, queue)
      if (what < 0.8) {
        await queue.pause()
        await queue.resume()
      } else if (what < 0.85) {
        return await this.clear(queue, `group-${Math.floor(dice.random() * 40)}`)
      } else if (what < 0.95) {
        await queue.configure({
          maxSize: dice.pick([60, 100_000, 100_000]),
          order: dice.pick(['priority', 'fifo']),
        })
      } else {
        await this.ledger.knownQueue('ticks').schedule({
          name: dice.pick(['a', 'b']),
          everyMs: dice.pick([1_000, 2_000]),
          payload: { tick: 1 },
          missed: { kind: 'all', atMost: 5 },
        })
      }
      return 'ok'
    } catch (error) {
      return this.heard('operate', error)
    }
  }

  private async edit(dice: Dice, queue: Queue<unknown>, id: string): Promise<Told> {
    const call = this.records.edit('work', id, {
      payload: { n: this.records.number() },
      priority: dice.pick([0, 5]),
    })
    try {
      await queue.edit(id, call.changes, { who: call.who })
      call.told = 'ok'
    } catch (error) {
      call.told = this.heard('edit', error)
    }
    return call.told
  }

  private async clear(queue: Queue<unknown>, group: string): Promise<Told> {
    const call = this.records.clear('work', { group })
    try {
      call.done = (await queue.clear({ ...call.selection, by: { who: call.who } })).purged
      call.told = 'ok'
    } catch (error) {
      call.told = this.heard('clear', error)
    }
    return call.told
  }

  private async deadLetters(dice: Dice, queue: Queue<unknown>): Promise<Told> {
    const { messages } = await queue.deadLetters({ limit: 5 })
    for (const { id } of messages) {
      if (!id.startsWith('work.')) continue
      const told = dice.chance(0.7)
        ? await this.byId('redrive', id, () => queue.redrive({ ids: [id] }))
        : await this.byId('purge', id, () => queue.discard(id))
      if (told !== 'ok') return told
    }
    return 'ok'
  }

  private async repeat(call: Unanswered): Promise<void> {
    const queue = this.ledger.knownQueue('work')
    if (call.kind === 'enqueue') {
      const repeat = {
        payload: JSON.stringify(call.payload),
        callerId: call.options.id,
        told: 'unknown' as Told,
        id: undefined as string | undefined,
      }
      this.records.repeats.push(repeat)
      try {
        const { id, duplicate } = await queue.enqueue(call.payload, call.options)
        Object.assign(repeat, { told: 'ok', id })
        this.records.saw(duplicate ? 'repeated enqueue: it was there' : 'repeated enqueue: it was not there')
      } catch (error) {
        repeat.told = toldOf(error)
        if (repeat.told === 'unknown') this.unanswered.push(call)
      }
      return
    }
    const claim = this.records.claim('work', call.worker, true)
    try {
      const messages = await queue.claim({ worker: call.worker, claimId: call.claimId, max: 20 })
      claim.told = 'ok'
      claim.given = messages.map(({ leaseToken, payload }) => given(leaseToken, payload))
      if (messages.length > 0) this.records.saw('repeated claim: the same messages again')
    } catch (error) {
      claim.told = toldOf(error)
      if (claim.told === 'unknown') this.unanswered.push(call)
    }
  }
}
