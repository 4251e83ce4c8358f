// What is ready is counted as long as it is ready, and tenants who come and go leave nothing behind (B8).
import { describe, expect, it } from 'vitest'
import type { LedgerEvent } from '../../../domain/batch.js'
import type { MessageAttributes } from '../../../domain/message/index.js'
import { PartitionState } from '../../../projections/partition/index.js'

const AT = 1_000
const LANES_KEPT = 512
type Inside = Readonly<{ placement: Readonly<{ book: Readonly<{ byKey: ReadonlyMap<string, unknown> }> }> }>

class Partition {
  readonly state = new PartitionState()

  add(...events: ReadonlyArray<LedgerEvent>): void {
    for (const event of events) this.state.apply(event, AT, 0)
  }

  enqueue(attributes: MessageAttributes | undefined = undefined): number {
    const ordinal = this.state.nextOrdinal
    const event = { callerId: undefined, payload: '1', priority: 0, notBefore: 0, expiresAt: 0, attributes }
    this.add({ type: 'MessageEnqueued', ordinal, ...event })
    return ordinal
  }

  start(ordinal: number): number {
    const fence = this.state.nextFence
    const event = { attempt: 1, fence, leaseMs: 100, worker: 'w', claimId: undefined, zone: undefined }
    this.add({ type: 'AttemptStarted', ordinal, callerId: undefined, ...event })
    return fence
  }

  ack(ordinal: number, fence: number): void {
    const event = { result: undefined, followUps: undefined, reconciled: undefined }
    this.add({ type: 'AttemptSucceeded', ordinal, callerId: undefined, fence, ...event })
  }

  /** Lanes that the partition knows; there is no other way to see that one is forgotten than its memory. */
  lanes(): number {
    return (this.state as unknown as Inside).placement.book.byKey.size
  }
}

const cancelled = (ordinal: number): LedgerEvent => ({
  type: 'MessageCancelled',
  ordinal,
  callerId: undefined,
  by: undefined,
})

describe('what is ready', () => {
  it('is counted until it starts, ends, or is no longer due', () => {
    const partition = new Partition()
    const { ready } = partition.state
    const [first, second, third] = [partition.enqueue(), partition.enqueue(), partition.enqueue()]
    expect(ready.size).toBe(3)
    partition.start(first)
    expect(ready.size).toBe(2)
    partition.add(cancelled(second))
    expect(ready.size).toBe(1)
    const edit = {
      payload: '2',
      priority: 0,
      expiresAt: 0,
      attributes: undefined,
      cause: 'operator',
      by: undefined,
    } as const
    partition.add({ type: 'MessageEdited', ordinal: third, callerId: undefined, notBefore: AT + 9, ...edit })
    expect(ready.size).toBe(0)
    partition.state.promote(AT + 9, 10)
    expect(ready.size).toBe(1)
  })

  it('C13: is counted apart while it is in doubt', () => {
    const partition = new Partition()
    const { ready, readyInDoubt } = partition.state
    const ordinal = partition.enqueue()
    const fence = partition.start(ordinal)
    const lost = { failureType: 'CRASH', message: '', ended: 'workerLost' } as const
    partition.add(
      { type: 'AttemptFailed', ordinal, callerId: undefined, fence, ...lost },
      { type: 'RetryScheduled', ordinal, callerId: undefined, retryAt: AT, delayMs: 0, gate: undefined },
    )
    expect([ready.size, readyInDoubt.size]).toEqual([0, 1])
    partition.start(ordinal)
    expect([ready.size, readyInDoubt.size]).toEqual([0, 0])
  })
})

describe('B8: tenants who come and go', () => {
  it('leave nothing behind, whichever way their messages end', () => {
    const partition = new Partition()
    for (let n = 0; n < 3_000; n++) {
      const ordinal = partition.enqueue({ tenant: `tenant-${n}` })
      if (n % 2 === 0) partition.add(cancelled(ordinal))
      else partition.ack(ordinal, partition.start(ordinal))
    }
    expect(partition.lanes()).toBeLessThanOrEqual(LANES_KEPT)
  })

  it('are known as long as one of their messages waits or runs', () => {
    const partition = new Partition()
    for (let n = 0; n < 600; n++) partition.enqueue({ tenant: `waiting-${n}` })
    for (let n = 0; n < 600; n++) partition.start(partition.enqueue({ tenant: `running-${n}` }))
    for (let n = 0; n < 2_000; n++) partition.add(cancelled(partition.enqueue({ tenant: `gone-${n}` })))
    expect(partition.lanes()).toBeGreaterThanOrEqual(1_200)
    expect(partition.state.ready.size).toBe(600)
  })
})
