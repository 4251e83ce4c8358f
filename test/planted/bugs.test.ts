// The catalogue of planted bugs fits the sources: a bug whose lines are gone would prove nothing.
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { PLANTED_BUGS } from './bugs.js'

const times = (text: string, part: string): number => text.split(part).length - 1

describe('planted bugs', () => {
  it('are thirty at least, each with a name of its own', () => {
    expect(PLANTED_BUGS.length).toBeGreaterThanOrEqual(30)
    expect(new Set(PLANTED_BUGS.map(({ name }) => name)).size).toBe(PLANTED_BUGS.length)
  })

  it.each(PLANTED_BUGS)('$name: its lines stand once in the sources, and what finds it exists', (bug) => {
    const texts = new Map<string, string>()
    for (const { file, from, to } of bug.edits) {
      const text = texts.get(file) ?? readFileSync(file, 'utf8')
      expect(times(text, from), `${file}: ${from}`).toBe(1)
      expect(to).not.toBe(from)
      texts.set(
        file,
        text.replace(from, () => to),
      )
    }
    if (bug.foundBy !== 'simulation') expect(existsSync(bug.foundBy), bug.foundBy).toBe(true)
  })
})
