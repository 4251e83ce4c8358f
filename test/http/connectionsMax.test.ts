import { expect, it } from 'vitest'
import { connectionsWithin } from '../../src/http/connectionsMax.js'

const limits = (descriptors: string): string =>
  `Limit                     Soft Limit           Hard Limit           Units
Max processes             unlimited            unlimited            processes
Max open files            ${descriptors}                 1048576              files
Max locked memory         8388608              8388608              bytes
`

it.each([
  ['1048576', 2_000],
  ['unlimited', 2_000],
  ['2128', 2_000],
  ['2127', 1_999],
  ['1024', 896],
  ['144', 16],
  ['64', 16],
])('R10: of %s descriptors the log keeps some, and %d connections are taken', (descriptors, connections) => {
  expect(connectionsWithin(limits(descriptors))).toBe(connections)
})

it('R10: where nobody says how many descriptors there are, the limit of the server holds', () => {
  expect(connectionsWithin('')).toBe(2_000)
})
