// A hash of a partition's state that does not depend on the order of containers: the sum of one hash per live message
// plus one over the rest. Equal histories give equal hashes, on any machine and after any snapshot (I6).
import * as L from '../messageTable/layout.js'
import type { MessageTable } from '../messageTable/messageTable.js'
import { COUNT_NAMES } from './counts.js'
import type { PartitionState } from './partitionState.js'

/** Rises with each change of what is hashed, or how: golden logs keep the hash of each definition (test/golden/logs). */
export const STATE_HASH_VERSION = 1

/** Two 32-bit lanes, as 16 hexadecimal digits. */
export const stateHash = (state: PartitionState): string => {
  const sum = new Lanes()
  const one = new Lanes()
  const { table } = state
  for (let slot = 0; slot < table.slotCount; slot++) {
    if (table.int(slot, L.TAG) === L.TAG_FREE) continue
    one.clear()
    addRecord(one, table, slot)
    sum.add(one)
  }
  const rest = new Lanes()
  rest.text(canonicalText(state.config))
  for (const n of [state.epoch, state.nextOrdinal, state.nextFence, state.nextRevision, state.lastAt]) {
    rest.number(n)
  }
  // NaN = no configuration adopted yet; -1 = the one it was created with.
  rest.number(Number.isNaN(state.controlRevision) ? -2 : state.controlRevision)
  rest.number(state.paused ? 1 : 0)
  rest.number(state.toldFull ? 1 : 0)
  rest.text(canonicalText(state.switches))
  // Queues that never were resized keep the hash that they had.
  if (state.layouts.length > 1) rest.text(canonicalText(state.layouts))
  rest.text(canonicalText(state.limits.list(state.lastAt)))
  rest.text(canonicalText([...state.circuits.snapshot()].sort(([a], [b]) => (a < b ? -1 : 1))))
  // Due times are a matter of the clock, so the states that depend on it are hashed as one number.
  const { counts } = state
  for (const name of COUNT_NAMES) {
    if (name !== 'scheduled' && name !== 'pending' && name !== 'retrying') rest.number(counts[name])
  }
  rest.number(counts.scheduled + counts.pending + counts.retrying)
  rest.text(canonicalText([...counts.failuresByType].sort(([a], [b]) => (a < b ? -1 : 1))))
  sum.add(rest)
  for (const [name, ordinal, at] of state.dedup.list()) {
    const one = new Lanes()
    one.text(name)
    one.number(ordinal)
    one.number(at)
    if (at + state.config.dedupWindowMs > state.lastAt) sum.add(one)
  }
  return sum.hex()
}

/**
 * What `table.read` gives, and the revisions, straight from the record: as text a million of them took 3.4 s, so 0.3 s
 * (bench/micro/partitionState.ts). Names go in as text, because their numbers are a matter of history.
 */
const addRecord = (one: Lanes, table: MessageTable, slot: number): void => {
  const tag = table.int(slot, L.TAG)
  one.word(tag)
  for (const field of FACT_DOUBLES) one.number(table.double(slot, field))
  one.word(table.int(slot, L.ATTEMPTS))
  one.word(table.int(slot, L.PRIORITY))
  const failureType = table.int(slot, L.FAILURE_TYPE)
  if (failureType === 0) one.word(0)
  else one.text(table.failureTypes.name(failureType))
  if (table.hasFlag(slot, L.FLAG_COLD)) one.text(canonicalText(table.cold(slot)))
  one.word(table.hasFlag(slot, L.FLAG_IN_DOUBT) ? 1 : 0)
  if (tag === L.TAG_LEASED) {
    one.number(table.double(slot, L.FENCE))
    one.word(table.int(slot, L.LEASE_MS))
    one.text(table.workers.name(table.int(slot, L.WORKER)))
  }
  one.number(table.double(slot, L.DUE_AT))
}

const FACT_DOUBLES = [
  L.ORDINAL,
  L.ENQUEUED_AT,
  L.EXPIRES_AT,
  L.FIRST_STARTED_AT,
  L.PREVIOUS_DELAY_MS,
  L.PAYLOAD_REVISION,
  L.LAST_REVISION,
] as const

/**
 * JSON with the fields in one order and without the undefined ones: a policy that a caller wrote and the same one read
 * back from the log differ in nothing else.
 */
const canonicalText = (value: unknown): string => JSON.stringify(canonical(value))

const canonical = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(canonical)
  const fields: unknown[] = []
  const record = value as Readonly<Record<string, unknown>>
  for (const key of Object.keys(record).sort()) {
    if (record[key] !== undefined) fields.push(key, canonical(record[key]))
  }
  return fields
}

/** Two multiplicative lanes with different constants (FNV-1a's prime and MurmurHash3's first constant). */
class Lanes {
  private a = SEED_A
  private b = SEED_B

  clear(): void {
    this.a = SEED_A
    this.b = SEED_B
  }

  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.word(text.charCodeAt(i))
    this.word(text.length)
  }

  /** A whole number; in two halves, so that it is the same on any machine. */
  number(value: number): void {
    this.word(value | 0)
    this.word(Math.floor(value / 0x1_0000_0000) | 0)
  }

  /** Mixed first: a sum of unmixed lanes is close to linear in the numbers that went in last. */
  add(other: Lanes): void {
    const b = mixed(other.b ^ Math.imul(other.a, 0x9e3779b1))
    this.b = (this.b + b) | 0
    this.a = (this.a + mixed(other.a ^ b)) | 0
  }

  hex(): string {
    const lane = (n: number): string => (n >>> 0).toString(16).padStart(8, '0')
    return lane(this.a) + lane(this.b)
  }

  word(word: number): void {
    this.a = Math.imul(this.a ^ word, 0x01000193)
    this.b = Math.imul((this.b << 13) | (this.b >>> 19), 0xcc9e2d51) ^ word
  }
}

const SEED_A = 0x811c9dc5
const SEED_B = 0x9747b28c

/** MurmurHash3's finaliser. */
const mixed = (lane: number): number => {
  let x = lane
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return x ^ (x >>> 16)
}
