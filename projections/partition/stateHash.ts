// A hash of a partition's state that does not depend on the order of containers: the sum of one hash per live message
// plus one over the rest. Equal histories give equal hashes, on any machine and after any snapshot (I6).

import * as L from '../messageTable/layout.js'
import { COUNT_NAMES } from './counts.js'
import type { PartitionState } from './partitionState.js'

/** Two 32-bit lanes, as 16 hexadecimal digits. */
export const stateHash = (state: PartitionState): string => {
  const sum = new Lanes()
  const { table } = state
  for (let slot = 0; slot < table.slotCount; slot++) {
    if (table.int(slot, L.TAG) === L.TAG_FREE) continue
    const one = new Lanes()
    one.text(canonicalText(table.read(slot)))
    one.number(table.double(slot, L.PAYLOAD_REVISION))
    one.number(table.double(slot, L.LAST_REVISION))
    sum.add(one)
  }
  const rest = new Lanes()
  rest.text(canonicalText(state.config))
  for (const n of [state.epoch, state.nextOrdinal, state.nextFence, state.nextRevision, state.lastAt]) {
    rest.number(n)
  }
  rest.number(state.controlRevision)
  rest.number(state.paused ? 1 : 0)
  // Due times are a matter of the clock, so the states that depend on it are hashed as one number.
  const { counts } = state
  for (const name of COUNT_NAMES) {
    if (name !== 'scheduled' && name !== 'pending' && name !== 'retrying') rest.number(counts[name])
  }
  rest.number(counts.scheduled + counts.pending + counts.retrying)
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
  private a = 0x811c9dc5
  private b = 0x9747b28c

  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.word(text.charCodeAt(i))
    this.word(text.length)
  }

  number(value: number): void {
    if (Number.isNaN(value)) this.word(0x7fc00000)
    else this.text(value.toString(36))
  }

  add(other: Lanes): void {
    this.a = (this.a + other.a) | 0
    this.b = (this.b + other.b) | 0
  }

  hex(): string {
    const lane = (n: number): string => (n >>> 0).toString(16).padStart(8, '0')
    return lane(this.a) + lane(this.b)
  }

  private word(word: number): void {
    this.a = Math.imul(this.a ^ word, 0x01000193)
    this.b = Math.imul((this.b << 13) | (this.b >>> 19), 0xcc9e2d51) ^ word
  }
}
