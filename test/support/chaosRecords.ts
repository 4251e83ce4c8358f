// What everybody was told in a chaos run of one directory, by queue, and what handlers said of themselves. Ids and tokens are taken
// apart here by their documented form, not by the product's code.
import type { Line } from './chaosLines.js'

/** Of an answer: recorded; not recorded, and never will be; or nobody knows. */
export type Told = 'ok' | 'definite' | 'unknown'
export type Lease = Readonly<{ queue: string; ordinal: number; fence: number }>

/** `<queue>.<partition>.<ordinal>.<fence>`, numbers in base 36. */
export const leaseOf = (token: string): Lease => {
  const parts = token.split('.')
  const [fence = '', ordinal = ''] = [parts.pop(), parts.pop()]
  parts.pop()
  return { queue: parts.join('.'), ordinal: Number.parseInt(ordinal, 36), fence: Number.parseInt(fence, 36) }
}
/** Of a generated id: `<queue>.<partition>.<ordinal>`. */
export const ordinalOf = (id: string): number => Number.parseInt(id.split('.').at(-1) ?? '', 36)

export type Asked = Readonly<{
  payload: string
  priority?: number
  /** The message's own, given by whoever enqueues it. */
  id?: string
  dedupKey?: string
  idempotencyKey?: string
  dedupMode?: 'replace' | 'debounce'
}>
export type Enqueue = {
  told: Told
  readonly messages: ReadonlyArray<Asked>
  results: ReadonlyArray<Readonly<{ id: string; duplicate: boolean; replaced?: true }>>
}
export type Claim = {
  told: Told
  readonly worker: string
  readonly repeats: boolean
  given: ReadonlyArray<Readonly<{ ordinal: number; fence: number; payload: string }>>
}
type Settles = Readonly<{
  outcome: string
  failureType?: string | undefined
  retryable?: boolean
  delayMs?: number | undefined
}>
export type Settle = Settles & {
  told: Told
  readonly ordinal: number
  readonly fence: number
  accepted: boolean
}
export type Operate = { told: Told; readonly ordinal: number; readonly command: string; accepted: boolean }
/** `who` asked, by a name of this call alone. */
export type Edit = {
  told: Told
  readonly who: string
  readonly id: string
  readonly changes: Readonly<{ payload: unknown; priority: number }>
}
export type Clear = {
  told: Told
  readonly who: string
  readonly selection: Readonly<{ group: string }>
  done: number
}
/** The same call again, after an answer that said too little: with its key it is the same message. */
export type Repeat = {
  readonly payload: string
  readonly callerId: string | undefined
  told: Told
  id: string | undefined
}
/** One with a payload that lies beside the log, named by its caller. */
type Big = { readonly id: string; told: Told }
type Started = Readonly<{ lease: Lease; n: number; running: number; inDoubt: boolean }>

export type QueueRecords = Readonly<{
  enqueues: Enqueue[]
  claims: Claim[]
  settles: Settle[]
  operates: Operate[]
  edits: Edit[]
  clears: Clear[]
}>

export const given = (token: string, payload: unknown): Claim['given'][number] => {
  const { ordinal, fence } = leaseOf(token)
  return { ordinal, fence, payload: JSON.stringify(payload) }
}

export class Records {
  readonly queues = new Map<string, QueueRecords>()
  readonly repeats: Repeat[] = []
  readonly started: Started[] = []
  readonly bigs: Big[] = []
  readonly seen = new Map<string, number>()
  /** How long things took, for the report. */
  readonly tookMs = new Map<string, number[]>()
  /** Heard from processes so far. */
  lines = 0
  /** Messages that were asked for so far. */
  messages = 0
  private readonly asking = new Map<string, Enqueue>()
  private numbers = 0

  number(): number {
    this.numbers += 1
    return this.numbers
  }

  saw(what: string, times = 1): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + times)
  }

  took(what: string, ms: number): void {
    this.tookMs.set(what, [...(this.tookMs.get(what) ?? []), ms])
  }

  of(queue: string): QueueRecords {
    const none = { enqueues: [], claims: [], settles: [], operates: [], edits: [], clears: [] }
    const known = this.queues.get(queue) ?? none
    this.queues.set(queue, known)
    return known
  }

  /** A call that begins: unknown until somebody says otherwise. */
  enqueue(queue: string, ...messages: ReadonlyArray<Asked>): Enqueue {
    const call: Enqueue = { told: 'unknown', messages, results: [] }
    this.messages += messages.length
    this.of(queue).enqueues.push(call)
    return call
  }
  claim(queue: string, worker: string, repeats: boolean): Claim {
    const call: Claim = { told: 'unknown', worker, repeats, given: [] }
    this.of(queue).claims.push(call)
    return call
  }
  settle(token: string, settles: Settles): Settle {
    const { queue, ordinal, fence } = leaseOf(token)
    const call: Settle = { ...settles, told: 'unknown', ordinal, fence, accepted: false }
    this.of(queue).settles.push(call)
    return call
  }
  operate(queue: string, id: string, command: string): Operate {
    const call: Operate = { told: 'unknown', ordinal: ordinalOf(id), command, accepted: false }
    this.of(queue).operates.push(call)
    return call
  }
  edit(queue: string, id: string, changes: Edit['changes']): Edit {
    const call: Edit = { told: 'unknown', who: `edit-${this.number()}`, id, changes }
    this.of(queue).edits.push(call)
    return call
  }
  clear(queue: string, selection: Clear['selection']): Clear {
    const call: Clear = { told: 'unknown', who: `clear-${this.number()}`, selection, done: 0 }
    this.of(queue).clears.push(call)
    return call
  }

  /** What a program of the library says about the queue `jobs`. */
  note(line: Line): void {
    this.lines += 1
    switch (line.say) {
      case 'asking':
        this.asking.set(line.payload, this.enqueue('jobs', { payload: line.payload }))
        return
      case 'told': {
        const call = this.asking.get(line.payload)
        if (call === undefined) throw new Error(`${line.payload} was answered and never asked for`)
        const { id, duplicate } = line
        Object.assign(call, { told: 'ok', results: [{ id, duplicate }] })
        return
      }
      case 'failed': {
        const call = this.asking.get(line.payload)
        if (call !== undefined) call.told = line.isUnknown ? 'unknown' : 'definite'
        return
      }
      case 'started': {
        const { leaseToken, n, running, inDoubt } = line
        this.started.push({ lease: leaseOf(leaseToken), n, running, inDoubt })
        return
      }
      case 'ending': {
        const { leaseToken, outcome, failureType, delayMs } = line
        // The worker tells the ledger by itself, and nobody hears the answer.
        this.settle(leaseToken, { outcome, failureType, delayMs })
      }
    }
  }
}
