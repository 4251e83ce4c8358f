// What millions of live callers' ids cost: time to add, find and remove one, the longest pause, and bytes beside the ids; a Map
// as baseline in the same run.
//
//   npm run build && node --expose-gc dist/bench/micro/callerIds.js
import { NO_WISHES } from '../../domain/message/index.js'
import { KeyBytes } from '../../projections/dedup/keyBytes.js'
import { MessageTable } from '../../projections/messageTable/messageTable.js'
import { CallerIds } from '../../projections/partition/callerIds.js'

const IDS = 8_500_000
const STEP = 1_000

type Index = Readonly<{
  add: (id: string, slot: number) => void
  find: (id: string) => number | undefined
  remove: (id: string, slot: number) => void
}>

const bytes = (): number => {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const timed = (what: string, run: (n: number) => void): void => {
  let [totalMs, worstMs] = [0, 0]
  for (let first = 0; first < IDS; first += STEP) {
    const began = performance.now()
    for (let n = first; n < first + STEP; n++) run(n)
    const tookMs = performance.now() - began
    totalMs += tookMs
    worstMs = Math.max(worstMs, tookMs)
  }
  console.log(
    `  ${what}: ${((totalMs * 1e6) / IDS).toFixed(0)} ns each; ${STEP} at worst ${worstMs.toFixed(1)} ms`,
  )
}

const table = new MessageTable()
const ids: string[] = []
for (let n = 0; n < IDS; n++) {
  const callerId = `order-${((n * 2_654_435_761) % 4_294_967_296).toString(36)}-${n}`
  ids.push(callerId)
  table.setCold(table.insert(n + 1), { callerId, wishes: NO_WISHES })
}

const idAt = (n: number): string => ids[n % IDS] ?? ''

const measure = (name: string, index: Index): void => {
  console.log(name)
  const before = bytes()
  timed('add', (n) => index.add(idAt(n), n))
  console.log(`  ${((bytes() - before) / IDS).toFixed(1)} B each`)
  timed('find', (n) => {
    if (index.find(idAt(n * 7_919)) === undefined) throw new Error('an id is missing')
  })
  timed('miss', (n) => {
    if (index.find(`nobody-${n}`) !== undefined) throw new Error('an id is there that nobody added')
  })
  timed('remove', (n) => index.remove(idAt(n), n))
}

const key = new KeyBytes()
key.seed('bench')
const chained = new CallerIds(table, key)
measure('chains', {
  add: (id, slot) => chained.add(id, slot),
  find: (id) => chained.get(id),
  remove: (_, slot) => chained.remove(slot),
})
const map = new Map<string, number>()
measure('Map', {
  add: (id, slot) => map.set(id, slot),
  find: (id) => map.get(id),
  remove: (id) => map.delete(id),
})
