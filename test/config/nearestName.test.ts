// The known name nearest to a mistyped one.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nearestName } from '../../src/config/nearestName.js'

const KNOWN = ['url', 'token', 'data', 'host', 'port', 'strict', 'queues', 'logging']

describe('E19: the nearest known name', () => {
  it.each([
    ['prot', 'port'],
    ['hots', 'host'],
    ['tokn', 'token'],
    ['TOKEN', 'token'],
    ['loging', 'logging'],
    ['queue', 'queues'],
  ])('of %s is %s', (name, nearest) => {
    expect(nearestName(name, KNOWN)).toBe(nearest)
  })

  it('is the name itself where it is known, and one of the known always', () => {
    for (const name of KNOWN) expect(nearestName(name, KNOWN)).toBe(name)
    const property = fc.property(fc.string({ maxLength: 200 }), (name) => {
      expect(KNOWN).toContain(nearestName(name, KNOWN))
    })
    fc.assert(property)
    expect(nearestName('a', [])).toBeUndefined()
  })

  it('survives one slip of the finger', () => {
    const long = KNOWN.filter((name) => name.length > 4)
    const slip = fc.tuple(fc.constantFrom(...long), fc.nat(), fc.constantFrom('drop', 'double', 'swap'))
    fc.assert(
      fc.property(slip, ([name, somewhere, kind]) => {
        const at = somewhere % (name.length - 1)
        const [a = '', b = ''] = [name[at], name[at + 1]]
        const middle = kind === 'drop' ? a : kind === 'double' ? `${a}${a}${b}` : `${b}${a}`
        expect(nearestName(name.slice(0, at) + middle + name.slice(at + 2), KNOWN)).toBe(name)
      }),
    )
  })
})
