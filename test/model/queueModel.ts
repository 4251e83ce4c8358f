// What a queue is, in arrays and linear scans: the tiny model that the real ones are held against (RELIABILITY E1). It knows
// nothing of events, revisions or files. Time is a number that only `pass` moves.

export const SETTINGS = {
  leaseMs: 100,
  dedupWindowMs: 300,
  messageTimeoutMs: 400,
  networkDelayMs: 50,
  networkRetriesMax: 2,
  crashDelayMs: 20,
  crashRetriesMax: 1,
} as const

export type ModelMessage = {
  readonly ordinal: number
  readonly callerId: string | undefined
  readonly group: string | undefined
  state: 'waiting' | 'leased' | 'dead' | 'succeeded' | 'cancelled' | 'expired' | 'purged'
  payload: number
  priority: number
  dueAt: number
  /** 0 = never. */
  expiresAt: number
  attempts: number
  inDoubt: boolean
  cancelAsked: boolean
  fence: number
  isLocal: boolean
  startedAt: number
  leaseMs: number
  leaseUntil: number
  finishedAt: number
}

export type NewMessage = Readonly<{
  callerId: string | undefined
  group: string | undefined
  dedupKey: string | undefined
  payload: number
  priority: number
  delayMs: number
  ttlMs: number
}>
export type Lease = Readonly<{ ordinal: number; fence: number }>
export type Started = Lease & Readonly<{ attempt: number; payload: number }>
export type Placed = Readonly<{ id: string; duplicate: boolean }>
export type Wish = Readonly<{ max: number; isLocal: boolean; claimId: string | undefined }>
export type Outcome =
  | Readonly<{ outcome: 'ack' }>
  | Readonly<{ outcome: 'fail'; failureType: 'NETWORK' | 'BUSINESS' }>
  | Readonly<{ outcome: 'release'; delayMs: number }>
  | Readonly<{ outcome: 'extend'; leaseMs: number }>
export type Operation = 'cancel' | 'redrive' | 'discard' | 'purge'
/** 'ok', or the name of the refusal. */
export type Answer = string
export type Edit = Readonly<{ payload: number; priority: number; delayMs: number; ttlMs: number }>

const ENDED = ['succeeded', 'cancelled', 'expired', 'purged']

export class QueueModel {
  readonly messages: ModelMessage[] = []
  private keys: Array<Readonly<{ key: string; ordinal: number; at: number }>> = []
  private readonly claims = new Map<string, ReadonlyArray<Lease>>()
  private nextFence = 1
  paused = false

  constructor(
    public now: number,
    private readonly maxSize = Number.POSITIVE_INFINITY,
  ) {}

  find(ordinal: number): ModelMessage {
    const found = this.messages[ordinal - 1]
    if (found === undefined) throw new Error(`the model has no message ${ordinal}`)
    return found
  }

  // Enqueue: duplicates are the first message, and a call has room for all of its new ones or is refused whole (A6, A9).

  enqueue(asked: ReadonlyArray<NewMessage>): ReadonlyArray<Placed> | 'QueueFull' {
    const size = this.messages.filter(({ state }) => state === 'waiting' || state === 'leased').length
    const fresh = asked.filter(
      (one, n) =>
        this.firstOf(one) === undefined && !asked.slice(0, n).some((earlier) => sharesName(earlier, one)),
    )
    if (fresh.length > 0 && size + fresh.length > this.maxSize) return 'QueueFull'
    return asked.map((one) => this.place(one))
  }

  private firstOf({ callerId, dedupKey }: NewMessage): number | undefined {
    const isFresh = (at: number): boolean => at + SETTINGS.dedupWindowMs > this.now
    const known = this.messages.filter(
      (one) =>
        callerId !== undefined &&
        one.callerId === callerId &&
        (!ENDED.includes(one.state) || isFresh(one.finishedAt)),
    )
    return known.at(-1)?.ordinal ?? this.keys.find(({ key, at }) => key === dedupKey && isFresh(at))?.ordinal
  }

  private place(asked: NewMessage): Placed {
    const first = this.firstOf(asked)
    const { callerId, group, dedupKey, payload, priority, delayMs, ttlMs } = asked
    const ordinal = first ?? this.messages.length + 1
    const id = callerId ?? `orders.0.${ordinal.toString(36)}`
    if (first !== undefined) return { id, duplicate: true }
    if (dedupKey !== undefined) this.keys.push({ key: dedupKey, ordinal, at: this.now })
    this.messages.push({
      ...{ ordinal, callerId, group, payload, priority },
      state: 'waiting',
      dueAt: delayMs === 0 ? 0 : this.now + delayMs,
      expiresAt: ttlMs === 0 ? 0 : this.now + ttlMs,
      ...{ attempts: 0, inDoubt: false, cancelAsked: false, fence: 0, isLocal: false },
      ...{ startedAt: 0, leaseMs: 0, leaseUntil: 0, finishedAt: 0 },
    })
    return { id, duplicate: false }
  }

  // Claim: what may run, highest priority first, then the oldest; the head of a group holds back the others (B1, B2, §4.5).

  claim({ max, isLocal, claimId }: Wish): ReadonlyArray<Started> {
    if (this.paused) return []
    const again = claimId === undefined ? undefined : this.claims.get(claimId)
    if (again !== undefined)
      return again.filter((lease) => this.holds(lease)).map((lease) => this.started(lease))
    const inDoubt = this.next(true)
    const leases: Lease[] = inDoubt === undefined ? [] : [this.start(inDoubt, isLocal)]
    while (inDoubt === undefined && leases.length < max) {
      const next = this.next(false)
      if (next === undefined) break
      leases.push(this.start(next, isLocal))
    }
    if (claimId !== undefined && leases.length > 0) this.claims.set(claimId, leases)
    return leases.map((lease) => this.started(lease))
  }

  private next(inDoubt: boolean): ModelMessage | undefined {
    const isLive = ({ state }: ModelMessage): boolean => state === 'waiting' || state === 'leased'
    const isFirstOfGroup = (one: ModelMessage): boolean =>
      one.group === undefined ||
      this.messages.find((other) => isLive(other) && other.group === one.group) === one
    const groupRuns = (one: ModelMessage): boolean =>
      one.group !== undefined &&
      this.messages.some(({ state, group }) => state === 'leased' && group === one.group)
    return this.messages
      .filter((one) => one.state === 'waiting' && one.dueAt <= this.now && one.inDoubt === inDoubt)
      .filter((one) => isFirstOfGroup(one) && !groupRuns(one))
      .sort((a, b) => b.priority - a.priority || a.ordinal - b.ordinal)[0]
  }

  private start(message: ModelMessage, isLocal: boolean): Lease {
    const { leaseMs } = SETTINGS
    const fence = this.nextFence++
    const startedAt = this.now
    const lease = { fence, isLocal, startedAt, leaseMs, leaseUntil: this.now + leaseMs, cancelAsked: false }
    Object.assign(message, { ...lease, state: 'leased', attempts: message.attempts + 1 })
    return { ordinal: message.ordinal, fence }
  }

  private started({ ordinal, fence }: Lease): Started {
    const { attempts, payload } = this.find(ordinal)
    return { ordinal, fence, attempt: attempts, payload }
  }

  holds({ ordinal, fence }: Lease): boolean {
    const { state, fence: live } = this.find(ordinal)
    return state === 'leased' && live === fence
  }

  // The end of an attempt: only its own fence counts; the policy says what follows (I3, I4).

  settle(lease: Lease, asked: Outcome): Answer {
    const message = this.find(lease.ordinal)
    if (!this.holds(lease)) {
      const isRepeat =
        asked.outcome === 'ack' && message.state === 'succeeded' && message.fence === lease.fence
      return isRepeat ? 'ok' : 'LeaseNotHeld'
    }
    if (asked.outcome === 'extend') {
      if (this.now - message.startedAt >= SETTINGS.messageTimeoutMs) return 'LeaseLimitReached'
      message.leaseMs = asked.leaseMs
      message.leaseUntil = this.now + asked.leaseMs
      return 'ok'
    }
    if (asked.outcome === 'ack') this.end(message, 'succeeded')
    else if (asked.outcome === 'fail') this.fail(message, asked.failureType)
    else if (message.cancelAsked) this.end(message, 'cancelled')
    else {
      message.attempts--
      this.wait(message, asked.delayMs === 0 ? 0 : this.now + asked.delayMs)
    }
    this.expire()
    return 'ok'
  }

  private fail(
    message: ModelMessage,
    failureType: 'NETWORK' | 'BUSINESS' | 'CRASH',
    isCertain = false,
  ): void {
    const { networkRetriesMax, networkDelayMs, crashRetriesMax, crashDelayMs } = SETTINGS
    const policies = {
      NETWORK: [networkRetriesMax, networkDelayMs],
      BUSINESS: [0, 0],
      CRASH: [crashRetriesMax, crashDelayMs],
    }
    const [retriesMax = 0, delayMs = 0] = policies[failureType]
    message.inDoubt = isCertain
    if (message.cancelAsked) this.end(message, 'cancelled')
    else if (message.attempts > retriesMax) message.state = 'dead'
    else this.wait(message, this.now + delayMs)
  }

  private wait(message: ModelMessage, dueAt: number): void {
    message.state = 'waiting'
    message.dueAt = dueAt
  }

  private end(message: ModelMessage, state: ModelMessage['state']): void {
    message.state = state
    message.finishedAt = this.now
  }

  // Operators (A11, C3).

  operate(what: Operation, ordinal: number): Answer {
    const message = this.find(ordinal)
    const { state } = message
    switch (what) {
      case 'cancel':
        if (state === 'waiting') this.end(message, 'cancelled')
        else if (state === 'leased') message.cancelAsked = true
        else if (state !== 'cancelled') return 'MessageNotCancellable'
        return 'ok'
      case 'redrive':
        if (state !== 'dead') return 'MessageNotDead'
        Object.assign(message, { attempts: 0, expiresAt: 0, inDoubt: false })
        this.wait(message, this.now)
        return 'ok'
      default: {
        const mayGo = state === 'dead' || (state === 'waiting' && what === 'purge')
        if (mayGo) this.end(message, 'purged')
        else if (state !== 'purged') return what === 'purge' ? 'MessageNotPurgeable' : 'MessageNotDead'
        return 'ok'
      }
    }
  }

  edit(ordinal: number, { payload, priority, delayMs, ttlMs }: Edit): Answer {
    const message = this.find(ordinal)
    if (message.state !== 'waiting') return 'MessageNotEditable'
    const expiresAt = ttlMs === 0 ? 0 : this.now + ttlMs
    Object.assign(message, { payload, priority, expiresAt, dueAt: delayMs === 0 ? 0 : this.now + delayMs })
    return 'ok'
  }

  // Time and death: leases first, then times to live (§4.10); a new process grants the leases of others anew (§4.11, §4.12).

  pass(ms: number): void {
    for (const until = this.now + ms; ; ) {
      const instants = this.messages.flatMap(({ state, leaseUntil, expiresAt }) =>
        state === 'leased' ? [leaseUntil] : state === 'waiting' && expiresAt > 0 ? [expiresAt] : [],
      )
      this.now = Math.min(until, Math.max(this.now, Math.min(...instants)))
      const late = this.messages.filter(
        ({ state, leaseUntil }) => state === 'leased' && leaseUntil <= this.now,
      )
      for (const message of late) this.fail(message, 'CRASH')
      const ended = this.expire()
      if (this.now === until && late.length + ended === 0) return
    }
  }

  private expire(): number {
    const late = this.messages.filter(
      ({ state, expiresAt }) => state === 'waiting' && expiresAt > 0 && expiresAt <= this.now,
    )
    for (const message of late) this.end(message, 'expired')
    return late.length
  }

  crash(): void {
    for (const message of this.messages.filter(({ state }) => state === 'leased')) {
      if (message.isLocal) this.fail(message, 'CRASH', true)
      else message.leaseUntil = this.now + message.leaseMs
    }
    this.expire()
  }
}

const sharesName = (a: NewMessage, b: NewMessage): boolean =>
  (a.callerId !== undefined && a.callerId === b.callerId) ||
  (a.dedupKey !== undefined && a.dedupKey === b.dedupKey)
