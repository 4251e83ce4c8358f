// The records of a partition take in exactly what the readable reducer does, event by event in each situation, and make the
// same message of it; anything else is a corrupt log (I8, I3).
import { describe, expect, it } from 'vitest'
import { Defect } from '../../../domain/invariant.js'
import { evolveMessage, type MessageEvent } from '../../../domain/message/index.js'
import { PartitionState } from '../../../projections/partition/index.js'
import { ofLeases, type Pair, pairs } from '../../domain/message/everyEvent.js'
import { FENCE, ofMessage, type Situation, situations } from '../../domain/message/situations.js'
import { messageAfter } from '../../support/spec.js'

const AT = 5_000

const partitionIn = (situation: Situation): PartitionState => {
  const state = new PartitionState()
  state.apply(
    { type: 'PrefixCarried', before: 0, nextOrdinal: ofMessage.ordinal, nextFence: 1, by: undefined },
    500,
    0,
  )
  for (const { event, at } of situations[situation]) state.apply(event, at, 0)
  return state
}
const isTaken = ({ situation, on }: Pair): boolean => on.includes(messageAfter(situations[situation]).tag)

describe('I8 the records of a partition', () => {
  it.each(pairs.filter(isTaken))('take $type on a message that is $situation', ({ situation, event }) => {
    const state = partitionIn(situation)
    const before = messageAfter(situations[situation])
    expect(state.messageAt(ofMessage.ordinal)).toEqual(before)
    state.apply(event, AT, 0)
    expect(state.messageAt(ofMessage.ordinal)).toEqual(evolveMessage(before, event, AT))
  })

  it.each(pairs.filter((pair) => !isTaken(pair)))(
    'call $type on a message that is $situation a corrupt log',
    ({ situation, event }) => {
      const taking = () => partitionIn(situation).apply(event, AT, 0)
      expect(taking).toThrow(Defect)
      expect(taking).toThrow(/^I8 /)
    },
  )

  it.each(ofLeases)('I3: call $type with the fence of another lease a corrupt log', (event) => {
    const stale = { ...event, fence: FENCE - 1 } as MessageEvent
    expect(() => partitionIn('Leased').apply(stale, AT, 0)).toThrow(/^I3 /)
  })
})
