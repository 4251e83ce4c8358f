// Text for people: aligned, bounded, and safe whatever a message holds.
import { describe, expect, it } from 'vitest'
import { duration, facts, grouped, shortJson, table } from '../../src/cli/table.js'

const UNPRINTABLE = /[\p{Cc}\u202e]/u

const COLUMNS = [
  { title: 'id', cell: ({ id }: { id: string; n?: number }) => id },
  { title: 'n', cell: ({ n }: { id: string; n?: number }) => n, align: 'right' as const },
]

describe('tables', () => {
  it('align their columns, group digits and mark what is absent', () => {
    expect(table([{ id: 'a', n: 1_234_567 }, { id: 'long', n: 1 }, { id: 'b' }], COLUMNS)).toBe(
      ['ID            N', 'a     1,234,567', 'long          1', 'b             –'].join('\n'),
    )
  })

  it('are cut at the width of the terminal', () => {
    expect(table([{ id: 'a'.repeat(50), n: 1 }], COLUMNS, 10).split('\n')[1]).toBe('aaaaaaaaa…')
  })

  it('keep escape sequences, line breaks and direction marks of messages out of the terminal', () => {
    const text = table([{ id: 'a\u001b[2J\nb\u202ec' }], COLUMNS)
    const lines = text.split('\n')
    expect(lines).toHaveLength(2)
    expect(lines.join('')).not.toMatch(UNPRINTABLE)
    expect(facts([['id', '\u001b]0;x\u0007']])).not.toMatch(UNPRINTABLE)
  })
})

describe('facts, numbers and durations', () => {
  it('leave out what is absent', () => {
    expect(
      facts([
        ['a', 1],
        ['bcd', undefined],
        ['bc', 'x'],
      ]),
    ).toBe('a   1\nbc  x')
  })

  it.each([
    [0, '0ms'],
    [999, '999ms'],
    [1_500, '1.5s'],
    [90_000, '1m 30s'],
    [3_600_000, '1h'],
    [90_061_000, '1d 1h'],
  ])('%d ms is %s', (ms, text) => {
    expect(duration(ms)).toBe(text)
  })

  it('groups digits alike in every locale, and cuts JSON', () => {
    expect([grouped(999), grouped(1_000), grouped(-1_234_567.5)]).toEqual(['999', '1,000', '-1,234,567.5'])
    expect(shortJson({ a: 'x'.repeat(100) }, 10)).toBe('{"a":"xxx…')
  })
})
