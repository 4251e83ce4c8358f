// Nodes that live and cannot reach each other: who is believed, who gives away what, and how often. F2: any node answers any request.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Apart,
  apartOf,
  type ClusterEvent,
  claimUnit,
  EMPTY_CLUSTER,
  foldCluster,
  giveAway,
  handOver,
  isSilent,
  type Link,
  lead,
  leave,
  lookedAt,
  misplaced,
  newLink,
  ownerOf,
} from '../../../domain/cluster/index.js'

const TIMES = { lostAfterMs: 2_000, steadyAfterMs: 10_000 }
const BEAT_MS = 500

/** The link after looks that were answered (`+`) or not (`-`), one a beat. */
const linkAfter = (looks: string, from: Link = { silentMs: 0, steadyMs: 0, isUnsteady: false }): Link =>
  [...looks].reduce((link, look) => lookedAt(link, look === '+', BEAT_MS, TIMES), from)

describe('the way to another node', () => {
  it('F2: is silent after as much of it as makes a node dead, and not before', () => {
    expect(linkAfter('---').isUnsteady).toBe(false)
    expect(linkAfter('----')).toMatchObject({ isUnsteady: true, silentMs: 2_000 })
    expect(isSilent(linkAfter('----'), TIMES)).toBe(true)
  })

  it('F2: is called lost until it held for the tenure, though calls go through at once', () => {
    const back = linkAfter(`----${'+'.repeat(19)}`)
    expect(back.isUnsteady).toBe(true)
    expect(isSilent(back, TIMES)).toBe(false)
    expect(linkAfter('+', back).isUnsteady).toBe(false)
  })

  it('F2: stays lost while it comes and goes, so that queues are moved once and not each time', () => {
    let link = linkAfter('----')
    for (let n = 0; n < 50; n++) {
      link = linkAfter('++++++----', link)
      expect(link.isUnsteady).toBe(true)
    }
    expect(linkAfter('+'.repeat(20), link).isUnsteady).toBe(false)
  })

  it('F2: is not missed where single calls fail', () => {
    expect(linkAfter('---+'.repeat(100)).isUnsteady).toBe(false)
  })

  it('F2: to a node that has just joined is not missed for the tenure: it may not listen yet', () => {
    const link = newLink(TIMES)
    expect(linkAfter('-'.repeat(23), link).isUnsteady).toBe(false)
    expect(linkAfter('-'.repeat(24), link).isUnsteady).toBe(true)
    expect(linkAfter('+---', link)).toMatchObject({ silentMs: 1_500, isUnsteady: false })
  })
})

const set = (...names: ReadonlyArray<string>): ReadonlySet<string> => new Set(names)
/** `a>x`: a says that it cannot reach x. */
const apart = (live: string, ...said: ReadonlyArray<string>): Apart => {
  const unreached = new Map<string, Set<string>>()
  for (const one of said) {
    const [from = '', to = ''] = one.split('>')
    unreached.set(from, (unreached.get(from) ?? new Set()).add(to))
  }
  return apartOf(new Set(live), unreached, unreached)
}

const both = (secluded: ReadonlySet<string>, blind: ReadonlySet<string>): Apart => ({
  now: { secluded, blind },
  lately: { secluded, blind },
})

describe('of those that live', () => {
  it('F2: one that most of the others cannot reach is secluded, one that cannot reach most of them is blind', () => {
    expect(apart('abx', 'a>x', 'b>x')).toEqual(both(set('x'), set()))
    expect(apart('abx', 'x>a', 'x>b')).toEqual(both(set(), set('x')))
    expect(apart('abx', 'a>x', 'b>x', 'x>a', 'x>b')).toEqual(both(set('x'), set('x')))
  })

  it('F2: one alone is not believed, except of two', () => {
    expect(apart('abx', 'a>x')).toEqual(both(set(), set()))
    expect(apart('ax', 'a>x')).toEqual(both(set('x'), set('a')))
    expect(apart('abcx', 'a>x', 'b>x')).toEqual(both(set('x'), set()))
    expect(apart('abcdx', 'a>x', 'b>x')).toEqual(both(set(), set()))
  })

  it('F2: the dead say nothing, and nobody is missed who is dead', () => {
    expect(apart('ab', 'c>a', 'c>b', 'a>c', 'b>c')).toEqual(both(set(), set()))
  })

  it('F2: where no node reaches any other nobody is better off elsewhere, and everything stays', () => {
    expect(apart('ab', 'a>b', 'b>a')).toEqual(both(set(), set()))
    const all = ['a>b', 'a>c', 'b>a', 'b>c', 'c>a', 'c>b']
    expect(apart('abc', ...all)).toEqual(both(set(), set()))
  })

  it('F2: the smaller part of a network in two is secluded, the larger is not', () => {
    const halves = ['a', 'b', 'c'].flatMap((one) =>
      ['x', 'y'].flatMap((other) => [`${one}>${other}`, `${other}>${one}`]),
    )
    expect(apart('abcxy', ...halves)).toEqual(both(set('x', 'y'), set('x', 'y')))
  })
})

const runOf = (node: string) => ({ node, incarnation: `${node}-1` })
const joined = (node: string): ClusterEvent => ({
  type: 'NodeJoined',
  ...runOf(node),
  address: `http://${node}:7654`,
  version: '0.1.0',
  level: 0,
})
const assigned = (unit: string, node: string): ClusterEvent => ({
  type: 'UnitAssigned',
  unit,
  ...runOf(node),
})
const LIVE = set('a', 'b', 'x')
const SECLUDED = apart('abx', 'a>x', 'b>x')
const BLIND = apart('abx', 'x>a', 'x>b')
const STATE = foldCluster(EMPTY_CLUSTER, [
  ...['x', 'a', 'b'].map(joined),
  assigned('queue/v', 'a'),
  assigned('queue/w', 'x'),
  assigned('queue/y', 'x'),
  assigned('task/follow-ups', 'x'),
])

describe('a node that others cannot reach', () => {
  it('F2: gives all of its queues to those that can be reached, and keeps its tasks', () => {
    expect(misplaced(STATE, runOf('x'), LIVE, SECLUDED)).toEqual(['queue/w', 'queue/y'])
    expect(handOver(STATE, runOf('x'), 'queue/w', LIVE, SECLUDED)).toEqual([assigned('queue/w', 'b')])
    expect(misplaced(STATE, runOf('a'), LIVE, SECLUDED)).toEqual([])
  })

  it('F2: is given none, new or left by others, and none for balance', () => {
    const lone = foldCluster(STATE, [{ type: 'UnitReleased', unit: 'queue/w' }])
    expect(claimUnit(lone, 'queue/w', LIVE, SECLUDED)).toEqual([assigned('queue/w', 'b')])
    const units = new Set(['queue/v', 'queue/w', 'queue/y', 'task/follow-ups'])
    const view = {
      self: runOf('x'),
      live: LIVE,
      apart: SECLUDED,
      units,
      settled: () => false,
      isLevelSettled: true,
    }
    expect(lead(lone, view)).toEqual([assigned('queue/w', 'b')])
    const crowded = foldCluster(
      EMPTY_CLUSTER,
      [joined('a'), joined('x')].concat(['s', 't', 'u'].map((name) => assigned(`queue/${name}`, 'a'))),
    )
    expect(giveAway(crowded, runOf('a'), set('a', 'x'), () => true)).toMatchObject({ to: { node: 'x' } })
    expect(giveAway(crowded, runOf('a'), set('a', 'x'), () => true, apart('ax', 'a>x'))).toBeUndefined()
    expect(leave(crowded, runOf('x'), set('a', 'x'), apart('ax', 'a>x'))).toHaveLength(1)
  })

  it('F2: is better than nobody: what no other can lead stays with it', () => {
    const hopeless = foldCluster(
      STATE,
      ['a', 'b'].map((node) => ({
        type: 'UnitDeclined',
        unit: 'queue/w',
        ...runOf(node),
        reason: 'unknown event',
      })),
    )
    expect(misplaced(hopeless, runOf('x'), LIVE, SECLUDED)).toEqual(['queue/y'])
    const lone = foldCluster(hopeless, [{ type: 'UnitAssigned', unit: 'queue/w', ...runOf('gone') }])
    expect(claimUnit(lone, 'queue/w', LIVE, SECLUDED)).toEqual([assigned('queue/w', 'x')])
  })

  it('F2: that cannot reach others gives away its tasks, and keeps its queues', () => {
    expect(misplaced(STATE, runOf('x'), LIVE, BLIND)).toEqual(['task/follow-ups'])
    expect(handOver(STATE, runOf('x'), 'task/follow-ups', LIVE, BLIND)).toEqual([
      assigned('task/follow-ups', 'b'),
    ])
  })

  it('F2: after it gave away everything that it should, all that others can lead is in reach of most', () => {
    const names = ['a', 'b', 'c', 'd', 'e']
    const pairs = names.flatMap((from) => names.flatMap((to) => (from === to ? [] : [`${from}>${to}`])))
    fc.assert(
      fc.property(
        fc.subarray(pairs),
        fc.subarray(names, { minLength: 1 }),
        fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 8 }),
        (said, living, owners) => {
          const live = new Set(living)
          const now = apart(living.join(''), ...said)
          const units = owners.map((_, n) => `queue/${n}`)
          let state = foldCluster(EMPTY_CLUSTER, [
            ...living.map(joined),
            ...owners.flatMap((owner, n) => (live.has(owner) ? [assigned(`queue/${n}`, owner)] : [])),
          ])
          for (const node of living)
            for (const unit of misplaced(state, runOf(node), live, now))
              state = foldCluster(state, handOver(state, runOf(node), unit, live, now))
          for (const unit of units) {
            const owner = ownerOf(state, unit)
            if (owner !== undefined) expect(now.now.secluded.has(owner.node)).toBe(false)
          }
          for (const node of living) expect(misplaced(state, runOf(node), live, now)).toEqual([])
        },
      ),
    )
  })
})
