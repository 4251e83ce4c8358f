// G4: a proof of single events holds without the ledger, and nothing in it can be changed.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EventBatch, LedgerEvent } from '../../domain/batch.js'
import { encodeBatch } from '../../domain/wire/batchRows.js'
import { ByteWriter } from '../../domain/wire/byteWriter.js'
import { batchDigest, GENESIS_DIGEST } from '../../src/chain/batchDigest.js'
import type { ChainedBatch } from '../../src/chain/chainedBatch.js'
import { type EventProof, judgeProof, ProofBuilder } from '../../src/chain/eventProof.js'

const STREAM = 'partition-orders~1.0'

const enqueued = (ordinal: number): LedgerEvent => ({
  type: 'MessageEnqueued',
  ordinal,
  callerId: `order-${ordinal}`,
  payload: `{"order":${ordinal}}`,
  priority: 0,
  notBefore: 0,
  expiresAt: 0,
  attributes: undefined,
})
const started = (ordinal: number): LedgerEvent => ({
  type: 'AttemptStarted',
  ordinal,
  callerId: undefined,
  attempt: 1,
  fence: ordinal,
  leaseMs: 1_000,
  worker: `worker-${ordinal % 3}`,
  claimId: undefined,
  zone: undefined,
})

const chainOf = (batches: ReadonlyArray<ReadonlyArray<LedgerEvent>>): ChainedBatch[] => {
  const chained: ChainedBatch[] = []
  let [previousDigest, firstRevision] = [GENESIS_DIGEST, 0]
  for (const [n, events] of batches.entries()) {
    const rows = new ByteWriter()
    const batch: EventBatch = {
      batchId: `b${n}`,
      at: 1_000 + n,
      epoch: 1,
      events,
      previous: events.map(() => -1),
    }
    encodeBatch(batch, rows)
    const bytes = rows.bytes().slice()
    const digest = batchDigest(previousDigest, { stream: STREAM, firstRevision }, bytes)
    const place = { position: firstRevision, nextPosition: firstRevision + events.length }
    chained.push({
      stream: STREAM,
      firstRevision,
      events: events.length,
      ...place,
      previousDigest,
      digest,
      bytes,
    })
    previousDigest = digest
    firstRevision += events.length
  }
  return chained
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n)

/** 1, then 40 events in three leaves, then claims of the same messages, then others. */
const CHAIN = chainOf([
  [enqueued(1)],
  range(2, 42).map(enqueued),
  range(1, 42).map(started),
  range(42, 60).map(enqueued),
  [enqueued(60)],
])

const proofOf = (ordinal: number, chain: ReadonlyArray<ChainedBatch> = CHAIN): EventProof => {
  const builder = new ProofBuilder(
    `orders.0.${ordinal.toString(36)}`,
    (event) => 'ordinal' in event && event.ordinal === ordinal,
  )
  for (const batch of chain) expect(builder.add(batch)).toBe(true)
  const proof = builder.proof()
  if (proof === undefined) throw new Error('the message was expected')
  // As it comes out of a file.
  return JSON.parse(JSON.stringify(proof)) as EventProof
}

const digestAt = (n: number): string => Buffer.from(CHAIN[n]?.digest ?? []).toString('hex')

describe('G4: a proof of events', () => {
  it('holds for every message, with its events as they were recorded and where they stand', () => {
    for (const ordinal of range(1, 61)) {
      const judged = judgeProof(proofOf(ordinal), digestAt(4))
      if (!judged.holds) throw new Error(judged.reason)
      const events = ordinal < 42 ? [enqueued(ordinal), started(ordinal)] : [enqueued(ordinal)]
      expect(judged.events.map(({ event }) => event)).toEqual(events)
      const revision = ordinal < 42 ? ordinal - 1 : ordinal - 1 + 41
      expect(judged.events[0]).toMatchObject({ revision, epoch: 1 })
      expect(judged).toMatchObject({
        stream: STREAM,
        anchoredAt: 100,
        head: { revision: 100, digest: digestAt(4) },
      })
    }
  })

  it('shows no more than the leaves of its events: neighbours within 16 rows, and of all others one hash a batch', () => {
    const text = JSON.stringify(proofOf(50))
    const shown = Buffer.from(JSON.parse(text).chain[0].shown[1].bytes, 'base64').toString('latin1')
    expect(shown).toContain('"order":50')
    const whole = proofOf(20).chain.flatMap((batch) => ('shown' in batch ? batch.shown : []))
    const all = whole.map(({ bytes }) => Buffer.from(bytes, 'base64').toString('latin1')).join()
    expect(all).toContain('"order":20')
    for (const other of [2, 17, 34, 41, 50]) expect(all).not.toContain(`"order":${other}}`)
  })

  it('is anchored in the digest of any batch at or behind its events, and in no other', () => {
    expect(judgeProof(proofOf(5), digestAt(2))).toMatchObject({ holds: true, anchoredAt: 81 })
    expect(judgeProof(proofOf(5))).toMatchObject({ holds: true, anchoredAt: undefined })
    expect(judgeProof(proofOf(5), digestAt(1))).toMatchObject({
      holds: false,
      reason: /ends at revision 40.*stands at 45/,
    })
    expect(judgeProof(proofOf(50), digestAt(2))).toMatchObject({
      holds: false,
      reason: /not one of its chain/,
    })
    expect(judgeProof(proofOf(5), 'ab'.repeat(32))).toMatchObject({ holds: false })
  })

  it('of a history in which one event was changed ends in another digest', () => {
    const forged = chainOf([[enqueued(1)], range(2, 42).map((n) => enqueued(n === 7 ? 700 : n))])
    const judged = judgeProof(proofOf(700, forged))
    expect(judged).toMatchObject({ holds: true })
    expect(judgeProof(proofOf(700, forged), digestAt(1))).toMatchObject({ holds: false })
  })

  it('does not hold when anything of it is changed, moved or left out', () => {
    const proof = proofOf(20)
    const places: Array<ReadonlyArray<string | number>> = []
    const walk = (value: unknown, path: ReadonlyArray<string | number>): void => {
      if (typeof value === 'string' || typeof value === 'number') places.push(path)
      else if (Array.isArray(value)) for (const [n, item] of value.entries()) walk(item, [...path, n])
      else for (const [key, item] of Object.entries(value as object)) walk(item, [...path, key])
    }
    walk({ ...proof, of: undefined }.chain, ['chain'])
    walk([proof.stream, proof.previous], [])
    const head = digestAt(4)
    fc.assert(
      fc.property(fc.nat(places.length - 3), fc.nat(), fc.nat(61), (place, at, letter) => {
        const copy = JSON.parse(JSON.stringify(proof)) as EventProof
        const path = places[place] ?? []
        let holder = copy as unknown as Record<string | number, unknown>
        for (const key of path.slice(0, -1)) holder = holder[key] as Record<string | number, unknown>
        const key = path[path.length - 1] ?? ''
        const old = holder[key]
        if (typeof old === 'number') holder[key] = old + 1 + letter
        else if (typeof old === 'string') {
          const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
          const where = at % old.length
          holder[key] = old.slice(0, where) + letters[letter] + old.slice(where + 1)
        }
        // The last letters of base64 may say nothing.
        const says = (value: unknown): string =>
          key === 'bytes' ? Buffer.from(String(value), 'base64').toString('hex') : String(value)
        if (says(holder[key]) === says(old)) return
        expect(judgeProof(copy, head), JSON.stringify(path)).toMatchObject({ holds: false })
      }),
      { numRuns: 400 },
    )
    for (const n of proof.chain.keys())
      expect(judgeProof({ ...proof, chain: proof.chain.filter((_, other) => other !== n) }, head).holds).toBe(
        false,
      )
    expect(judgeProof({ ...proof, chain: [...proof.chain].reverse() }, head).holds).toBe(false)
    expect(judgeProof({ ...proof, stream: 'partition-other~1.0' }, head).holds).toBe(false)
    expect(judgeProof({ ...proof, revisions: [3] }, head)).toMatchObject({
      holds: false,
      reason: /does not stand/,
    })
    expect(judgeProof({ ...proof, head: { revision: 100, digest: digestAt(3) } }).holds).toBe(false)
  })

  it('does not hold with a tree of another shape, though its paths would lead to the same root', () => {
    const proof = proofOf(50)
    const [batch] = proof.chain
    if (batch === undefined || 'root' in batch) throw new Error('it shows its first batch')
    expect(batch.leaves).toBe(3)
    const grown = { ...proof, chain: [{ ...batch, leaves: 4 }, ...proof.chain.slice(1)] }
    expect(judgeProof(proof)).toMatchObject({ holds: true })
    expect(judgeProof(grown)).toMatchObject({ holds: false, reason: /not what was recorded/ })
  })

  it('is judged, whatever it is', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => !judgeProof(value).holds))
    const hostile = { ...proofOf(20), chain: [{ firstRevision: 1, leaves: 2, shown: [] }] }
    expect(judgeProof(hostile)).toMatchObject({ holds: false })
    const torn = proofOf(20)
    const cut = torn.chain.map((batch) =>
      'shown' in batch ? { ...batch, shown: batch.shown.slice(0, 1) } : batch,
    )
    expect(judgeProof({ ...torn, chain: cut })).toMatchObject({ holds: false, reason: /shows nothing/ })
  })
})
