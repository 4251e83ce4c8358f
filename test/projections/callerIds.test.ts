// The index of live callers' ids says what a Map would say (projections/partition/callerIds.ts).
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { NO_WISHES } from '../../domain/message/index.js'
import { KeyBytes } from '../../projections/dedup/keyBytes.js'
import { MessageTable } from '../../projections/messageTable/messageTable.js'
import { CallerIds } from '../../projections/partition/callerIds.js'

class Live {
  private readonly table = new MessageTable()
  private readonly ids: CallerIds
  private readonly slots = new Map<string, number>()
  readonly model = new Map<string, number>()
  private nextOrdinal = 1

  constructor(seed: string) {
    const key = new KeyBytes()
    key.seed(seed)
    this.ids = new CallerIds(this.table, key)
  }

  add(callerId: string): void {
    if (this.model.has(callerId)) return
    const ordinal = this.nextOrdinal++
    const slot = this.table.insert(ordinal)
    this.ids.add(callerId, slot)
    this.table.setCold(slot, { callerId, wishes: NO_WISHES })
    this.slots.set(callerId, slot)
    this.model.set(callerId, ordinal)
  }

  remove(callerId: string): void {
    const slot = this.slots.get(callerId)
    if (slot === undefined) return
    this.ids.remove(slot)
    this.table.remove(slot)
    this.slots.delete(callerId)
    this.model.delete(callerId)
  }

  agrees(...callerIds: string[]): void {
    expect(this.ids.size).toBe(this.model.size)
    for (const callerId of callerIds) expect(this.ids.get(callerId)).toBe(this.model.get(callerId))
  }
}

it('A1: whatever is added and removed, an id leads to its live message and to no other', () => {
  const id = fc.oneof(fc.constantFrom('a', 'b', 'ab', 'ba', 'é', '日本', ''), fc.string({ maxLength: 6 }))
  const step = fc.record({ removes: fc.boolean(), id })
  fc.assert(
    fc.property(fc.string(), fc.array(step, { maxLength: 200, size: 'max' }), (seed, steps) => {
      const live = new Live(seed)
      for (const { removes, id } of steps) {
        if (removes) live.remove(id)
        else live.add(id)
        live.agrees(id)
      }
      live.agrees(...steps.map(({ id }) => id), 'nobody')
    }),
  )
})

it('A1: tens of thousands of ids that come and go are found, and so are slots that are used again', () => {
  const live = new Live('seed')
  const idOf = (n: number): string => `order-${n}`
  for (let n = 0; n < 30_000; n++) live.add(idOf(n))
  for (let n = 0; n < 30_000; n += 1) if (n % 3 !== 0) live.remove(idOf(n))
  for (let n = 30_000; n < 50_000; n++) live.add(idOf(n))
  live.agrees(...Array.from({ length: 50_000 }, (_, n) => idOf(n)))
  for (let n = 0; n < 50_000; n++) live.remove(idOf(n))
  live.agrees(idOf(0), idOf(49_999))
  live.add(idOf(7))
  live.agrees(idOf(7), idOf(8))
})
