// Numbers of the naive partition: every fact is kept, and counted at each question.
import type { Message, MessageEvent } from '../../domain/message/index.js'

type Kind = Readonly<{ priority: number; type: string | undefined }>
export type KindRow = Kind &
  Readonly<
    Record<'waiting' | 'processing' | 'dead' | 'enqueued' | 'succeeded' | 'failures' | 'systemErrors', number>
  >

const RATE_OF: Partial<Record<MessageEvent['type'], string>> = {
  MessageEnqueued: 'enqueued',
  AttemptStarted: 'started',
  AttemptSucceeded: 'succeeded',
  AttemptFailed: 'failed',
  MessageDeadLettered: 'deadLettered',
  MessageExpired: 'expired',
}
const RATE_NAMES = Object.values(RATE_OF)
const STEP_MS = 10_000

export class ModelMeasures {
  readonly durations: number[] = []
  readonly waits: number[] = []
  private readonly kindOf = new Map<number, Kind>()
  private readonly ends: Array<
    Readonly<{ kind: Kind; end: 'enqueued' | 'succeeded' | 'failures' | 'systemErrors' }>
  > = []
  private readonly rated: Array<Readonly<{ name: string; at: number }>> = []

  /** `before` = the message as the event found it; `isFirstStart` = nothing has happened to it but its last contents. */
  note(event: MessageEvent, before: Message, at: number, isFirstStart: boolean): void {
    const { ordinal, type } = event
    const rate = RATE_OF[type]
    if (rate !== undefined) this.rated.push({ name: rate, at })
    if (type === 'MessageEnqueued' || type === 'MessageEdited') {
      this.kindOf.set(ordinal, { priority: event.priority, type: event.attributes?.type })
    }
    const kind = this.kindOf.get(ordinal) ?? { priority: Number.NaN, type: undefined }
    if (type === 'MessageEnqueued') this.ends.push({ kind, end: 'enqueued' })
    if (type === 'AttemptSucceeded') this.ends.push({ kind, end: 'succeeded' })
    if (type === 'AttemptFailed') {
      this.ends.push({ kind, end: event.failureType === 'SYSTEM' ? 'systemErrors' : 'failures' })
    }
    const isEnd = type === 'AttemptSucceeded' || type === 'AttemptFailed'
    if (isEnd && before.tag === 'Leased') this.durations.push(at - before.startedAt)
    if (
      type === 'AttemptStarted' &&
      before.tag === 'Waiting' &&
      isFirstStart &&
      before.firstStartedAt === 0
    ) {
      this.waits.push(at - Math.max(before.enqueuedAt, before.dueAt))
    }
  }

  /** Rows that are not all zero, in one order. */
  kinds(live: ReadonlyArray<Message>): ReadonlyArray<KindRow> {
    const rows = new Map<string, Record<string, unknown>>()
    const count = (kind: Kind, column: string): void => {
      const key = JSON.stringify([kind.priority, kind.type ?? null])
      const row = rows.get(key) ?? { ...kind, ...NOTHING }
      rows.set(key, { ...row, [column]: Number(row[column]) + 1 })
    }
    for (const { kind, end } of this.ends) count(kind, end)
    for (const message of live) {
      if (message.tag === 'Absent' || message.tag === 'Finished') continue
      const kind = this.kindOf.get(message.ordinal)
      if (kind !== undefined) count(kind, COLUMN_OF[message.tag])
    }
    return inOneOrder([...rows.values()] as unknown as KindRow[])
  }

  /** Over whole steps of ten seconds, that of `at` included. */
  rates(at: number, windowMs: number): Record<string, number> {
    const last = Math.floor(at / STEP_MS)
    const counts: Record<string, number> = { windowMs }
    for (const name of RATE_NAMES) {
      counts[name] = this.rated.filter((one) => {
        const step = Math.floor(one.at / STEP_MS)
        return one.name === name && step <= last && step > last - windowMs / STEP_MS
      }).length
    }
    return counts
  }
}

const NOTHING = {
  waiting: 0,
  processing: 0,
  dead: 0,
  enqueued: 0,
  succeeded: 0,
  failures: 0,
  systemErrors: 0,
}
const COLUMN_OF = { Waiting: 'waiting', Leased: 'processing', Dead: 'dead' } as const

export const inOneOrder = (rows: ReadonlyArray<KindRow>): ReadonlyArray<KindRow> =>
  [...rows].sort((a, b) => a.priority - b.priority || ((a.type ?? '') < (b.type ?? '') ? -1 : 1))
