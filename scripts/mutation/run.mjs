// One process of vitest after the other, until each mistake of a target has its verdict. A process that no longer gets on (a
// mistake that never ends, in code that counts no steps) is ended, and the mistake it was at counts as noticed.
import { spawn } from 'node:child_process'
import { existsSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

const LOOK_EVERY_MS = 500
/** Looks without a sign of life: ticks, not time, so that a machine that was stopped for a while ends nothing. */
const LOOKS_MAX = 120

const settingsOf = (copy, testFiles) => `
import { defineConfig } from 'vitest/config'
export default defineConfig({
  test: {
    include: ${JSON.stringify(testFiles)},
    runner: ${JSON.stringify(join(copy, 'scripts/mutation/runner.mjs'))},
    setupFiles: [${JSON.stringify(join(copy, 'scripts/mutation/sameChance.mjs'))}],
    pool: 'forks', isolate: false, fileParallelism: false, maxWorkers: 1,
    testTimeout: 600_000, teardownTimeout: 1_000, silent: true, reporters: ['dot'],
    dangerouslyIgnoreUnhandledErrors: true,
    env: { SIM_RUNS: '20' },
  },
})
`

const linesOf = (path) =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line))
    : []

/** Whether it ended by itself. */
const oneProcess = async (copy, plan, paths) => {
  writeFileSync(paths.plan, JSON.stringify(plan))
  rmSync(paths.beat, { force: true })
  const out = openSync(paths.output, 'a')
  const vitest = join(copy, 'node_modules/vitest/vitest.mjs')
  const child = spawn(process.execPath, [vitest, 'run', '--config', paths.settings], {
    cwd: copy,
    detached: true,
    stdio: ['ignore', out, out],
    env: { ...process.env, NO_COLOR: '1', MUTATION_PLAN: paths.plan },
  })
  const endAll = () => process.kill(-child.pid, 'SIGKILL')
  process.on('exit', endAll)
  let hasEnded = false
  child.on('exit', () => {
    hasEnded = true
    process.off('exit', endAll)
  })
  let looks = 0
  let last = 0
  while (!hasEnded && looks < LOOKS_MAX) {
    await pause(LOOK_EVERY_MS)
    const beat = [paths.beat, paths.verdicts, paths.output].reduce(
      (latest, path) => Math.max(latest, existsSync(path) ? statSync(path).mtimeMs : 0),
      0,
    )
    looks = beat === last ? looks + 1 : 0
    last = beat
  }
  if (hasEnded) return true
  endAll()
  while (!hasEnded) await pause(LOOK_EVERY_MS)
  return false
}

/** The verdict on each of `ids`, by id. `say` hears how far it is. */
export const verdictsOn = async ({ copy, folder, mutants, ids, own, always, testFiles, say }) => {
  const names = ['plan', 'known', 'verdicts', 'beat', 'output', 'settings']
  const paths = Object.fromEntries(names.map((name) => [name, join(folder, name)]))
  paths.settings = join(copy, 'mutation.config.mjs')
  writeFileSync(paths.settings, settingsOf(copy, testFiles))
  const verdicts = new Map()
  let todo = ids
  /** To be tried once more, and looked at one by one: something was left behind when they were tried. */
  let careful = []
  while (todo.length > 0) {
    rmSync(paths.verdicts, { force: true })
    const { known, verdicts: told, beat } = paths
    const plan = {
      mutants,
      todo,
      careful,
      own,
      always,
      testFiles: testFiles.length,
      known,
      verdicts: told,
      beat,
    }
    const endedByItself = await oneProcess(copy, plan, paths)
    const lines = linesOf(paths.verdicts)
    for (const { broken } of lines) if (broken !== undefined) say(`fails without any mistake: ${broken}`)
    for (const { id, verdict, by } of lines) if (id !== undefined) verdicts.set(id, { verdict, by })
    const at = lines.findLast((line) => line.begin !== undefined)?.begin
    if (at === undefined) throw new Error(`no test was called, see ${paths.output}`)
    if (!verdicts.has(at)) {
      verdicts.set(at, { verdict: 'timeout', by: endedByItself ? 'the process ended' : 'it never ended' })
    }
    careful = lines.find((line) => line.again !== undefined)?.again ?? []
    for (const id of careful) verdicts.delete(id)
    todo = [...careful, ...todo.filter((id) => !verdicts.has(id) && !careful.includes(id))]
    say(`${verdicts.size} of ${ids.length}`)
  }
  return verdicts
}
