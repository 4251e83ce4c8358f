// What must be true of a log, whatever happened. Reads only the recorded batches and what clients were told, and shares no
// code with the core: a second, naive telling of the same story. Each broken rule is a sentence with its revision.
import type { LedgerEvent, RecordedBatch } from '../../domain/batch.js'
import type { Limits } from '../../domain/queue/index.js'

export type Told = 'ok' | 'definite' | 'unknown'

export type EnqueueCall = {
  told: Told
  messages: ReadonlyArray<{ payload: string; callerId?: string; dedupKey?: string; idempotencyKey?: string }>
  results: ReadonlyArray<{ id: string; duplicate: boolean }>
}
export type ClaimCall = {
  told: Told
  worker: string
  repeats: boolean
  given: ReadonlyArray<{ ordinal: number; fence: number; payload: string }>
}
export type SettleCall = { told: Told; ordinal: number; fence: number; outcome: string; accepted: boolean }
export type OperateCall = { told: Told; ordinal: number; command: string; accepted: boolean }
export type Calls = {
  enqueues: EnqueueCall[]
  claims: ClaimCall[]
  settles: SettleCall[]
  operates: OperateCall[]
}

export type Rules = Readonly<{ retriesMax: (failureType: string) => number }>

type Live = {
  ordinal: number
  payload: string
  callerId: string | undefined
  group: string | undefined
  priority: number
  situation: 'waiting' | 'leased' | 'dead'
  dueAt: number
  expiresAt: number
  fence: number
  attempts: number
  inDoubt: boolean
  failureType: string | undefined
  /** An attempt failed, and what follows was not said yet. */
  undecided: boolean
}

const SETTLED_BY: Record<string, LedgerEvent['type']> = {
  ack: 'AttemptSucceeded',
  fail: 'AttemptFailed',
  release: 'AttemptReleased',
  extend: 'LeaseExtended',
  cancel: 'MessageCancelled',
  redrive: 'MessageRedriven',
  purge: 'MessagePurged',
}

/** The log told again, event by event. */
class Story {
  readonly broken: string[] = []
  readonly live = new Map<number, Live>()
  readonly byPayload = new Map<string, number[]>()
  readonly ids = new Map<number, string | undefined>()
  readonly starts = new Map<string, LedgerEvent>()
  readonly happened = new Set<string>()
  readonly workers = new Set<string>()
  private readonly keys = new Map<string, number>()
  private readonly finishedIds = new Map<string, number>()
  private lastFence = 0
  private epoch = 0
  private at = 0
  private revision = 0
  private paused = false
  private maxSize = Number.POSITIVE_INFINITY
  private limits: Limits = {}
  private readonly startedAt: number[] = []
  private windowMs = 0

  constructor(private readonly rules: Rules) {}

  tell(batches: ReadonlyArray<RecordedBatch>): void {
    const batchIds = new Set<string>()
    for (const batch of batches) {
      // 8: revisions without gaps, time that does not go back, epochs that rise, batches named once.
      this.must(batch.firstRevision === this.revision, 'the revision follows')
      this.must(batch.at >= this.at, `8 recorded time ${batch.at} is not before ${this.at}`)
      this.must(!batchIds.has(batch.batchId), `8 batch ${batch.batchId} is there once`)
      batchIds.add(batch.batchId)
      this.at = batch.at
      for (const event of batch.events) {
        this.take(event)
        this.must(batch.epoch === this.epoch, `8 an event of epoch ${batch.epoch} in ${this.epoch}`)
        this.revision++
      }
      for (const one of this.live.values())
        this.must(!one.undecided, '7 a failure and its follow-up are one batch')
    }
  }

  must(holds: boolean, rule: string): void {
    if (!holds) this.broken.push(`revision ${this.revision}: ${rule}`)
  }

  private take(event: LedgerEvent): void {
    if ('ordinal' in event) {
      const fence = 'fence' in event ? event.fence : 0
      const reported = event.type !== 'AttemptFailed' || event.ended === 'reported'
      // Cancelling a running message is a wish first, and is asked for in the same way.
      if (event.type === 'CancelRequested') this.happened.add(`MessageCancelled/${event.ordinal}/0`)
      else if (reported) this.happened.add(`${event.type}/${event.ordinal}/${fence}`)
    }
    switch (event.type) {
      case 'PartitionOpened':
        this.must(event.epoch > this.epoch, `8 epoch ${event.epoch} after ${this.epoch}`)
        this.epoch = event.epoch
        return
      case 'ConfigAdopted':
        this.paused = event.paused
        this.maxSize = event.config.maxSize
        this.limits = event.config.limits
        this.windowMs = event.config.dedupWindowMs
        return
      case 'CapacityReached':
        this.must(this.live.size >= event.maxSize, '9 it is full when it says so')
        return
      case 'MessageEnqueued':
        return this.enqueued(event)
      case 'AttemptStarted':
        return this.started(event)
      case 'LeaseExtended':
      case 'CancelRequested':
        this.leased(event)
        return
      case 'AttemptSucceeded':
        this.leased(event)
        return this.gone(event.ordinal)
      case 'AttemptFailed': {
        const one = this.leased(event)
        if (one === undefined) return
        this.waits(one, 0)
        one.inDoubt = event.ended === 'workerLost'
        one.failureType = event.failureType
        one.undecided = true
        return
      }
      case 'AttemptReleased': {
        const one = this.leased(event)
        if (one === undefined) return
        one.attempts--
        this.waits(one, event.notBefore)
        return
      }
      case 'RetryScheduled':
      case 'MessageDeadLettered':
        return this.followUp(event)
      case 'MessageRedriven': {
        const one = this.in(event.ordinal, 'dead', event.type)
        if (one === undefined) return
        this.waits(one, 0)
        one.attempts = 0
        one.expiresAt = 0
        one.inDoubt = false
        return
      }
      case 'MessageCancelled': {
        const one = this.in(event.ordinal, 'waiting', event.type)
        // Of a running message somebody wanted stopped: the end of the attempt cancels it.
        if (one !== undefined) one.undecided = false
        return this.gone(event.ordinal)
      }
      case 'MessageExpired': {
        const one = this.in(event.ordinal, 'waiting', event.type)
        this.must(one !== undefined && one.expiresAt !== 0 && one.expiresAt <= this.at, '3 no early expiry')
        return this.gone(event.ordinal)
      }
      case 'MessagePurged': {
        const isWaiting = this.live.get(event.ordinal)?.situation === 'waiting'
        this.in(event.ordinal, isWaiting ? 'waiting' : 'dead', event.type)
        return this.gone(event.ordinal)
      }
      default:
        this.must(false, `${event.type} has no place in a partition`)
    }
  }

  private enqueued(event: Extract<LedgerEvent, { type: 'MessageEnqueued' }>): void {
    const { ordinal, callerId, attributes, payload } = event
    const { group, dedupKey, idempotencyKey } = attributes ?? {}
    // 6: one message for each key within the window, and for each caller's id while it lives and a window longer.
    for (const [kind, key] of [
      ['d', dedupKey],
      ['i', idempotencyKey],
    ] as const) {
      if (key === undefined) continue
      const before = this.keys.get(kind + key)
      this.must(before === undefined || before + this.windowMs <= this.at, `6 key ${key} twice in its window`)
      this.keys.set(kind + key, this.at)
    }
    if (callerId !== undefined) {
      const alive = [...this.live.values()].some((one) => one.callerId === callerId)
      const finishedAt = this.finishedIds.get(callerId)
      const remembered = finishedAt !== undefined && finishedAt + this.windowMs > this.at
      this.must(!alive && !remembered, `6 caller's id ${callerId} twice`)
    }
    this.live.set(ordinal, {
      ordinal,
      payload,
      callerId,
      group,
      priority: event.priority,
      situation: 'waiting',
      dueAt: event.notBefore,
      expiresAt: event.expiresAt,
      fence: 0,
      attempts: 0,
      inDoubt: false,
      failureType: undefined,
      undecided: false,
    })
    this.ids.set(ordinal, callerId)
    this.byPayload.set(payload, [...(this.byPayload.get(payload) ?? []), ordinal])
    // 12: what waits or runs fits the capacity.
    const size = [...this.live.values()].filter(({ situation }) => situation !== 'dead').length
    this.must(size <= this.maxSize, `12 ${size} messages, at most ${this.maxSize}`)
  }

  private started(event: Extract<LedgerEvent, { type: 'AttemptStarted' }>): void {
    this.must(event.fence > this.lastFence, `2 fence ${event.fence} after ${this.lastFence}`)
    this.lastFence = event.fence
    this.workers.add(event.worker)
    this.starts.set(`${event.ordinal}/${event.fence}`, event)
    const one = this.in(event.ordinal, 'waiting', event.type)
    if (one === undefined) return
    this.must(!this.paused, 'a paused queue hands out nothing')
    this.must(one.dueAt <= this.at, `3 started ${one.dueAt - this.at} ms early`)
    this.must(one.expiresAt === 0 || one.expiresAt > this.at, '3 started after its time to live')
    this.must(this.mayRun(one), `5 message ${one.ordinal} overtook in group ${one.group}`)
    for (const other of this.live.values()) {
      if (other === one || other.situation !== 'waiting' || other.inDoubt !== one.inDoubt) continue
      if (other.dueAt > this.at || (other.expiresAt !== 0 && other.expiresAt <= this.at)) continue
      const first =
        other.priority > one.priority || (other.priority === one.priority && other.ordinal < one.ordinal)
      this.must(!first || !this.mayRun(other), `5 message ${one.ordinal} went before ${other.ordinal}`)
    }
    this.withinLimits()
    one.situation = 'leased'
    one.fence = event.fence
    one.attempts++
    this.must(event.attempt === one.attempts, `4 attempt ${event.attempt} is number ${one.attempts}`)
  }

  /** B8: one more may start now. */
  private withinLimits(): void {
    const { concurrencyMax = Number.POSITIVE_INFINITY, rate } = this.limits
    const running = [...this.live.values()].filter(({ situation }) => situation === 'leased').length
    this.must(running < concurrencyMax, `B8 ${running + 1} run, the cap is ${concurrencyMax}`)
    this.startedAt.push(this.at)
    if (rate === undefined) return
    this.startedAt.forEach((first, n) => {
      const starts = this.startedAt.length - n
      const allowed = rate.count + Math.floor(((this.at - first) * rate.count) / rate.perMs)
      this.must(starts <= allowed, `B8 ${starts} starts in ${this.at - first} ms`)
    })
  }

  private mayRun(one: Live): boolean {
    if (one.group === undefined) return true
    for (const other of this.live.values()) {
      if (other.group !== one.group || other === one || other.situation === 'dead') continue
      if (other.situation === 'leased' || other.ordinal < one.ordinal) return false
    }
    return true
  }

  private followUp(event: Extract<LedgerEvent, { type: 'RetryScheduled' | 'MessageDeadLettered' }>): void {
    const one = this.in(event.ordinal, 'waiting', event.type)
    if (one === undefined) return
    this.must(one.undecided, `4 ${event.type} without a failure`)
    one.undecided = false
    const retriesMax = this.rules.retriesMax(one.failureType ?? '')
    if (event.type === 'RetryScheduled') {
      this.must(one.attempts <= retriesMax, `4 retry after attempt ${one.attempts} of ${retriesMax + 1}`)
      one.dueAt = event.retryAt
      return
    }
    const reason = one.failureType === 'CRASH' ? 'poison' : 'attemptsExhausted'
    const exhausted = event.reason === reason && one.attempts > retriesMax
    this.must(
      exhausted || event.reason === 'notRetryable',
      `4 dead after attempt ${one.attempts}: ${event.reason}`,
    )
    one.situation = 'dead'
  }

  private waits(one: Live, dueAt: number): void {
    one.situation = 'waiting'
    one.dueAt = dueAt
  }

  private leased(event: LedgerEvent & { ordinal: number; fence: number }): Live | undefined {
    const one = this.in(event.ordinal, 'leased', event.type)
    this.must(
      one?.fence === event.fence,
      `2 ${event.type} carries fence ${event.fence}, live is ${one?.fence}`,
    )
    return one
  }

  private in(ordinal: number, situation: Live['situation'], what: string): Live | undefined {
    const one = this.live.get(ordinal)
    this.must(one?.situation === situation, `2 ${what} on message ${ordinal}, which is ${one?.situation}`)
    return one
  }

  private gone(ordinal: number): void {
    const one = this.live.get(ordinal)
    if (one?.callerId !== undefined) this.finishedIds.set(one.callerId, this.at)
    this.live.delete(ordinal)
  }
}

/** 1: every ok is in the log, every definite failure is not. */
const checkAnswers = (story: Story, calls: Calls, idPrefix: string): void => {
  const ordinalOf = (id: string): number[] =>
    id.startsWith(idPrefix)
      ? [Number.parseInt(id.slice(idPrefix.length), 36)]
      : [...story.ids].filter(([, callerId]) => callerId === id).map(([ordinal]) => ordinal)
  for (const { told, messages, results } of calls.enqueues) {
    const found = messages.map(({ payload }) => story.byPayload.get(payload) ?? [])
    if (told === 'definite')
      story.must(
        found.flat().length === 0,
        `1 a refused enqueue is in the log: ${messages.map(({ payload }) => payload)}`,
      )
    for (const ordinals of found) story.must(ordinals.length <= 1, '1 one message was enqueued twice')
    if (told !== 'ok') continue
    results.forEach(({ id, duplicate }, index) => {
      const [ordinal] = found[index] ?? []
      story.must((ordinal === undefined) === duplicate, `1 message ${id} and the log disagree`)
      if (ordinal !== undefined)
        story.must(ordinalOf(id).includes(ordinal), `1 id ${id} is of another message`)
      else story.must(ordinalOf(id).length > 0, `6 duplicate of ${id}, which is not there`)
    })
  }
  for (const { told, worker, repeats, given } of calls.claims) {
    if (told === 'definite' && !repeats)
      story.must(!story.workers.has(worker), '1 a refused claim started something')
    for (const { ordinal, fence, payload } of given) {
      story.must(
        story.starts.has(`${ordinal}/${fence}`),
        `1 message ${ordinal} was handed out without an attempt`,
      )
      story.must(
        story.byPayload.get(payload)?.includes(ordinal) === true,
        `10 message ${ordinal}, another payload`,
      )
    }
  }
}

const checkChanges = (story: Story, calls: Calls): void => {
  const mayHave = new Set<string>()
  const name = (outcome: string, ordinal: number, fence: number): string =>
    `${SETTLED_BY[outcome]}/${ordinal}/${fence}`
  for (const { told, ordinal, fence, outcome, accepted } of calls.settles) {
    if (told === 'ok' && accepted)
      story.must(
        story.happened.has(name(outcome, ordinal, fence)),
        `1 ${outcome} of ${ordinal} is not in the log`,
      )
    if (told === 'unknown' || accepted) mayHave.add(name(outcome, ordinal, fence))
  }
  for (const { told, ordinal, command, accepted } of calls.operates) {
    if (told === 'ok' && accepted)
      story.must(
        story.happened.has(name(command, ordinal, 0)),
        `1 ${command} of ${ordinal} is not in the log`,
      )
    if (told === 'unknown' || accepted) mayHave.add(name(command, ordinal, 0))
  }
  const asked = new Set(Object.values(SETTLED_BY))
  for (const key of story.happened) {
    const type = key.slice(0, key.indexOf('/')) as LedgerEvent['type']
    if (asked.has(type)) story.must(mayHave.has(key), `1 ${key} happened though nobody was told so`)
  }
}

/** All broken rules, empty when all is well; `live` = what is left at the end, by situation. */
export const checkLog = (
  batches: ReadonlyArray<RecordedBatch>,
  calls: Calls,
  rules: Rules,
  idPrefix: string,
): { broken: ReadonlyArray<string>; left: ReadonlyArray<string> } => {
  const story = new Story(rules)
  story.tell(batches)
  checkAnswers(story, calls, idPrefix)
  checkChanges(story, calls)
  return { broken: story.broken, left: [...story.live.values()].map(({ situation }) => situation) }
}
