// What came of calls that have a name (A8, A11, C3, C16): edits change what was asked and nothing else, an operation by a filter
// meets what matches and tells how many, and what is run again is the same message once.
import type { LedgerEvent } from '../../domain/batch.js'
import type { MessageEnqueued } from '../../domain/message/index.js'
import type { Calls, EditCall, Selection, SweepCall } from './checkersCalls.js'
import type { Live } from './checkersLive.js'

type Must = (holds: boolean, rule: string) => void
type Named = Extract<LedgerEvent, { ordinal: number }>

export const matches = ({ priorityMin, group, tenant }: Selection, one: Live): boolean =>
  (priorityMin === undefined || one.priority >= priorityMin) &&
  (group === undefined || one.attributes.group === group) &&
  (tenant === undefined || one.attributes.tenant === tenant)

const EVENT_OF = { clear: 'MessagePurged', redrive: 'MessageRedriven', discard: 'MessagePurged' } as const

export class Operated {
  /** How many events each call has made in this partition. */
  readonly made = new Map<string, number>()
  /** What was run again, wherever the first of it is. */
  readonly again: Array<Readonly<{ origin: string; payload: string }>> = []
  private readonly edits: ReadonlyMap<string, EditCall>
  private readonly sweeps: ReadonlyMap<string, SweepCall>

  constructor(
    calls: Calls,
    private readonly must: Must,
  ) {
    this.edits = new Map(calls.edits.map((call) => [call.who, call]))
    this.sweeps = new Map(calls.sweeps.map((call) => [call.who, call]))
  }

  /** Before the message changes. */
  take(event: Named, one: Live | undefined, at: number): void {
    const who = 'by' in event ? (event.by?.who ?? '') : ''
    this.made.set(who, (this.made.get(who) ?? 0) + 1)
    if (event.type === 'MessageEdited') return this.edited(event, this.edits.get(who), one, at)
    const sweep = this.sweeps.get(who)
    this.must(sweep !== undefined && EVENT_OF[sweep.command] === event.type, `A8 ${event.type} by ${who}`)
    if (sweep === undefined || one === undefined) return
    // It may have matched when it was looked at.
    this.must(
      one.wasEdited || matches(sweep.selection, one),
      `A8 ${who} met message ${one.ordinal}, which does not match`,
    )
    const meant = sweep.command === 'clear' ? 'waiting' : 'dead'
    this.must(one.situation === meant, `A8 ${who} met message ${one.ordinal}, which is ${one.situation}`)
  }

  private edited(
    event: Extract<LedgerEvent, { type: 'MessageEdited' }>,
    call: EditCall | undefined,
    one: Live | undefined,
    at: number,
  ): void {
    const { must } = this
    must(
      call !== undefined && call.told !== 'definite',
      `A11 an edit ${event.by?.who}, refused or never asked for`,
    )
    if (call === undefined || one === undefined) return
    must(call.ordinal === one.ordinal, `A11 ${call.who} edited message ${one.ordinal}`)
    must(this.made.get(call.who) === 1, `A11 ${call.who} edited twice`)
    const { payload, priority, delayMs, ttlMs } = call.changes
    const meant = payload === undefined ? one.payload : JSON.stringify(payload)
    must(event.payload === meant, `A11 ${call.who} left ${event.payload}, not ${meant}`)
    must(event.priority === (priority ?? one.priority), `A11 ${call.who} left priority ${event.priority}`)
    const dueAt = delayMs === undefined ? one.dueAt : delayMs === 0 ? 0 : at + delayMs
    must(event.notBefore === dueAt, `A11 ${call.who} left it due at ${event.notBefore}, not ${dueAt}`)
    const expiresAt = ttlMs === undefined ? one.expiresAt : ttlMs === 0 ? 0 : at + ttlMs
    must(event.expiresAt === expiresAt, `A11 ${call.who} left it until ${event.expiresAt}, not ${expiresAt}`)
    const { group, tenant, zone, dedupKey } = event.attributes ?? {}
    const before = one.attributes
    const isSame =
      group === before.group &&
      tenant === before.tenant &&
      zone === before.zone &&
      dedupKey === before.dedupKey
    must(isSame, `A11 ${call.who} changed what it was not asked to`)
  }

  /** C16: the contents of the one that it comes from, once for each operation. */
  ranAgain({ ordinal, payload, attributes }: MessageEnqueued): void {
    const { idempotencyKey = '', rerunOf } = attributes ?? {}
    const [, operation = '', origin] = /^rerun\/([^/]*)\/(.*)$/.exec(idempotencyKey) ?? []
    this.must(origin === rerunOf, `C16 message ${ordinal} runs ${rerunOf} again under the key of ${origin}`)
    this.made.set(operation, (this.made.get(operation) ?? 0) + 1)
    this.again.push({ origin: rerunOf ?? '', payload })
  }
}
