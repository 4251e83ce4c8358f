// What a circuit keeps in memory stays small, however much happens while it is watched (C6).
import { describe, expect, it } from 'vitest'
import {
  CIRCUIT_CLOSED,
  type CircuitState,
  circuit,
  evolveCircuit,
  noteFailure,
  noteSuccess,
} from '../../../domain/circuit/index.js'

const adaptive = circuit({ failureThreshold: 3, windowMs: 100, adaptive: true })
const NOBODY = 0

describe('C6: what a closed circuit remembers', () => {
  it('is one number for each tenth of its window, however many calls there were', () => {
    let state: CircuitState = CIRCUIT_CLOSED
    for (const at of [0, 0, 9, 10, 19, 19, 19, 25]) state = noteSuccess(state, NOBODY, at, adaptive)
    expect(state).toEqual({
      _tag: 'Closed',
      failures: [],
      calls: [
        [0, 3],
        [10, 4],
        [20, 1],
      ],
    })
    for (let at = 26; at < 1_000; at++) state = noteSuccess(state, NOBODY, at, adaptive)
    expect(state._tag === 'Closed' && state.calls.length).toBe(11)
  })

  it('is no call at all without the share rule', () => {
    const plain = circuit({ failureThreshold: 3, windowMs: 100 })
    expect(noteSuccess(CIRCUIT_CLOSED, NOBODY, 5, plain)).toEqual(CIRCUIT_CLOSED)
  })

  it('is no more failures than it takes to open, also while an operator keeps it closed', () => {
    let state: CircuitState = CIRCUIT_CLOSED
    for (let at = 0; at < 20; at++) state = noteFailure(state, NOBODY, at, adaptive)
    expect(state).toMatchObject({ failures: [17, 18, 19] })
  })
})

describe('C6: a circuit whose opening was cut from the log', () => {
  it('is half-open without a time it had been open', () => {
    expect(evolveCircuit(CIRCUIT_CLOSED, { type: 'CircuitHalfOpened', circuit: 'db' }, 5)).toEqual({
      _tag: 'HalfOpen',
      since: 5,
      openForMs: 0,
      probes: [],
      successes: 0,
      failed: false,
    })
  })
})
