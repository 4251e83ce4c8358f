// Are the checks worth anything? Each mistake of test/planted/bugs.ts is made in a copy of the sources, one at a time, and the
// simulation (or the test that is named with it) has to notice. `npm run planted -- --name cap-off-by-one --seeds 500`; with
// `--jobs 2` two processes look at every second bug each, in copies of their own.
import { fork, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { wholeNumbersOf } from './wholeNumber.mjs'

const COPIED = ['domain', 'projections', 'src', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts']
/** What takes longer waits for something that does not come. */
const ONE_BUG_MS = 600_000

const { values } = parseArgs({
  options: {
    name: { type: 'string', multiple: true, default: [] },
    seeds: { type: 'string', default: '1000' },
    jobs: { type: 'string', default: '1' },
  },
})
const repository = fileURLToPath(new URL('..', import.meta.url))
const wholeNumber = wholeNumbersOf(values)
const [seeds, jobs] = ['seeds', 'jobs'].map(wholeNumber)
/** Set in the processes that this one starts: which share of the bugs is theirs. */
const job = process.env.LEDGERQ_PLANTED_JOB

const copy = mkdtempSync(join(tmpdir(), 'ledgerq-planted-'))
process.on('exit', () => rmSync(copy, { recursive: true, force: true }))
process.on('SIGINT', () => process.exit(130))

const run = (program, args) => {
  const env = { ...process.env, NO_COLOR: '1' }
  const options = { cwd: copy, env, encoding: 'utf8', timeout: ONE_BUG_MS, killSignal: 'SIGKILL' }
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [program, ...args], options)
  return { status, text: `${stdout}${stderr}`, isLate: error?.code === 'ETIMEDOUT' }
}

// Types are not checked: a mistake may well leave a name unused.
const compile = () => {
  const { status, text } = run(join(repository, 'node_modules/typescript/bin/tsc'), ['-p', 'planted.json'])
  if (status !== 0) throw new Error(`the copy does not compile:\n${text}`)
}

const simulate = () => {
  const { text, isLate } = run(join(repository, 'scripts/sim.mjs'), [
    ...['--json', '--dist', join(copy, 'dist'), '--seeds', String(seeds)],
  ])
  if (isLate) return { broken: 'a run never ends', runs: Number.NaN }
  const line = text.split('\n').find((one) => one.startsWith('{'))
  if (line === undefined) throw new Error(`the simulation did not begin:\n${text}`)
  const told = JSON.parse(line)
  return told.ok
    ? { runs: told.runs }
    : { runs: told.runs, broken: told.broken.split('\n')[1] ?? told.broken }
}

const runTest = (file) => {
  const vitest = join(repository, 'node_modules/vitest/vitest.mjs')
  const { status, text, isLate } = run(vitest, ['run', '--project', 'unit', file])
  if (status === 0) return undefined
  const failed = /^\s*(?:FAIL|×)\s+(.*)$/m.exec(text)
  if (failed === null && !isLate) throw new Error(`${file} did not run:\n${text}`)
  return failed?.[1] ?? 'the test never ends'
}

/** The edits of a bug in the copy; answers how to take them back. */
const plant = ({ name, edits }) => {
  const before = new Map()
  for (const { file, from, to } of edits) {
    const path = join(copy, file)
    const text = readFileSync(path, 'utf8')
    if (!before.has(path)) before.set(path, text)
    if (text.split(from).length !== 2) throw new Error(`${name}: its lines stand not exactly once in ${file}`)
    writeFileSync(
      path,
      text.replace(from, () => to),
    )
  }
  return () => {
    for (const [path, text] of before) writeFileSync(path, text)
  }
}

const look = (bug) => {
  const unplant = plant(bug)
  try {
    compile()
    if (bug.foundBy !== 'simulation') {
      const failed = runTest(bug.foundBy)
      return { isFound: failed !== undefined, by: bug.foundBy, seeds: '', how: failed ?? 'nothing failed' }
    }
    const { broken, runs } = simulate()
    const needed = broken === undefined ? `> ${runs}` : String(runs + 1)
    return { isFound: broken !== undefined, by: 'simulation', seeds: needed, how: broken ?? 'nothing broke' }
  } finally {
    unplant()
  }
}

for (const name of COPIED) cpSync(join(repository, name), join(copy, name), { recursive: true })
symlinkSync(join(repository, 'node_modules'), join(copy, 'node_modules'))
const options = { noEmit: false, noCheck: true, outDir: 'dist', declaration: false, sourceMap: false }
const include = ['domain', 'projections', 'src', 'test/support', 'test/planted/bugs.ts']
writeFileSync(
  join(copy, 'planted.json'),
  JSON.stringify({ extends: './tsconfig.json', compilerOptions: options, include, exclude: ['dist'] }),
)
compile()
const { PLANTED_BUGS } = await import(pathToFileURL(join(copy, 'dist/test/planted/bugs.js')))
const bugs = PLANTED_BUGS.filter(({ name }) => values.name.length === 0 || values.name.includes(name))
if (bugs.length === 0) {
  console.error(
    `there is no planted bug ${values.name.join(' nor ')}; there are ${PLANTED_BUGS.map((bug) => bug.name).join(', ')}`,
  )
  process.exit(2)
}

/** Every so manieth bug, from the one with this number on. */
const lookAtShare = (first, stride, told) => {
  for (let number = first; number < bugs.length; number += stride) told({ number, ...look(bugs[number]) })
}

const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)
const escaped = []
const tell = ({ number, isFound, by, seeds: needed, how }) => {
  const bug = bugs[number]
  if (!isFound) escaped.push(bug.name)
  row(bug.name, bug.breaks, isFound ? by : '**nothing**', needed, how.replaceAll('|', '/').slice(0, 110))
}

/** Rejects when one of them could not do its share. */
const lookInProcesses = () =>
  Promise.all(
    Array.from({ length: jobs }, (_, share) => {
      const env = { ...process.env, LEDGERQ_PLANTED_JOB: String(share) }
      const child = fork(fileURLToPath(import.meta.url), process.argv.slice(2), { env })
      child.on('message', tell)
      return new Promise((resolve, reject) => {
        child.on('exit', (code) =>
          code === 0 ? resolve() : reject(new Error(`share ${share} ended with ${code}`)),
        )
      })
    }),
  )

if (job === undefined) {
  const clean = simulate()
  if (clean.broken !== undefined) throw new Error(`without any bug: ${clean.broken}`)
  console.log(`without a bug: ${clean.runs} seeds, nothing broke\n`)
  row('bug', 'breaks', 'found by', 'seeds', 'how')
  row('---', '---', '---', '--:', '---')
  if (jobs === 1) lookAtShare(0, 1, tell)
  else await lookInProcesses()
  console.log(`\n${bugs.length - escaped.length} of ${bugs.length} found`)
  if (escaped.length > 0) {
    console.log(`escaped: ${escaped.join(', ')}`)
    process.exitCode = 1
  }
} else {
  lookAtShare(Number(job), jobs, (message) => process.send?.(message))
  process.disconnect?.()
}
