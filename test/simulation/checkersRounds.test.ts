// B8: the checker of turns tells a tenant who was passed over from one who had nothing to do meanwhile.
import { describe, expect, it } from 'vitest'
import type { Live } from '../support/checkersLive.js'
import { Rounds } from '../support/checkersRounds.js'

const of = (tenant: string, gate?: string): Live => ({
  ordinal: 1,
  callerId: undefined,
  enqueuedAt: 0,
  payload: '{}',
  attributes: { tenant },
  gate,
  priority: 0,
  situation: 'waiting',
  dueAt: 0,
  expiresAt: 0,
  fence: 0,
  attempts: 0,
  firstStartedAt: 0,
  inDoubt: false,
  wasEdited: false,
  cancelRequested: false,
  failureType: undefined,
  worker: '',
  undecided: false,
  startedAt: 0,
  grantedAt: 0,
  leaseMs: 0,
})

const watched = (): { rounds: Rounds; broken: string[] } => {
  const broken: string[] = []
  const rounds = new Rounds((holds, rule) => {
    if (!holds) broken.push(rule)
  })
  return { rounds, broken }
}

describe('B8: the checker of turns', () => {
  it('finds a tenant that another one passes twice while it has work', () => {
    const { rounds, broken } = watched()
    const [first, second] = [of('a'), of('b')]
    rounds.started(first, [first, second])
    rounds.onlyThese([first, second])
    rounds.started(first, [first, second])
    expect(broken).toEqual(['B8 tenant false a was served twice, and false b was not'])
  })

  it('finds a lane that another one of its tenant passes twice while it has work', () => {
    const { rounds, broken } = watched()
    const [first, second] = [of('a'), of('a', 'g')]
    rounds.started(first, [first, second])
    rounds.onlyThese([second])
    rounds.started(first, [first, second])
    expect(broken).toEqual([
      'B8 lane false ["a",null,null,null] was served twice, and false ["a",null,null,"g"] was not',
    ])
  })

  it('lets a tenant come back at the end of the round when all its work was purged meanwhile', () => {
    const { rounds, broken } = watched()
    const [first, second] = [of('a'), of('b')]
    rounds.started(first, [first, second])
    rounds.onlyThese([first])
    rounds.started(first, [first, second])
    expect(broken).toEqual([])
    rounds.started(first, [first, second])
    expect(broken).toHaveLength(1)
  })

  it('lets a lane come back at the end of the round when all its work was purged meanwhile', () => {
    const { rounds, broken } = watched()
    const [first, second] = [of('a'), of('a', 'g')]
    rounds.started(first, [first, second])
    rounds.onlyThese([first])
    rounds.started(first, [first, second])
    expect(broken).toEqual([])
    rounds.started(first, [first, second])
    expect(broken).toHaveLength(1)
  })
})
