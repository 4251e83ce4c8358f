// What is switched off in a queue: paused groups, closed gates, forced circuits; each once, sorted, and not without end.
import { describe, expect, it } from 'vitest'
import {
  type ControlEvent,
  closeGate,
  configureQueue,
  controlAtCreation,
  DEFAULT_QUEUE_CONFIG,
  evolveControl,
  forceCircuit,
  openGate,
  pauseGroup,
  type QueueControl,
  resumeGroup,
  type Switches,
} from '../../../domain/queue/index.js'
import { scheduleOf } from '../../support/schedules.js'

const by = { who: 'ann' }
const MOST = 10_000
const atFirst = controlAtCreation(DEFAULT_QUEUE_CONFIG)
const folded = (...events: ReadonlyArray<ControlEvent>): QueueControl => events.reduce(evolveControl, atFirst)
const having = (switches: Partial<Switches>): QueueControl => ({
  ...atFirst,
  switches: { ...atFirst.switches, ...switches },
})
const right = (...events: ReadonlyArray<ControlEvent>) => ({ _tag: 'Right', right: events })
const tooMany = { _tag: 'Left', left: { type: 'TooManySwitches', max: MOST } }
const names = (count: number) => Array.from({ length: count }, (_, n) => `n${n}`)

describe('B1: a group', () => {
  it('is paused once and resumed once', () => {
    const paused = folded({ type: 'GroupPaused', group: 'g', by })
    expect(pauseGroup(atFirst, 'g', by)).toEqual(right({ type: 'GroupPaused', group: 'g', by }))
    expect(pauseGroup(paused, 'g', by)).toEqual(right())
    expect(resumeGroup(paused, 'g', by)).toEqual(right({ type: 'GroupResumed', group: 'g', by }))
    expect(resumeGroup(atFirst, 'g', by)).toEqual(right())
  })

  it('is one of at most 10,000 that are paused', () => {
    expect(pauseGroup(having({ pausedGroups: names(MOST - 1) }), 'g', by)._tag).toBe('Right')
    expect(pauseGroup(having({ pausedGroups: names(MOST) }), 'g', by)).toEqual(tooMany)
    expect(pauseGroup(having({ pausedGroups: names(MOST) }), 'n5', by)).toEqual(right())
  })
})

describe('C15: a gate', () => {
  it('is closed once and opened once', () => {
    const closed = folded({ type: 'GateClosed', gate: 'ftp', by })
    expect(closeGate(atFirst, 'ftp', by)).toEqual(right({ type: 'GateClosed', gate: 'ftp', by }))
    expect(closeGate(closed, 'ftp', by)).toEqual(right())
    expect(openGate(closed, 'ftp', by)).toEqual(right({ type: 'GateOpened', gate: 'ftp', by }))
    expect(openGate(atFirst, 'ftp', by)).toEqual(right())
  })

  it('is one of at most 10,000 that are closed', () => {
    expect(closeGate(having({ closedGates: names(MOST - 1) }), 'g', by)._tag).toBe('Right')
    expect(closeGate(having({ closedGates: names(MOST) }), 'g', by)).toEqual(tooMany)
  })
})

describe('C6: a circuit', () => {
  const forced = (circuit: string, to: 'open' | 'closed' | 'auto'): ControlEvent => ({
    type: 'CircuitForced',
    circuit,
    to,
    by,
  })

  it('is forced once each way, and let go once', () => {
    expect(forceCircuit(atFirst, 'eu', 'open', by)).toEqual(right(forced('eu', 'open')))
    const open = folded(forced('eu', 'open'))
    expect(forceCircuit(open, 'eu', 'open', by)).toEqual(right())
    expect(forceCircuit(open, 'eu', 'closed', by)).toEqual(right(forced('eu', 'closed')))
    expect(forceCircuit(open, 'eu', 'auto', by)).toEqual(right(forced('eu', 'auto')))
    expect(forceCircuit(atFirst, 'eu', 'auto', by)).toEqual(right())
    expect(forceCircuit(atFirst, 'constructor', 'auto', by)).toEqual(right())
  })

  it('is one of at most 10,000 that are forced; one of those can always be let go', () => {
    const forcedOpen = (count: number) =>
      Object.fromEntries(names(count).map((name) => [name, 'open' as const]))
    expect(forceCircuit(having({ forcedCircuits: forcedOpen(MOST - 1) }), 'eu', 'open', by)._tag).toBe(
      'Right',
    )
    const full = having({ forcedCircuits: forcedOpen(MOST) })
    expect(forceCircuit(full, 'eu', 'open', by)).toEqual(tooMany)
    expect(forceCircuit(full, 'n5', 'auto', by)).toEqual(right(forced('n5', 'auto')))
  })
})

describe('the switches of a queue', () => {
  it('§4.2 have one text, in whatever order they were thrown', () => {
    const events: ReadonlyArray<ControlEvent> = [
      { type: 'GroupPaused', group: 'b', by },
      { type: 'GroupPaused', group: 'a', by },
      { type: 'GroupPaused', group: 'c', by },
      { type: 'GateClosed', gate: 'y', by },
      { type: 'GateClosed', gate: 'x', by },
      { type: 'CircuitForced', circuit: 'q', to: 'open', by },
      { type: 'CircuitForced', circuit: 'p', to: 'closed', by },
      { type: 'CircuitForced', circuit: 'r', to: 'open', by },
    ]
    const text = JSON.stringify(folded(...events).switches)
    expect(text).toBe(
      '{"pausedGroups":["a","b","c"],"closedGates":["x","y"],"forcedCircuits":{"p":"closed","q":"open","r":"open"}}',
    )
    expect(JSON.stringify(folded(...events.toReversed()).switches)).toBe(text)
    expect(folded(...events, ...events).switches).toEqual(folded(...events).switches)
  })

  it('forget what was switched back, and count as changes to adopt', () => {
    const control = folded(
      { type: 'GroupPaused', group: 'a', by },
      { type: 'GroupResumed', group: 'a', by },
      { type: 'GateClosed', gate: 'x', by },
      { type: 'GateOpened', gate: 'x', by },
      { type: 'CircuitForced', circuit: 'p', to: 'open', by },
      { type: 'CircuitForced', circuit: 'p', to: 'auto', by },
    )
    expect(control).toEqual({ ...atFirst, revision: 5 })
    const two = folded(
      { type: 'GroupPaused', group: 'a', by },
      { type: 'GroupPaused', group: 'b', by },
      { type: 'GroupResumed', group: 'a', by },
      { type: 'CircuitForced', circuit: 'p', to: 'open', by },
      { type: 'CircuitForced', circuit: 'q', to: 'closed', by },
      { type: 'CircuitForced', circuit: 'p', to: 'auto', by },
    )
    expect(two.switches).toMatchObject({ pausedGroups: ['b'], forcedCircuits: { q: 'closed' } })
  })
})

describe('§4.2 a schedule', () => {
  it('changes nothing that partitions adopt', () => {
    const set: ControlEvent = { type: 'ScheduleSet', schedule: scheduleOf({ name: 'nightly' }), after: 5, by }
    const ticked: ControlEvent = { type: 'ScheduleTicked', name: 'nightly', tick: 9, enqueued: 1, missed: 2 }
    const removed: ControlEvent = { type: 'ScheduleRemoved', name: 'nightly', by }
    expect(folded(set)).toMatchObject({ config: atFirst.config, switches: atFirst.switches, revision: -1 })
    expect(folded(set).schedules.get('nightly')).toMatchObject({ after: 5, enqueued: 0 })
    expect(folded(set, ticked).schedules.get('nightly')).toMatchObject({
      lastTick: 9,
      enqueued: 1,
      missed: 2,
    })
    expect(folded(set, ticked, removed)).toEqual(atFirst)
  })
})

it('4.1: says that another number of partitions is a resize', () => {
  expect(configureQueue(atFirst, { partitions: 2 }, by)).toEqual({
    _tag: 'Left',
    left: {
      type: 'QueueSettingsInvalid',
      field: 'partitions',
      value: 2,
      accepted: '1, as it is; another number is a resize: ledgerq queue resize NAME --partitions 2',
    },
  })
})
