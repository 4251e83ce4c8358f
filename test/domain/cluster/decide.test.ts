// What nodes decide about members and owners. F2: ownership moves by itself when a node dies or joins; R65: mixed versions.
import fc from 'fast-check'
import { isLeft, left, right } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import {
  type ClusterEvent,
  type ClusterState,
  claimUnit,
  decline,
  EMPTY_CLUSTER,
  foldCluster,
  giveAway,
  handOver,
  isMember,
  join,
  lead,
  leaderOf,
  leave,
  ownerOf,
  unitsOf,
} from '../../../domain/cluster/index.js'

const runOf = (node: string, run = 1) => ({ node, incarnation: `${node}-${run}` })
const memberOf = (node: string, { run = 1, level = 1 } = {}) => ({
  ...runOf(node, run),
  address: `http://${node}:7654`,
  version: '0.1.0',
  level,
})
const joined = (node: string, more: { run?: number; level?: number } = {}): ClusterEvent => ({
  type: 'NodeJoined',
  ...memberOf(node, more),
})
const assigned = (unit: string, node: string, run = 1): ClusterEvent => ({
  type: 'UnitAssigned',
  unit,
  ...runOf(node, run),
})
const given = (...events: ReadonlyArray<ClusterEvent>): ClusterState => foldCluster(EMPTY_CLUSTER, events)
const all = (...nodes: ReadonlyArray<string>): ReadonlySet<string> => new Set(nodes)
const leading = (
  state: ClusterState,
  node: string,
  live: ReadonlySet<string>,
  units: ReadonlyArray<string>,
) =>
  lead(state, { self: runOf(node), live, units: new Set(units), settled: () => true, isLevelSettled: true })

describe('joining', () => {
  it('F2: is an event with the address, and none for a member that is there already', () => {
    expect(join(EMPTY_CLUSTER, memberOf('a'))).toEqual(right([joined('a')]))
    expect(join(given(joined('a')), memberOf('a'))).toEqual(right([]))
  })

  it('F2: frees what the run before owned, which owns nothing any more', () => {
    const state = given(joined('a'), assigned('queue/x', 'a'), joined('a', { run: 2 }))
    expect(ownerOf(state, 'queue/x')).toBeUndefined()
    expect(isMember(state, runOf('a', 1))).toBe(false)
    expect(isMember(state, runOf('a', 2))).toBe(true)
  })

  it('R65: is refused for a program that does not understand what may already be written', () => {
    const state = given(joined('a', { level: 2 }), { type: 'LevelRaised', level: 2 })
    expect(join(state, memberOf('b'))).toEqual(left({ type: 'LevelTooLow', level: 1, needed: 2 }))
  })
})

describe('the leader', () => {
  it('F2: is the oldest of the living, and the others say nothing', () => {
    const state = given(joined('b'), joined('a'))
    expect(leaderOf(state, all('a', 'b'))?.node).toBe('b')
    expect(leaderOf(state, all('a'))?.node).toBe('a')
    expect(leading(state, 'a', all('a', 'b'), ['queue/x'])).toEqual([])
  })

  it('F2: gives free units to those who have the fewest', () => {
    const state = given(joined('a'), joined('b'), { type: 'LevelRaised', level: 1 }, assigned('queue/x', 'a'))
    expect(leading(state, 'a', all('a', 'b'), ['queue/x', 'queue/y', 'queue/z'])).toEqual([
      assigned('queue/y', 'b'),
      assigned('queue/z', 'a'),
    ])
  })

  it('F2: expires who is silent, and gives what he owned to the living in the same append', () => {
    const state = given(joined('a'), joined('b'), { type: 'LevelRaised', level: 1 }, assigned('queue/x', 'b'))
    expect(leading(state, 'a', all('a'), ['queue/x'])).toEqual([
      { type: 'NodeExpired', ...runOf('b'), unheardBy: 'a' },
      assigned('queue/x', 'a'),
    ])
  })

  it('F2: releases a unit that is none, once it has been missed for long enough', () => {
    const state = given(joined('a'), { type: 'LevelRaised', level: 1 }, assigned('queue/x', 'a'))
    const view = { self: runOf('a'), live: all('a'), units: all(), isLevelSettled: true }
    expect(lead(state, { ...view, settled: () => false })).toEqual([])
    expect(lead(state, { ...view, settled: () => true })).toEqual([{ type: 'UnitReleased', unit: 'queue/x' }])
  })

  it('F8: raises the level when the last member that did not understand it is gone', () => {
    const state = given(joined('a', { level: 2 }), joined('b'))
    expect(leading(state, 'a', all('a', 'b'), [])).toEqual([{ type: 'LevelRaised', level: 1 }])
    const alone = foldCluster(state, [
      { type: 'LevelRaised', level: 1 },
      { type: 'NodeLeft', ...runOf('b') },
    ])
    expect(leading(alone, 'a', all('a'), [])).toEqual([{ type: 'LevelRaised', level: 2 }])
    // Gone for a moment, to be started again.
    const view = {
      self: runOf('a'),
      live: all('a'),
      units: all(),
      settled: () => true,
      isLevelSettled: false,
    }
    expect(lead(alone, view)).toEqual([])
  })
})

describe('an owner', () => {
  it('R65: that cannot lead a unit gives it back, and it is not offered to that run again', () => {
    const state = given(joined('a'), joined('b'), { type: 'LevelRaised', level: 1 }, assigned('queue/x', 'a'))
    const declined = foldCluster(state, decline(state, runOf('a'), 'queue/x', 'an unknown event'))
    expect(leading(declined, 'a', all('a', 'b'), ['queue/x'])).toEqual([assigned('queue/x', 'b')])
    const nobody = foldCluster(declined, [
      assigned('queue/x', 'b'),
      { type: 'UnitDeclined', unit: 'queue/x', ...runOf('b'), reason: 'the same' },
    ])
    expect(leading(nobody, 'a', all('a', 'b'), ['queue/x'])).toEqual([])
    // A newer program under the same name may know it.
    const newer = foldCluster(nobody, [joined('b', { run: 2 })])
    expect(leading(newer, 'a', all('a', 'b'), ['queue/x'])).toEqual([assigned('queue/x', 'b', 2)])
  })

  it('F2: says goodbye and names the heirs of all it owns', () => {
    const state = given(joined('a'), joined('b'), assigned('queue/x', 'a'), assigned('queue/y', 'a'))
    expect(leave(state, runOf('a'), all('a', 'b'))).toEqual([
      { type: 'NodeLeft', ...runOf('a') },
      assigned('queue/x', 'b'),
      assigned('queue/y', 'b'),
    ])
    expect(leave(state, runOf('a', 7), all('a', 'b'))).toEqual([])
  })

  it('F2: hands over only what is its own still', () => {
    const state = given(joined('a'), joined('b'), assigned('queue/x', 'a'))
    expect(handOver(state, runOf('a'), 'queue/x', all('a', 'b'))).toEqual([assigned('queue/x', 'b')])
    expect(handOver(state, runOf('b'), 'queue/x', all('a', 'b'))).toEqual([])
    expect(handOver(state, runOf('a', 2), 'queue/x', all('a', 'b'))).toEqual([])
  })

  it('F2: gives away while it has two more than another, and only what it has had for long enough', () => {
    const units = ['queue/w', 'queue/x', 'queue/y'].map((unit) => assigned(unit, 'a'))
    const state = given(joined('a'), joined('b'), ...units)
    expect(giveAway(state, runOf('a'), all('a', 'b'), () => true)).toMatchObject({
      unit: 'queue/w',
      to: { node: 'b' },
    })
    expect(giveAway(state, runOf('a'), all('a', 'b'), (unit) => unit === 'queue/y')).toMatchObject({
      unit: 'queue/y',
    })
    expect(giveAway(state, runOf('a'), all('a', 'b'), () => false)).toBeUndefined()
    const even = foldCluster(state, [assigned('queue/w', 'b')])
    expect(giveAway(even, runOf('a'), all('a', 'b'), () => true)).toBeUndefined()
  })
})

describe('a unit that nobody owns', () => {
  it('F2: is given to somebody by whoever needs it, once', () => {
    const state = given(joined('a'), joined('b'))
    const events = claimUnit(state, 'queue/new', all('a', 'b'))
    expect(events).toEqual([assigned('queue/new', 'a')])
    expect(claimUnit(foldCluster(state, events), 'queue/new', all('a', 'b'))).toEqual([])
    expect(claimUnit(state, 'queue/new', all())).toEqual([])
  })
})

type Move =
  | Readonly<{ kind: 'join' | 'leave' | 'lead' | 'claim' | 'decline' | 'balance'; node: string; run: number }>
  | Readonly<{ kind: 'restart'; node: string; run: number }>

const NODES = ['a', 'b', 'c']
const UNITS = ['queue/v', 'queue/w', 'queue/x', 'task/y']

const move: fc.Arbitrary<Move & { live: ReadonlyArray<string>; unit: string }> = fc.record({
  kind: fc.constantFrom(
    'join' as const,
    'leave' as const,
    'lead' as const,
    'claim' as const,
    'decline' as const,
    'balance' as const,
  ),
  node: fc.constantFrom(...NODES),
  run: fc.constantFrom(1, 2),
  live: fc.subarray(NODES),
  unit: fc.constantFrom(...UNITS),
})

const decided = (
  state: ClusterState,
  { kind, node, run, live, unit }: typeof move extends fc.Arbitrary<infer A> ? A : never,
) => {
  const self = runOf(node, run)
  const view = new Set([...live, node])
  switch (kind) {
    case 'join': {
      const events = join(state, memberOf(node, { run }))
      return isLeft(events) ? [] : events.right
    }
    case 'leave':
      return leave(state, self, view)
    case 'lead':
      return lead(state, {
        self,
        live: view,
        units: new Set(UNITS),
        settled: () => true,
        isLevelSettled: true,
      })
    case 'claim':
      return claimUnit(state, unit, view)
    case 'decline':
      return decline(state, self, unit, 'why not')
    default: {
      const next = giveAway(state, self, view, () => true)
      return next === undefined ? [] : handOver(state, self, next.unit, view)
    }
  }
}

describe('after whatever nodes decide', () => {
  it('F2: each unit has at most one owner, who is a member; the fold is the same in one piece and event by event', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
        let state = EMPTY_CLUSTER
        const log: ClusterEvent[] = []
        for (const one of moves) {
          const events = decided(state, one)
          for (const event of events) log.push(event)
          state = foldCluster(state, events)
          for (const unit of state.assignments.keys()) expect(ownerOf(state, unit)).toBeDefined()
          const owned = [...state.members.values()].flatMap((member) => unitsOf(state, member))
          expect(new Set(owned).size).toBe(owned.length)
          expect(owned.length).toBe(state.assignments.size)
        }
        expect(foldCluster(EMPTY_CLUSTER, log)).toEqual(state)
      }),
    )
  })

  it('F2: one word of the leader leaves nothing without an owner that somebody living can lead, and nobody dead', () => {
    fc.assert(
      fc.property(
        fc.array(move, { maxLength: 40 }),
        fc.subarray(NODES, { minLength: 1 }),
        (moves, living) => {
          let state = EMPTY_CLUSTER
          for (const one of moves) state = foldCluster(state, decided(state, one))
          const live = new Set(living)
          const leader = leaderOf(state, live)
          if (leader === undefined) return
          state = foldCluster(
            state,
            lead(state, {
              self: leader,
              live,
              units: new Set(UNITS),
              settled: () => true,
              isLevelSettled: true,
            }),
          )
          for (const { node } of state.members.values()) expect(live.has(node)).toBe(true)
          for (const unit of UNITS) {
            const able = [...state.members.values()].some(
              ({ incarnation }) => state.declined.get(unit)?.has(incarnation) !== true,
            )
            expect(ownerOf(state, unit) !== undefined).toBe(able)
          }
        },
      ),
    )
  })
})
