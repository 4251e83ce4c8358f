// A broken invariant must be told apart from every other error, because only the supervisor may catch it.
import { describe, expect, it } from 'vitest'
import { Defect, invariant } from '../../domain/invariant.js'

describe('invariant', () => {
  it('lets a condition that holds pass', () => {
    expect(() => invariant(true, 'I1 holds')).not.toThrow()
  })

  it('throws a Defect that carries the message when the condition does not hold', () => {
    expect(() => invariant(0 > 1, 'I1 broken')).toThrow(new Defect('I1 broken'))
  })

  it('narrows the type of what it has checked', () => {
    const found = new Map([['a', 1]]).get('a')
    invariant(found !== undefined, 'I2 the entry was just put there')
    expect(found + 1).toBe(2)
  })

  it('names the error, so that a log line shows a defect as one', () => {
    const defect = new Defect('I3 two live leases')
    expect(defect).toBeInstanceOf(Error)
    expect(String(defect)).toBe('Defect: I3 two live leases')
  })
})
