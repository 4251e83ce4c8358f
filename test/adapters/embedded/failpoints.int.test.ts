// R02: the embedded log is killed at each of its failpoints, in a process of its own, and the directory is then as good as
// the process said. LEDGERQ_R02_REPEATS=20 repeats each case so many times, always on the same directory, so that each life
// starts from what the deaths before have left; and it runs all hits of the table, instead of the first and the last one.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Promises, proved } from '../../support/embedded/failpointCheck.js'
import { FAILPOINT_VARIABLE, FAILPOINTS, type Sentence } from '../../support/embedded/failpoints.js'
import type { Line } from '../../support/embedded/failpointWork.js'
import { openLog, withDirectory } from '../../support/embedded/ledgerDirectory.js'

const REPEATS = Number(process.env['LEDGERQ_R02_REPEATS'] ?? 1)
const HIT_BEFORE_RECOVERY = 5
const child = new URL('../../support/embedded/failpointChild.js', import.meta.url)

/** Runs a process to its end at that failpoint, and notes what it said. Rejects when it ended in any other way. */
const killAt = async (sentence: Sentence, ledger: string, round: string, said: Promises): Promise<void> => {
  const running = spawn(process.execPath, [child.pathname, ledger, round], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, [FAILPOINT_VARIABLE]: JSON.stringify(sentence) },
  })
  const output = { lines: '', complaints: '' }
  running.stdout.on('data', (bytes: Buffer) => {
    output.lines += bytes.toString()
  })
  running.stderr.on('data', (bytes: Buffer) => {
    output.complaints += bytes.toString()
  })
  const [code, signal] = await once(running, 'close')
  const lines = output.lines.split('\n')
  // A line that the kill cut in two has no line break.
  for (const line of lines.slice(0, -1)) said.note(JSON.parse(line) as Line)
  expect({ code, signal, complaints: output.complaints }).toEqual({
    code: null,
    signal: 'SIGKILL',
    complaints: '',
  })
  expect(await readFile(sentence.markerFile, 'utf8')).toBe(sentence.name)
  await rm(sentence.markerFile)
}

/** Files that would take room for ever; `marks.json.tmp` and its like are small, one each, and overwritten. */
const leftoversIn = async (ledger: string): Promise<ReadonlyArray<string>> =>
  (await readdir(ledger, { recursive: true })).filter((name) => /^(segments|snapshots).*\.tmp$/.test(name))

const cases = FAILPOINTS.flatMap(({ name, where, hits, from }) =>
  hits
    .filter((_, n) => REPEATS > 1 || n === 0 || n === hits.length - 1)
    .map((hit) => ({ name, where, hit, from })),
)

describe.concurrent('R02: killed at a failpoint, nothing answered is lost, nothing refused is there, and the log goes on', () => {
  it.for(cases)(
    '$name, time $hit',
    {
      timeout: 60_000 + REPEATS * 10_000,
    },
    ({ name, where, hit, from }) =>
      withDirectory(async (directory) => {
        const said = new Promises()
        const markerFile = join(directory, 'killed-at')
        for (let repeat = 0; repeat < REPEATS; repeat++) {
          // What happens in the life of a ledger only once needs a new one.
          const happensOnce = name.startsWith('birth') || name.startsWith('first segment')
          const ledger = join(directory, happensOnce ? String(repeat) : '', 'ledger')
          const promises = happensOnce ? new Promises() : said
          if (from !== undefined)
            await killAt(
              { name: from, hit: HIT_BEFORE_RECOVERY, markerFile },
              ledger,
              `${repeat}-from`,
              promises,
            )
          await killAt({ name, hit, markerFile }, ledger, `${repeat}`, promises)
          if (where === 'log thread' && hit > 1) expect(promises.acknowledged).toBeGreaterThan(0)
          if (existsSync(join(ledger, 'meta.json'))) await proved(ledger)
          const log = await openLog(ledger)
          await promises.compareWith(log)
          await promises.goOn(log, `${repeat}-next`)
          await log.close()
          expect((await proved(ledger)).unfinishedBytes).toBe(0)
          expect(await leftoversIn(ledger)).toEqual([])
        }
      }),
  )
})
