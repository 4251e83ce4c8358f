// A schedule: which message is enqueued again and again, at which instants, and what becomes of instants that passed while
// nobody was there to act on them (B5). Stored complete: a default that moves later changes no recorded schedule.
import type { DurationMs, EpochMs } from '../time.js'

export type When =
  /** Five fields, or six with seconds first, read on the wall clock of the zone. */
  | Readonly<{ kind: 'cron'; expression: string; timeZone: string }>
  /** `from`, `from` + `everyMs`, … by elapsed time, whatever the wall clocks do. 0 = counted from 1970-01-01T00:00:00Z. */
  | Readonly<{ kind: 'every'; everyMs: DurationMs; from: EpochMs }>

/**
 * Of several planned instants that are due at once, all but the newest were missed. `one`: the newest is enqueued, however
 * late. `skip`: the newest is enqueued unless it is later than `ON_TIME_MS`. `all`: the newest `atMost` are enqueued.
 */
export type MissedPolicy = 'skip' | 'one' | Readonly<{ kind: 'all'; atMost: number }>

/** What each message of the schedule is enqueued with; absent = the queue's own. */
export type TickOptions = Readonly<{
  priority?: number
  type?: string
  topic?: string
  group?: string
  tenant?: string
  ttlMs?: DurationMs
  timeoutMs?: DurationMs
  headers?: Readonly<Record<string, string>>
}>

export type Schedule = Readonly<{
  name: string
  when: When
  /** JSON text. */
  payload: string
  options: TickOptions
  missed: MissedPolicy
  paused: boolean
  /** No instant before this one; 0 = no bound. */
  startAt: EpochMs
  /** No instant at or after this one; 0 = no bound. */
  endAt: EpochMs
}>

export const EVERY_MS_MIN = 1_000
export const EVERY_MS_MAX = 366 * 24 * 3_600_000
export const MISSED_AT_MOST_MAX = 1_000
export const SCHEDULES_MAX = 1_000
export const EXPRESSION_CHARS_MAX = 256

const SCHEDULE_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,95}$/
/** Short enough for `tickId` to be a caller's id (domain/ids.ts). */
export const isScheduleName = (name: unknown): name is string =>
  typeof name === 'string' && SCHEDULE_NAME.test(name)
export const SCHEDULE_NAME_RULE =
  'letters, digits, ".", "_" and "-", 1 to 96 of them, starting with a letter, digit or "_"'

export const isMissedPolicy = (value: unknown): value is MissedPolicy => {
  if (value === 'skip' || value === 'one') return true
  if (typeof value !== 'object' || value === null) return false
  const { kind, atMost } = value as { kind?: unknown; atMost?: unknown }
  return (
    kind === 'all' && Number.isInteger(atMost) && Number(atMost) >= 1 && Number(atMost) <= MISSED_AT_MOST_MAX
  )
}
export const MISSED_RULE = `"skip", "one" or {"kind":"all","atMost":n} with n from 1 to ${MISSED_AT_MOST_MAX}`

/**
 * The id of the message of one planned instant: `report@20261122T030000Z`. It is the same whoever enqueues it and however
 * often, which is what makes a tick happen once. Basic form of ISO 8601, because ":" may not stand in an id.
 */
export const tickId = (name: string, tick: EpochMs): string =>
  `${name}@${new Date(tick).toISOString().replace(/[-:]/g, '').replace('.000Z', 'Z')}`

export const sameWhen = (one: When, other: When): boolean => {
  switch (one.kind) {
    case 'cron':
      return other.kind === 'cron' && one.expression === other.expression && one.timeZone === other.timeZone
    case 'every':
      return other.kind === 'every' && one.everyMs === other.everyMs && one.from === other.from
  }
}
