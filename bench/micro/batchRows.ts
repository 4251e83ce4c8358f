// The event budget (§4.6): bytes on disk, and CPU to write and to read, for each event type, in batches of 100 neighbours
// as a busy queue produces them. Also the two lengths in the wire form at which a loop gives way to the engine's call.
//
//   npm run build && node dist/bench/micro/batchRows.js
import { isLeft } from 'fp-ts/lib/Either.js'
import { type EventBatch, type LedgerEvent, NO_REVISION } from '../../domain/batch.js'
import { decodeBatch, encodeBatch } from '../../domain/wire/batchRows.js'
import { ByteReader } from '../../domain/wire/byteReader.js'
import { ByteWriter } from '../../domain/wire/byteWriter.js'

const EVENTS = 100
const ROUNDS = 15
const ROUND_MS = 20

const AT = 1_780_000_000_000
const ORDINAL = 5_000_000
const FENCE = 7_000_000
const REVISION = 20_000_000
const PAYLOAD = JSON.stringify({ orderId: 7, customer: 'c-1234', note: 'x'.repeat(120) }).slice(0, 118)
const payload120 = JSON.stringify(PAYLOAD.replaceAll('"', '.'))

type Sample = Readonly<{ name: string; event: (i: number) => LedgerEvent; previous: boolean }>

const of = (i: number) => ({ ordinal: ORDINAL + i, callerId: undefined })
const enqueued = (i: number) =>
  ({
    type: 'MessageEnqueued',
    ...of(i),
    payload: payload120,
    priority: 0,
    notBefore: 0,
    expiresAt: 0,
    attributes: undefined,
  }) as const
const started = (i: number) =>
  ({
    type: 'AttemptStarted',
    zone: undefined,
    ...of(i),
    attempt: 1,
    fence: FENCE + i,
    leaseMs: 30_000,
    worker: 'host-1:4711:0',
    claimId: undefined,
  }) as const

const samples: ReadonlyArray<Sample> = [
  { name: 'MessageEnqueued, 120 B payload', event: enqueued, previous: false },
  {
    name: '... with callerId',
    event: (i) => ({ ...enqueued(i), callerId: `order-${ORDINAL + i}` }),
    previous: false,
  },
  {
    name: '... with group and dedupKey',
    event: (i) => ({ ...enqueued(i), attributes: { group: 'customer-7', dedupKey: `order-${i}` } }),
    previous: false,
  },
  {
    name: '... 2 KB payload',
    event: (i) => ({ ...enqueued(i), payload: JSON.stringify('x'.repeat(2_046)) }),
    previous: false,
  },
  {
    name: '... 200 B payload, not ASCII',
    event: (i) => ({ ...enqueued(i), payload: JSON.stringify('ż'.repeat(99)) }),
    previous: false,
  },
  { name: 'AttemptStarted', event: started, previous: true },
  { name: '... with claimId', event: (i) => ({ ...started(i), claimId: 'claim-0f3a-77' }), previous: true },
  {
    name: 'AttemptSucceeded',
    event: (i) => ({
      type: 'AttemptSucceeded',
      followUps: undefined,
      reconciled: undefined,
      ...of(i),
      fence: FENCE + i,
      result: undefined,
    }),
    previous: true,
  },
  {
    name: 'AttemptFailed, 40 B message',
    event: (i) => ({
      type: 'AttemptFailed',
      ...of(i),
      fence: FENCE + i,
      failureType: 'NETWORK',
      message: 'connect ECONNREFUSED 10.0.0.17:443 (try)',
      ended: 'reported',
    }),
    previous: true,
  },
  {
    name: 'RetryScheduled',
    event: (i) => ({
      type: 'RetryScheduled',
      gate: undefined,
      ...of(i),
      retryAt: AT + 5_000,
      delayMs: 5_000,
    }),
    previous: true,
  },
  {
    name: 'MessageDeadLettered',
    event: (i) => ({
      type: 'MessageDeadLettered',
      followUps: undefined,
      ...of(i),
      reason: 'attemptsExhausted',
    }),
    previous: true,
  },
  {
    name: 'AttemptReleased',
    event: (i) => ({ type: 'AttemptReleased', ...of(i), fence: FENCE + i, notBefore: 0 }),
    previous: true,
  },
  {
    name: 'LeaseExtended',
    event: (i) => ({ type: 'LeaseExtended', ...of(i), fence: FENCE + i, leaseMs: 30_000 }),
    previous: true,
  },
  {
    name: 'MessageCancelled (JSON row)',
    event: (i) => ({ type: 'MessageCancelled', ...of(i), by: { who: 'ada' } }),
    previous: true,
  },
  {
    name: 'ack and next claim, by turns',
    event: (i) =>
      i % 2 === 0
        ? {
            type: 'AttemptSucceeded',
            followUps: undefined,
            reconciled: undefined,
            ...of(i >> 1),
            fence: FENCE + (i >> 1),
            result: undefined,
          }
        : { ...started(i >> 1), ordinal: ORDINAL + 100 + (i >> 1), fence: FENCE + 100 + (i >> 1) },
    previous: true,
  },
]

const batchOf = ({ event, previous }: Sample, count: number): EventBatch => ({
  batchId: '01jdx7k2v5-000001a2b',
  at: AT,
  epoch: 3,
  events: Array.from({ length: count }, (_, i) => event(i)),
  previous: Array.from({ length: count }, (_, i) => (previous ? REVISION + i : NO_REVISION)),
})

/** Median over the rounds of the CPU time of one call: other programs on the machine do not count. */
const medianNs = (call: () => void): number => {
  const rounds: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    let calls = 0
    let spentUs = 0
    while (spentUs < ROUND_MS * 1_000) {
      for (let i = 0; i < 20; i++) call()
      calls += 20
      const { user, system } = process.cpuUsage(before)
      spentUs = user + system
    }
    rounds.push((spentUs * 1_000) / calls)
  }
  return rounds.sort((a, b) => a - b)[ROUNDS >> 1] ?? Number.NaN
}

const out = new ByteWriter(1 << 20)
const measure = (sample: Sample) => {
  const batch = batchOf(sample, EVENTS)
  const encodeNs = medianNs(() => {
    out.reset()
    encodeBatch(batch, out)
  })
  const bytes = out.bytes().slice()
  const decodeNs = medianNs(() => {
    if (isLeft(decodeBatch(bytes))) throw new Error('a batch that cannot be read')
  })
  out.reset()
  encodeBatch(batchOf(sample, 1), out)
  return {
    event: sample.name,
    bytes: Math.round((bytes.length / EVENTS) * 10) / 10,
    'bytes alone': out.length,
    'encode ns': Math.round(encodeNs / EVENTS),
    'decode ns': Math.round(decodeNs / EVENTS),
  }
}

const texts = [8, 16, 24, 32, 48, 64, 96, 120, 160, 161, 200, 400].map((chars) => {
  const text = 'x'.repeat(chars)
  const encodeNs = medianNs(() => {
    out.reset()
    for (let i = 0; i < 100; i++) out.string(text)
  })
  out.reset()
  for (let i = 0; i < 100; i++) out.string(text)
  const bytes = out.bytes().slice()
  const decodeNs = medianNs(() => {
    const reader = new ByteReader(bytes)
    for (let i = 0; i < 100; i++) reader.string()
  })
  return {
    'ASCII text': chars,
    'encode ns': Math.round(encodeNs / 100),
    'decode ns': Math.round(decodeNs / 100),
  }
})

console.table(samples.map(measure))
console.table(texts)
