// What is remembered beside the messages: claims whose reply may have been lost (R28), and how messages ended (R27).
import { describe, expect, it } from 'vitest'
import { ClaimIds } from '../../../projections/partition/claimIds.js'
import { FinishedRing } from '../../../projections/partition/finishedRing.js'

describe('ClaimIds', () => {
  it('R28 gives the leases of a claim in the order they were given', () => {
    const claimIds = new ClaimIds()
    claimIds.add('c', 1, 10)
    claimIds.add('d', 2, 11)
    claimIds.add('c', 3, 12)
    const ofC = [
      { ordinal: 1, fence: 10 },
      { ordinal: 3, fence: 12 },
    ]
    expect(claimIds.find('c')).toEqual(ofC)
    expect(claimIds.find('e')).toBeUndefined()
    expect(claimIds.list()).toEqual([
      ['c', ofC],
      ['d', [{ ordinal: 2, fence: 11 }]],
    ])
  })

  it('R60 forgets the oldest claim first, and keeps a bounded number', () => {
    const claimIds = new ClaimIds()
    for (let n = 0; n < 16_385; n++) claimIds.add(`c${n}`, n, n)
    expect(claimIds.list()).toHaveLength(16_384)
    expect(claimIds.find('c0')).toBeUndefined()
    expect(claimIds.find('c1')).toEqual([{ ordinal: 1, fence: 1 }])
    expect(claimIds.find('c16384')).toEqual([{ ordinal: 16_384, fence: 16_384 }])
  })
})

describe('FinishedRing', () => {
  it('R27 knows the last messages that ended, each by its own ordinal', () => {
    const ring = new FinishedRing()
    ring.add(5, 'succeeded', 41)
    ring.add(6, 'purged', 0)
    expect(ring.find(5)).toEqual({ tag: 'Finished', ordinal: 5, outcome: 'succeeded', fence: 41 })
    expect(ring.find(6)).toEqual({ tag: 'Finished', ordinal: 6, outcome: 'purged', fence: 0 })
    ring.add(5 + 65_536, 'cancelled', 0)
    expect(ring.find(5)).toBeUndefined()
    expect(ring.find(5 + 65_536)).toMatchObject({ outcome: 'cancelled' })
  })

  it('R27 does not take an empty place for an acked message 0', () => {
    expect(new FinishedRing().find(0)).toBeUndefined()
    expect(new FinishedRing().find(65_536)).toBeUndefined()
  })
})
