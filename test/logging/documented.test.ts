// docs/logging.md names every line that the source can write, and no other.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const repository = new URL('../../', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, repository), 'utf8')

const LEVELLED =
  /(?:\bline\('(?:debug|info|warn|error)',\s*|\blogger\.(?:debug|info|warn|error)\(|event: )'([a-z ]+)'/g

describe('E18: docs/logging.md', () => {
  it('lists every event that is logged', () => {
    const files = [
      ...readdirSync(new URL('src/logging', repository)).map((name) => `src/logging/${name}`),
      'src/cli/serverLog.ts',
    ]
    const written = files.flatMap((path) => [...read(path).matchAll(LEVELLED)].map((match) => match[1]))
    const lines = /## Lines\n([\s\S]*?)\n\n[^|\n]/.exec(read('docs/logging.md'))?.[1] ?? ''
    const listed = lines
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1]))
    expect(written.length).toBeGreaterThan(10)
    expect([...new Set(listed)].sort()).toEqual([...new Set(written)].sort())
  })
})
