// Whether one certain message may start now, whoever's turn it is (D7): for a worker that wants just that one.
import { describe, expect, it } from 'vitest'
import type { MessageAttributes } from '../../../domain/message/index.js'
import {
  DEFAULT_QUEUE_CONFIG,
  NO_SWITCHES,
  type QueueConfig,
  type Switches,
} from '../../../domain/queue/index.js'
import { PartitionState } from '../../../projections/partition/index.js'

const AT = 1_000

class Partition {
  readonly state = new PartitionState()

  adopt(config: Partial<QueueConfig>, switches: Partial<Switches> = {}): void {
    this.state.apply(
      {
        type: 'ConfigAdopted',
        config: { ...DEFAULT_QUEUE_CONFIG, ...config },
        controlRevision: 0,
        paused: false,
        switches: { ...NO_SWITCHES, ...switches },
      },
      AT,
      0,
    )
  }

  enqueue(attributes: MessageAttributes = {}, notBefore = 0): number {
    const ordinal = this.state.nextOrdinal
    const event = { callerId: undefined, payload: '1', priority: 0, notBefore, expiresAt: 0, attributes }
    this.state.apply({ type: 'MessageEnqueued', ordinal, ...event }, AT, 0)
    return ordinal
  }

  start(ordinal: number): void {
    const fence = this.state.nextFence
    const event = { attempt: 1, fence, leaseMs: 100, worker: 'w', claimId: undefined, zone: undefined }
    this.state.apply({ type: 'AttemptStarted', ordinal, callerId: undefined, ...event }, AT, 0)
  }

  may(ordinal: number, at = AT): boolean {
    return this.state.mayStart(this.state.table.slotOf(ordinal), at)
  }
}

describe('D7: a certain message', () => {
  it('may start while it is ready, also behind others', () => {
    const partition = new Partition()
    partition.enqueue()
    const second = partition.enqueue()
    expect(partition.may(second)).toBe(true)
    partition.start(second)
    expect(partition.may(second)).toBe(false)
  })

  it('may not before it is due', () => {
    const partition = new Partition()
    const later = partition.enqueue({}, AT + 50)
    expect(partition.may(later)).toBe(false)
    partition.state.promote(AT + 50, 10)
    expect(partition.may(later, AT + 50)).toBe(true)
  })

  it('B1: may not before the head of its group', () => {
    const partition = new Partition()
    const head = partition.enqueue({ group: 'g' })
    const behind = partition.enqueue({ group: 'g' })
    expect([partition.may(head), partition.may(behind)]).toEqual([true, false])
  })

  it('B8: may not above the cap of its queue or its tenant', () => {
    const capped = new Partition()
    capped.adopt({ limits: { concurrencyMax: 1 } })
    const [one, other] = [capped.enqueue(), capped.enqueue()]
    expect(capped.may(other)).toBe(true)
    capped.start(one)
    expect(capped.may(other)).toBe(false)

    const tenants = new Partition()
    tenants.adopt({ limits: { perTenant: { concurrencyMax: 1 } } })
    const first = tenants.enqueue({ tenant: 'acme' })
    const second = tenants.enqueue({ tenant: 'acme' })
    const foreign = tenants.enqueue({ tenant: 'other' })
    tenants.start(first)
    expect([tenants.may(second), tenants.may(foreign)]).toEqual([false, true])
  })

  it('C15, C6: may not behind a closed gate or in a circuit that is open', () => {
    const partition = new Partition()
    partition.adopt({}, { closedGates: ['ftp'], forcedCircuits: { north: 'open' } })
    const gated = partition.enqueue({ gate: 'ftp' })
    const zoned = partition.enqueue({ zone: 'north' })
    const free = partition.enqueue()
    expect([partition.may(gated), partition.may(zoned), partition.may(free)]).toEqual([false, false, true])
  })
})
