// R29, C13: one message kills its process each time it runs, in real processes on one directory.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const CHILD = new URL('../support/poisonChild.js', import.meta.url)
const POISON = 3
const MESSAGES = 20
/** One first run and three retries of type CRASH. */
const RUNS = 4

type Start = { start: number; attempt: number; running: number }
type End = {
  succeeded: number
  dead: ReadonlyArray<{ payload: { n: number }; attempts: number; reason: string }>
}

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ledgerq-poison-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const run = (task: string): Promise<{ how: number | string | null; lines: ReadonlyArray<Start | End> }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [CHILD.pathname, directory, task, String(MESSAGES), String(POISON)])
    let out = ''
    child.stdout.on('data', (bytes: Buffer) => {
      out += bytes.toString()
    })
    child.once('close', (code, signal) => {
      const lines = out.split('\n').filter((line) => line.endsWith('}'))
      resolve({ how: signal ?? code, lines: lines.map((line) => JSON.parse(line) as Start | End) })
    })
  })

test('R29 C13 C5 a message that kills its process runs alone, counts itself out, and its neighbours do not pay', async () => {
  expect((await run('seed')).how).toBe(0)
  const first = await run('work')
  expect(first.how).toBe('SIGKILL')
  for (let crash = 2; crash <= RUNS; crash++) {
    const { how, lines } = await run('work')
    expect(how).toBe('SIGKILL')
    // After the first crash everything that ran is in doubt, and runs alone; nothing new starts before the poison.
    for (const line of lines as ReadonlyArray<Start>) expect(line.running).toBe(1)
    expect(lines.at(-1)).toMatchObject({ start: POISON, attempt: crash })
  }
  const { how, lines } = await run('work')
  expect(how).toBe(0)
  const end = lines.at(-1) as End
  expect(end).toEqual({
    succeeded: MESSAGES - 1,
    dead: [{ payload: { n: POISON }, attempts: RUNS, reason: 'poison' }],
  })
  const attempts = (lines.slice(0, -1) as ReadonlyArray<Start>).map(({ attempt }) => attempt)
  expect(Math.max(...attempts)).toBeLessThanOrEqual(2)
})
