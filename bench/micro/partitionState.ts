// What the columnar state of a partition costs: time per event, memory per waiting message, and the parts of a restart
// from a snapshot of a million messages (§9: at most 250 B beyond the payload, 3 s).
//
//   npm run build && node --expose-gc dist/bench/micro/partitionState.js
//
// 2026-11-22, Node 20, 2 busy cores: enqueue 160-290 ns, nextReady + start 300-460 ns, ack 260-340 ns, with none or a
// million waiting; 143 B a waiting message (heap 1, array buffers 142); snapshot of a million in 0.1 s, slowest chunk
// 7 ms; load 0.1 s + link and relink 0.3-0.4 s; state hash 0.3 s (3.4 s when it was made of JSON).
import type { MessageEvent } from '../../domain/message/index.js'
import {
  PartitionState,
  SnapshotInProgress,
  SnapshotLoader,
  stateHash,
} from '../../projections/partition/index.js'

const WAITING = 1_000_000
const WAVE = 100
const ROUNDS = 9
const AT = 1_780_000_000_000
const STREAM = 'partition-bench~1.0'

const enqueued = (ordinal: number): MessageEvent => ({
  type: 'MessageEnqueued',
  ordinal,
  callerId: undefined,
  payload: '""',
  priority: 0,
  notBefore: 0,
  expiresAt: 0,
  attributes: undefined,
})
const started = (ordinal: number, fence: number): MessageEvent => ({
  type: 'AttemptStarted',
  zone: undefined,
  ordinal,
  callerId: undefined,
  attempt: 1,
  fence,
  leaseMs: 30_000,
  worker: 'host-1:4711:0',
  claimId: undefined,
})
const acked = (ordinal: number, fence: number): MessageEvent => ({
  type: 'AttemptSucceeded',
  followUps: undefined,
  reconciled: undefined,
  ordinal,
  callerId: undefined,
  fence,
  result: undefined,
})

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
const nowMs = (): number => performance.now()

/** Nanoseconds per event of each type, events made beforehand, with `waiting` messages behind the ones that move. */
const perEvent = (waiting: number): void => {
  const perRound = 50_000
  const state = new PartitionState()
  for (let n = 0; n < waiting; n++) state.apply(enqueued(state.nextOrdinal), AT, 0)
  const ns: Record<'enqueue' | 'next + start' | 'ack', number[]> = {
    enqueue: [],
    'next + start': [],
    ack: [],
  }
  for (let round = 0; round < ROUNDS; round++) {
    const first = state.nextOrdinal
    const news = Array.from({ length: perRound }, (_, n) => enqueued(first + n))
    let from = nowMs()
    for (const event of news) state.apply(event, AT + round, 0)
    ns.enqueue.push(((nowMs() - from) * 1e6) / perRound)
    let [startMs, ackMs] = [0, 0]
    for (let wave = 0; wave < perRound / WAVE; wave++) {
      const acks: MessageEvent[] = []
      from = nowMs()
      for (let n = 0; n < WAVE; n++) {
        const slot = state.nextReady(AT + round)
        const ordinal = state.table.double(slot, 0)
        const fence = state.nextFence
        state.apply(started(ordinal, fence), AT + round, n)
        acks.push(acked(ordinal, fence))
      }
      startMs += nowMs() - from
      from = nowMs()
      for (const event of acks) state.apply(event, AT + round, 0)
      ackMs += nowMs() - from
    }
    ns['next + start'].push((startMs * 1e6) / perRound)
    ns.ack.push((ackMs * 1e6) / perRound)
  }
  for (const [name, values] of Object.entries(ns)) {
    console.log(`${name} with ${waiting} waiting: ${median(values).toFixed(0)} ns`)
  }
}

const memory = (): { heap: number; outside: number; rss: number } => {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
  return { heap: heapUsed, outside: arrayBuffers, rss }
}

const restart = (): void => {
  const before = memory()
  const state = new PartitionState()
  let from = nowMs()
  for (let n = 1; n <= WAITING; n++) state.apply(enqueued(n), AT, 0)
  console.log(`apply of ${WAITING} enqueues, events made on the way: ${(nowMs() - from).toFixed(0)} ms`)
  const after = memory()
  const per = (bytes: number): string => (bytes / WAITING).toFixed(0)
  console.log(
    `bytes per waiting message: heap ${per(after.heap - before.heap)}, array buffers ${per(after.outside - before.outside)}, resident ${per(after.rss - before.rss)}`,
  )
  from = nowMs()
  const snapshot = new SnapshotInProgress(state, STREAM)
  const chunks: Uint8Array[] = []
  let slowest = 0
  for (let chunk = 0; chunk <= snapshot.chunkCount; chunk++) {
    const began = nowMs()
    chunks.push(snapshot.take(chunk))
    slowest = Math.max(slowest, nowMs() - began)
  }
  snapshot.end()
  console.log(`snapshot: ${(nowMs() - from).toFixed(0)} ms, slowest chunk ${slowest.toFixed(1)} ms`)
  from = nowMs()
  const loader = new SnapshotLoader(STREAM)
  for (const chunk of chunks) loader.add(chunk)
  const copied = nowMs() - from
  from = nowMs()
  const loaded = loader.finish()
  if (loaded._tag === 'Left') throw new Error(loaded.left.reason)
  console.log(`load: copy ${copied.toFixed(0)} ms, link and relink ${(nowMs() - from).toFixed(0)} ms`)
  from = nowMs()
  const hash = stateHash(loaded.right)
  console.log(`state hash: ${(nowMs() - from).toFixed(0)} ms; equal: ${hash === stateHash(state)}`)
}

if (globalThis.gc === undefined) console.log('run with --expose-gc for memory figures that mean something')
restart()
perEvent(0)
perEvent(WAITING)
