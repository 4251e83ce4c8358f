// I6: every part of a partition's state is in its hash, and nothing that is a matter of the clock or of history.
import { describe, expect, it } from 'vitest'
import type { LedgerEvent } from '../../../domain/batch.js'
import { DEFAULT_QUEUE_CONFIG, NO_SWITCHES } from '../../../domain/queue/index.js'
import * as L from '../../../projections/messageTable/layout.js'
import { COUNT_NAMES } from '../../../projections/partition/counts.js'
import { PartitionState, stateHash } from '../../../projections/partition/index.js'

const AT = 1_000
const enqueued = (ordinal: number, attributes: object | undefined): LedgerEvent => ({
  type: 'MessageEnqueued',
  ordinal,
  callerId: undefined,
  payload: '1',
  priority: 0,
  notBefore: 0,
  expiresAt: 0,
  attributes,
})
const started = (ordinal: number, fence: number): LedgerEvent => ({
  type: 'AttemptStarted',
  ordinal,
  callerId: undefined,
  attempt: 1,
  fence,
  leaseMs: 100,
  worker: 'w',
  claimId: undefined,
  zone: undefined,
})
const failed = (ordinal: number, fence: number, failureType: string): LedgerEvent => ({
  type: 'AttemptFailed',
  ordinal,
  callerId: undefined,
  fence,
  failureType,
  message: '',
  ended: 'reported',
})

/** A plain message, one with a wish, one that runs, one that has failed. */
const state = (): PartitionState => {
  const made = new PartitionState()
  const config = { ...DEFAULT_QUEUE_CONFIG, limits: { rate: { count: 9, perMs: 60_000 } } }
  const events: ReadonlyArray<LedgerEvent> = [
    { type: 'ConfigAdopted', config, controlRevision: 3, paused: false, switches: NO_SWITCHES },
    enqueued(1, undefined),
    enqueued(2, { tenant: 'acme', dedupKey: 'k' }),
    enqueued(3, undefined),
    started(3, 1),
    enqueued(4, undefined),
    started(4, 2),
    failed(4, 2, 'NETWORK'),
  ]
  for (const event of events) made.apply(event, AT, 0)
  return made
}
const slotOf = (made: PartitionState, ordinal: number): number => made.table.slotOf(ordinal)

type Change = readonly [what: string, change: (made: PartitionState) => void]
const double = (what: string, field: number, ordinal = 1): Change => [
  what,
  (made) =>
    made.table.setDouble(slotOf(made, ordinal), field, made.table.double(slotOf(made, ordinal), field) + 1),
]
const int = (what: string, field: number, ordinal = 1): Change => [
  what,
  (made) => made.table.setInt(slotOf(made, ordinal), field, made.table.int(slotOf(made, ordinal), field) + 1),
]

const changes: ReadonlyArray<Change> = [
  ['configuration', (made) => Object.assign(made, { config: { ...made.config, maxSize: 7 } })],
  ['switches', (made) => Object.assign(made, { switches: { ...NO_SWITCHES, closedGates: ['ftp'] } })],
  ['adopted revision', (made) => Object.assign(made, { controlRevision: 4 })],
  ['absence of an adopted revision', (made) => Object.assign(made, { controlRevision: Number.NaN })],
  ['pause', (made) => Object.assign(made, { paused: true })],
  ['told capacity', (made) => Object.assign(made, { toldFull: true })],
  ['epoch', (made) => Object.assign(made, { epoch: 1 })],
  ['next ordinal', (made) => Object.assign(made, { nextOrdinal: 9 })],
  ['next fence', (made) => Object.assign(made, { nextFence: 9 })],
  ['next revision', (made) => Object.assign(made, { nextRevision: 9 })],
  ['recorded time', (made) => Object.assign(made, { lastAt: AT + 1 })],
  ['recorded time beyond 32 bits', (made) => Object.assign(made, { lastAt: AT + 2 ** 32 })],
  ['metered starts', (made) => made.limits.attemptStarted(undefined, AT)],
  ['circuits', (made) => made.circuits.apply({ type: 'CircuitHalfOpened', circuit: 'north' }, AT)],
  ...COUNT_NAMES.map((name): Change => [`count of ${name}`, (made) => void made.counts[name]++]),
  ['failures of a type', (made) => made.counts.failuresByType.set('NETWORK', 2)],
  ['type of failures', (made) => made.counts.failuresByType.set('CRASH', 1)],
  ['dedup key', (made) => made.dedup.remember('dedup', 'other', 1, AT)],
  ['kind of a key', (made) => made.dedup.remember('idempotency', 'k', 2, AT)],
  double('ordinal', L.ORDINAL),
  double('time of enqueue', L.ENQUEUED_AT),
  double('due time', L.DUE_AT),
  double('expiry', L.EXPIRES_AT),
  double('revision of the payload', L.PAYLOAD_REVISION),
  double('last revision', L.LAST_REVISION),
  double('first start', L.FIRST_STARTED_AT, 3),
  double('last delay', L.PREVIOUS_DELAY_MS, 4),
  double('fence of a lease', L.FENCE, 3),
  int('length of a lease', L.LEASE_MS, 3),
  int('attempts', L.ATTEMPTS),
  int('priority', L.PRIORITY),
  int('situation', L.TAG, 3),
  ['worker of a lease', (made) => made.table.setWorker(slotOf(made, 3), 'v')],
  ['last failure', (made) => made.table.setFailureType(slotOf(made, 4), 'CRASH')],
  ['doubt', (made) => made.table.setFlag(slotOf(made, 1), L.FLAG_IN_DOUBT, true)],
  ['wishes', (made) => made.table.setCold(slotOf(made, 2), { callerId: undefined, wishes: { tenant: 'b' } })],
  ["caller's id", (made) => made.table.setCold(slotOf(made, 1), { callerId: 'id', wishes: {} })],
]

describe('I6: the hash of a state', () => {
  it('is the same for the same history', () => {
    expect(stateHash(state())).toBe(stateHash(state()))
    expect(stateHash(state())).toMatch(/^[0-9a-f]{16}$/)
  })

  it.each(changes)('is another one with another %s', (_, change) => {
    const changed = state()
    change(changed)
    const [before, after] = [stateHash(state()), stateHash(changed)]
    // Both halves: one that stands still leaves 32 bits of 64.
    expect(after.slice(0, 8)).not.toBe(before.slice(0, 8))
    expect(after.slice(8)).not.toBe(before.slice(8))
  })

  it('is another one for each of these changes', () => {
    const hashes = changes.map(([, change]) => {
      const changed = state()
      change(changed)
      return stateHash(changed)
    })
    // Which of the three counts a waiting message is in is a matter of the clock.
    expect(new Set(hashes).size).toBe(changes.length - 2)
  })

  it('does not know in which order fields were written or failures met', () => {
    const turned = state()
    Object.assign(turned, { config: Object.fromEntries(Object.entries(turned.config).reverse()) })
    expect(stateHash(turned)).toBe(stateHash(state()))
    const [one, other] = [state(), state()]
    for (const type of ['A', 'B', 'C']) one.counts.failuresByType.set(type, 1)
    for (const type of ['C', 'A', 'B']) other.counts.failuresByType.set(type, 1)
    expect(stateHash(one)).toBe(stateHash(other))
  })

  it('does not know which circuit changed first', () => {
    const opened = (names: ReadonlyArray<string>): string => {
      const made = state()
      for (const circuit of names) made.circuits.apply({ type: 'CircuitHalfOpened', circuit }, AT)
      return stateHash(made)
    }
    expect(opened(['a', 'b', 'c'])).toBe(opened(['c', 'a', 'b']))
    expect(opened(['a', 'b', 'c'])).toBe(opened(['b', 'c', 'a']))
  })

  it('does not know names by the numbers they happen to have', () => {
    const other = state()
    other.table.setWorker(slotOf(other, 3), 'met before')
    other.table.setWorker(slotOf(other, 3), 'w')
    expect(stateHash(other)).toBe(stateHash(state()))
  })

  it('does not know due times that have passed, nor keys that have left the window', () => {
    const promoted = state()
    promoted.counts.pending--
    promoted.counts.scheduled++
    expect(stateHash(promoted)).toBe(stateHash(state()))
    const old = state()
    old.dedup.remember('dedup', 'gone', 1, AT - old.config.dedupWindowMs)
    expect(stateHash(old)).toBe(stateHash(state()))
  })
})
