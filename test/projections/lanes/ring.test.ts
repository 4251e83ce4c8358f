// A round of turns, as a plain list would keep it.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type InRing, Ring } from '../../../projections/lanes/ring.js'

interface Member extends InRing<Member> {
  readonly name: number
}
const members = (): Member[] =>
  Array.from({ length: 6 }, (_, name) => ({ name, next: undefined, previous: undefined }))
/** Once around from the one whose turn it is, forwards and backwards. */
const around = (ring: Ring<Member>): number[] => {
  const { first } = ring
  if (first === undefined) return []
  const [forwards, backwards]: [number[], number[]] = [[], []]
  for (let member: Member | undefined = first; member && forwards.length < 9; ) {
    forwards.push(member.name)
    member = member.next === first ? undefined : member.next
  }
  for (let member = first.previous; member && backwards.length < 9; ) {
    backwards.push(member.name)
    member = member === first ? undefined : member.previous
  }
  expect(backwards.toReversed()).toEqual([...forwards.slice(0, 1), ...forwards.slice(1)])
  return forwards
}
const step = fc.record({
  what: fc.constantFrom('add', 'add', 'remove', 'toBack', 'turn'),
  name: fc.nat({ max: 5 }),
})

describe('a round of turns', () => {
  it('B8: is the list that the same steps make, whoever leaves out of turn', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const all = members()
        const ring = new Ring<Member>()
        let list: number[] = []
        for (const { what, name } of steps) {
          const member = all[what === 'turn' ? (list[0] ?? 0) : name]
          if (member === undefined) throw new Error('no such member')
          if (what === 'add') {
            ring.add(member)
            if (!list.includes(name)) list.push(name)
          } else if (what === 'remove') {
            ring.remove(member)
            list = list.filter((one) => one !== name)
          } else {
            ring.toBack(member)
            if (list.includes(member.name)) list = [...list.filter((one) => one !== member.name), member.name]
          }
          expect(around(ring)).toEqual(list)
          // Whoever has left holds on to nobody.
          const alone = all.filter(({ next, previous }) => next === undefined && previous === undefined)
          const linked = all.filter(({ next, previous }) => next !== undefined && previous !== undefined)
          expect([alone.length, linked.length]).toEqual([6 - list.length, list.length])
        }
      }),
      { numRuns: 300 },
    )
  })
})
