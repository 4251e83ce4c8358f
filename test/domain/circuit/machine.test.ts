// The state machine one step at a time, with plain numbers; what long histories come to is held against a recount in
// test/projections/circuits.
import { describe, expect, it } from 'vitest'
import { circuitCodecs } from '../../../domain/circuit/codecs.js'
import {
  admitsOne,
  CIRCUIT_CLOSED,
  type CircuitEvent,
  type CircuitSettings,
  type CircuitState,
  circuit,
  circuitOf,
  decideCircuit,
  evolveCircuit,
  noteAttemptStarted,
  noteFailure,
  noteNeutral,
  noteSuccess,
} from '../../../domain/circuit/index.js'

const NOBODY = 0
const settings = circuit({
  failureThreshold: 3,
  windowMs: 100,
  openMs: 50,
  probesMax: 2,
  successThreshold: 2,
})

const decided = (state: CircuitState, at: number, by = settings) => decideCircuit('db', state, at, by)
const opened = (retryAt: number, reason: 'failureThreshold' | 'probeFailed' | 'failureShare') =>
  ({ type: 'CircuitOpened', circuit: 'db', reason, retryAt }) as const
const halfOpened: CircuitEvent = { type: 'CircuitHalfOpened', circuit: 'db' }

const failedAt = (times: number[], by: CircuitSettings = settings): CircuitState =>
  times.reduce<CircuitState>((state, at) => noteFailure(state, NOBODY, at, by), CIRCUIT_CLOSED)

/** Opened at 100 for 50 ms, tried again from 150 on, with probes 7 and 8 running. */
const probing = (): CircuitState => {
  const open = evolveCircuit(CIRCUIT_CLOSED, opened(150, 'failureThreshold'), 100)
  const half = evolveCircuit(open, halfOpened, 150)
  return [7, 8].reduce((state, fence) => noteAttemptStarted(state, fence, settings), half)
}

describe('C6: a closed circuit', () => {
  it('opens with the failure that reaches the threshold, and says when it is tried again', () => {
    expect(decided(failedAt([10, 20]), 20)).toBeUndefined()
    expect(decided(failedAt([10, 20, 30]), 30)).toEqual(opened(80, 'failureThreshold'))
  })

  it('counts a failure for exactly as long as the window is', () => {
    expect(decided(failedAt([1, 50, 100]), 100)).toEqual(opened(150, 'failureThreshold'))
    expect(decided(failedAt([0, 50, 100]), 100)).toBeUndefined()
  })

  it('is not reset by a success: what counts is the window', () => {
    const state = noteSuccess(failedAt([10, 20]), NOBODY, 25, settings)
    expect(decided(noteFailure(state, NOBODY, 30, settings), 30)).toEqual(opened(80, 'failureThreshold'))
  })

  it('forgets what has left the window', () => {
    expect(noteSuccess(failedAt([10, 20]), NOBODY, 120, settings)).toEqual(CIRCUIT_CLOSED)
  })

  it('adaptive: half of the calls are enough from 3 failures on, and the threshold stays enough', () => {
    const adaptive = circuit({ ...settings, adaptive: true, failureThreshold: 5 })
    const calls = (outcomes: string) =>
      [...outcomes].reduce<CircuitState>(
        (state, outcome, at) => (outcome === 'x' ? noteFailure : noteSuccess)(state, NOBODY, at, adaptive),
        CIRCUIT_CLOSED,
      )
    expect(decided(calls('xx'), 9, adaptive)).toBeUndefined()
    expect(decided(calls('...xxx'), 9, adaptive)).toEqual(opened(59, 'failureShare'))
    expect(decided(calls('....xxx'), 9, adaptive)).toBeUndefined()
    expect(decided(calls('....xxxx'), 9, adaptive)).toEqual(opened(59, 'failureShare'))
    expect(decided(calls('.....................xxxxx'), 30, adaptive)).toEqual(opened(80, 'failureThreshold'))
    // Without it the same calls are nothing to speak of.
    expect(decided(calls('...xxx'), 9, circuit({ ...settings, failureThreshold: 5 }))).toBeUndefined()
  })

  it('adaptive: calls that have left the window, slice by slice, are no longer counted', () => {
    const adaptive = circuit({ ...settings, adaptive: true, failureThreshold: 5 })
    let state: CircuitState = CIRCUIT_CLOSED
    for (let at = 0; at < 20; at++) state = noteSuccess(state, NOBODY, at, adaptive)
    for (const at of [90, 95, 108]) state = noteFailure(state, NOBODY, at, adaptive)
    // The slice from 0 to 9 stays until 109, the one from 10 to 19 until 119.
    expect(decided(state, 109, adaptive)).toBeUndefined()
    expect(decided(state, 119, adaptive)).toBeUndefined()
    expect(decided(state, 120, adaptive)).toEqual(opened(170, 'failureShare'))
  })
})

describe('C6: an open circuit', () => {
  const open = evolveCircuit(CIRCUIT_CLOSED, opened(150, 'failureThreshold'), 100)

  it('lets nothing start, until its time has come', () => {
    expect(admitsOne(open, settings)).toBe(false)
    expect(decided(open, 149)).toBeUndefined()
    expect(decided(open, 150)).toEqual(halfOpened)
  })

  it('learns nothing from attempts that were already running', () => {
    expect(noteFailure(open, 3, 120, settings)).toBe(open)
    expect(noteSuccess(open, 3, 120, settings)).toBe(open)
  })
})

describe('C6: a half-open circuit', () => {
  it('lets no more than probesMax attempts run at once', () => {
    expect(admitsOne(probing(), settings)).toBe(false)
    expect(admitsOne(noteNeutral(probing(), 7), settings)).toBe(true)
  })

  it('closes after successThreshold successes', () => {
    const once = noteSuccess(probing(), 7, 160, settings)
    expect(decided(once, 160)).toBeUndefined()
    const twice = noteSuccess(once, 8, 165, settings)
    expect(decided(twice, 165)).toEqual({ type: 'CircuitClosed', circuit: 'db', reason: 'probesSucceeded' })
  })

  it('opens again with the first probe that fails, and lets nothing start before that is recorded', () => {
    const failed = noteFailure(probing(), 8, 160, settings)
    expect(admitsOne(failed, settings)).toBe(false)
    expect(decided(failed, 160)).toEqual(opened(210, 'probeFailed'))
  })

  it('stays open for no shorter time than before, also when the settings were shortened meanwhile', () => {
    const failed = noteFailure(probing(), 8, 160, settings)
    expect(decided(failed, 160, circuit({ ...settings, openMs: 10 }))).toEqual(opened(210, 'probeFailed'))
    expect(decided(failed, 160, circuit({ ...settings, openMs: 70 }))).toEqual(opened(230, 'probeFailed'))
  })

  it('asks nothing of attempts from before the opening, nor of those handed back', () => {
    const state = probing()
    expect(noteFailure(state, 3, 160, settings)).toBe(state)
    expect(noteSuccess(state, 3, 160, settings)).toBe(state)
    expect(noteNeutral(state, 3)).toBe(state)
    expect(decided(noteNeutral(state, 7), 160)).toBeUndefined()
  })

  it('begins anew after each opening: late probes of the last time say nothing', () => {
    const reopened = evolveCircuit(noteFailure(probing(), 8, 160, settings), opened(210, 'probeFailed'), 160)
    const again = evolveCircuit(reopened, halfOpened, 210)
    expect(noteSuccess(again, 7, 220, settings)).toBe(again)
    expect(noteFailure(again, 7, 220, settings)).toBe(again)
  })
})

describe('C6: the events of a circuit', () => {
  it('are read back as they were stored', () => {
    const closed: CircuitEvent = { type: 'CircuitClosed', circuit: 'db', reason: 'probesSucceeded' }
    for (const event of [opened(7, 'failureShare'), halfOpened, closed]) {
      const codec = circuitCodecs[event.type]
      // Each codec takes its own event; the loop is over all three.
      const stored: unknown = JSON.parse(
        JSON.stringify((codec.encode as (e: CircuitEvent) => unknown)(event)),
      )
      expect(codec.decode(1, stored)).toMatchObject({ right: event })
    }
  })

  it('say all by themselves: the prefix that held the opening may be cut', () => {
    expect(evolveCircuit(CIRCUIT_CLOSED, halfOpened, 5)).toMatchObject({ _tag: 'HalfOpen', since: 5 })
  })

  it('name the circuit by the zone, or "default"', () => {
    expect([circuitOf('eu'), circuitOf(undefined)]).toEqual(['eu', 'default'])
  })
})
