// What ten million remembered keys cost: time per key remembered, found and forgotten, bytes per key beside the key's own,
// the longest pause, and a snapshot there and back (A6).
//
//   npm run build && node --expose-gc dist/bench/micro/dedupWindow.js
//
// 2026-11-22, Node 20, 2 busy cores: remember 1.2 µs each on the way to ten million (0.7 µs on the way to one; the key
// itself, taken and hashed, 0.09 µs; the rest waits for memory), find 0.6 µs when it is not there and 1.6 µs when it is,
// forget + find + remember 1.3 µs; 57.7 B a key, of which the key 20.4; a thousand remembered at worst 8-18 ms, 1 024
// forgotten 2 ms; capture 0.2 ms; written as 611 chunks of at worst 8 ms; read back in 6.2 s, at worst 54 ms a chunk. Objects
// in a Map, as it was before, were found 15-35 % more slowly at every size up to three million.
import { DedupWindow } from '../../projections/dedup/dedupWindow.js'

const KEYS = 10_000_000
const STEP = 1_000
const WINDOW_MS = 300_000
const FIRST_MS = 1_780_000_000_000
const PER_MS = KEYS / WINDOW_MS

const keyOf = (n: number): string => `order-${((n * 2_654_435_761) % 4_294_967_296).toString(36)}-${n}`
const atOf = (n: number): number => FIRST_MS + Math.floor(n / PER_MS)

const outsideBytes = (): { heap: number; outside: number } => {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return { heap: heapUsed, outside: arrayBuffers }
}

type Timed = { totalMs: number; worstMs: number; done: number }

/** Keys are made outside of what is timed, a thousand at a time; the worst is that of a thousand calls. */
const timed = (count: number, run: (n: number, key: string) => void, from = 0): Timed => {
  const keys = new Array<string>(STEP)
  const result: Timed = { totalMs: 0, worstMs: 0, done: count }
  for (let first = from; first < from + count; first += STEP) {
    for (let n = 0; n < STEP; n++) keys[n] = keyOf(first + n)
    const began = performance.now()
    for (let n = 0; n < STEP; n++) run(first + n, keys[n] as string)
    const tookMs = performance.now() - began
    result.totalMs += tookMs
    result.worstMs = Math.max(result.worstMs, tookMs)
  }
  return result
}

const say = (what: string, { totalMs, worstMs, done }: Timed): void =>
  console.log(
    `${what}: ${((totalMs * 1e6) / done).toFixed(0)} ns each; ${STEP} of them at worst ${worstMs.toFixed(2)} ms`,
  )

const window = new DedupWindow()
window.seedHash('bench')
const before = outsideBytes()
let keyChars = 0
say(
  'remember, from none to all',
  timed(KEYS, (n, key) => {
    keyChars += key.length
    window.remember('dedup', key, n, atOf(n))
  }),
)
const after = outsideBytes()
const all = after.heap - before.heap + after.outside - before.outside
console.log(
  `bytes per key: ${(all / KEYS).toFixed(1)}, of which the key itself ${(keyChars / KEYS).toFixed(1)}; heap ${((after.heap - before.heap) / KEYS).toFixed(1)}`,
)

const at = atOf(KEYS - 1)
let wrong = 0
say(
  'find, those that are there, spread over all',
  timed(1_000_000, (n) => {
    const wanted = (n * 7_919) % KEYS
    if (window.find('dedup', keyOf(wanted), at, WINDOW_MS + 1) !== wanted) wrong++
  }),
)
say(
  'making the key alone, to be taken off',
  timed(1_000_000, (n) => {
    if (keyOf((n * 7_919) % KEYS).length === 0) wrong++
  }),
)
say(
  'find, those that are not',
  timed(1_000_000, (_, key) => {
    if (window.find('dedup', `${key}!`, at, WINDOW_MS) !== undefined) wrong++
  }),
)

const steady = timed(
  1_000_000,
  (n, key) => {
    const now = atOf(n)
    window.forget(now, WINDOW_MS)
    if (window.find('dedup', key, now, WINDOW_MS) !== undefined) wrong++
    window.remember('dedup', key, n, now)
  },
  KEYS,
)
say('forget + find + remember, with all there', steady)

let began = performance.now()
const capture = window.capture()
console.log(`capture: ${(performance.now() - began).toFixed(2)} ms, ${capture.chunkCount} chunks`)
const loaded = new DedupWindow()
loaded.expectKeys(capture.keys)
let [writeMs, writeWorstMs, readMs, readWorstMs, bytes] = [0, 0, 0, 0, 0]
for (let chunk = 0; chunk < capture.chunkCount; chunk++) {
  began = performance.now()
  const written = capture.chunk(chunk)
  let tookMs = performance.now() - began
  bytes += written.length
  writeMs += tookMs
  writeWorstMs = Math.max(writeWorstMs, tookMs)
  began = performance.now()
  loaded.loadChunk(written)
  tookMs = performance.now() - began
  readMs += tookMs
  readWorstMs = Math.max(readWorstMs, tookMs)
}
console.log(
  `snapshot: ${(bytes / 1e6).toFixed(0)} MB; written in ${writeMs.toFixed(0)} ms (worst chunk ${writeWorstMs.toFixed(1)}), read in ${readMs.toFixed(0)} ms (worst ${readWorstMs.toFixed(1)}); equal sizes: ${loaded.size === window.size}`,
)

let [calls, forgetMs, forgetWorstMs] = [0, 0, 0]
while (loaded.size > 0) {
  began = performance.now()
  loaded.forget(FIRST_MS + 10 * WINDOW_MS, WINDOW_MS)
  const tookMs = performance.now() - began
  calls++
  forgetMs += tookMs
  forgetWorstMs = Math.max(forgetWorstMs, tookMs)
}
console.log(
  `forget all: ${(forgetMs / calls).toFixed(3)} ms for 1024 of them, at worst ${forgetWorstMs.toFixed(2)} ms; wrong answers in all: ${wrong}`,
)
