// The readable reducer takes in what `decide` can produce and nothing else: any other pair is a corrupt log (I8, I3).
import { describe, expect, it } from 'vitest'
import { Defect } from '../../../domain/invariant.js'
import { evolveMessage, type Message, type MessageEvent } from '../../../domain/message/index.js'
import { messageAfter } from '../../support/spec.js'
import { ofLeases, type Pair, pairs } from './everyEvent.js'
import { FENCE, type Situation, situations } from './situations.js'

const messageIn = (situation: Situation): Message => messageAfter(situations[situation])
const isTaken = ({ situation, on }: Pair): boolean => on.includes(messageIn(situation).tag)

describe('I8 the reducer', () => {
  it.each(pairs.filter(isTaken))('takes $type on a message that is $situation', ({ situation, event }) => {
    expect(() => evolveMessage(messageIn(situation), event, 5_000)).not.toThrow()
  })

  it.each(pairs.filter((pair) => !isTaken(pair)))(
    'calls $type on a message that is $situation a corrupt log',
    ({ situation, event }) => {
      const taking = () => evolveMessage(messageIn(situation), event, 5_000)
      expect(taking).toThrow(Defect)
      expect(taking).toThrow(/^I8 /)
    },
  )

  it.each(ofLeases)('I3: calls $type with the fence of another lease a corrupt log', (event) => {
    const stale = { ...event, fence: FENCE - 1 } as MessageEvent
    expect(() => evolveMessage(messageIn('Leased'), stale, 5_000)).toThrow(/^I3 /)
  })
})
