// Long runs of the simulation: `npm run sim -- --seeds 10000 --from 1 --jobs 2`. Says every few seconds how far it is; a seed that
// breaks a promise is made as small as it gets and shown with the command that runs it again; at the end each fault and rare
// state must have happened. `--twice` runs each seed twice and compares their logs, `--dist` names another folder of compiled
// sources, `--json` prints one line for programs, `--steps` and `--without` run less of a seed, of the engine unless `--part` says
// ledger or log.
import { fork } from 'node:child_process'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { wholeNumbersOf } from './wholeNumber.mjs'

const SAY_EVERY_MS = 5_000

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '1' },
    dist: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
    steps: { type: 'string' },
    without: { type: 'string' },
    part: { type: 'string' },
    twice: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const wholeNumber = wholeNumbersOf(values)
const [seeds, from, jobs] = ['seeds', 'from', 'jobs'].map(wholeNumber)
const dist = (file) => pathToFileURL(join(resolve(values.dist), 'test/support', file))

const { SeededRuns, SOMETIMES, SEEN_MIN, COUNTED_FROM_RUNS, shrinkSeed } = await import(
  dist('simulationSeeds.js')
)
const { stepsOf } = await import(dist('simulationShrink.js'))

const say = (text) => {
  if (!values.json) console.log(text)
}
const isLess = values.steps !== undefined || values.without !== undefined
const isPart = isLess || values.part !== undefined
if (values.part !== undefined && !['engine', 'ledger', 'log'].includes(values.part)) {
  console.error(`--part takes engine, ledger or log, not ${values.part}`)
  process.exit(2)
}
const options = {
  twice: values.twice,
  ...(isPart ? { part: values.part ?? 'engine' } : {}),
  ...(values.steps === undefined ? {} : { steps: stepsOf(values.steps) }),
  ...(values.without === undefined ? {} : { without: new Set(values.without.split(',')) }),
}

const runs = new SeededRuns()
const beganMs = performance.now()
const perSecond = () => Math.round((runs.runs * 1_000) / Math.max(1, performance.now() - beganMs))
let saidMs = beganMs
const sayProgress = () => {
  if (performance.now() - saidMs < SAY_EVERY_MS) return
  saidMs = performance.now()
  say(`${runs.runs} of ${seeds} seeds, ${perSecond()} a second, ${runs.events} events`)
}

/** Every so manieth seed; a process of its own tells its parent of each that it begins and has kept. */
const runHere = async (first, stride, told) => {
  for (let seed = first; seed < from + seeds; seed += stride) {
    told({ began: seed })
    const own = new SeededRuns()
    try {
      await own.run(seed, options)
    } catch (error) {
      return told({ broken: error.message, seed, part: error.part })
    }
    told({ kept: own.sums() })
  }
  told({ done: true })
}

const NEVER_ENDS = 'never ends: it waits for something that does not come'
/** Resolves to what broke, or to undefined. */
const runAlone = () =>
  new Promise((resolve) => {
    let seed = from
    // A run that waits for something that never comes leaves Node with nothing to do.
    process.on('exit', () => {
      if (seed !== undefined) tellBroken({ seed, broken: `seed ${seed} ${NEVER_ENDS}` })
    })
    const told = ({ began, kept, broken, done, part, seed: failed }) => {
      if (began !== undefined) seed = began
      if (kept !== undefined) runs.add(kept)
      sayProgress()
      if (broken === undefined && done !== true) return
      seed = undefined
      resolve(broken === undefined ? undefined : { seed: failed, broken, part })
    }
    void runHere(from, 1, told)
  })

const runInProcesses = () =>
  new Promise((resolve) => {
    const children = Array.from({ length: jobs }, (_, job) => {
      const env = { ...process.env, LEDGERQ_SIM_JOB: String(job) }
      const child = fork(fileURLToPath(import.meta.url), process.argv.slice(2), { env })
      let seed
      child.on('message', ({ began, kept, broken, done, part, seed: failed }) => {
        if (began !== undefined) seed = began
        if (kept !== undefined) runs.add(kept)
        sayProgress()
        if (broken !== undefined) end({ seed: failed, broken, part })
        if (done === true) seed = undefined
      })
      child.on('exit', () => {
        if (seed !== undefined) end({ seed, broken: `seed ${seed} ${NEVER_ENDS}` })
        left--
        if (left === 0) resolve(undefined)
      })
      return child
    })
    let left = children.length
    const end = (broken) => {
      for (const child of children) child.kill()
      resolve(broken)
    }
  })

const tellBroken = ({ seed, broken, part, ...shrunk }) => {
  process.exitCode = 1
  if (values.json)
    return console.log(JSON.stringify({ ok: false, runs: runs.runs, seed, part, broken, ...shrunk }))
  console.log(`\n${broken}\n\nseed ${seed} broke a promise after ${runs.runs} clean runs. Show it again:`)
  console.log(
    `  npm run sim -- --seeds 1 --from ${seed}${part === undefined ? '' : ` --part ${part}`}${shrunk.again ?? ''}`,
  )
}

const explain = async (found) => {
  if (values.json || isLess || found.part === undefined) return tellBroken(found)
  say(`\nseed ${found.seed} broke a promise; looking for the least of it that still does ...`)
  const shrunk = await shrinkSeed(found.seed, found.part)
  // What does not break by itself is told as it is.
  if (shrunk === undefined) return tellBroken(found)
  const { steps, without, report } = shrunk
  const text = [...report.broken, '--- asked', ...report.trace, '--- in the log', ...report.log].join('\n')
  const again = ` --steps ${steps === '' ? 'none' : steps}${without === '' ? '' : ` --without '${without}'`}`
  tellBroken({ ...found, broken: text, again })
}

if (process.env.LEDGERQ_SIM_JOB !== undefined) {
  process.channel?.unref()
  await runHere(from + Number(process.env.LEDGERQ_SIM_JOB), jobs, (message) => process.send?.(message))
} else {
  const found = jobs === 1 ? await runAlone() : await runInProcesses()
  if (found !== undefined) await explain(found)
  else {
    const vacuous = isPart ? [] : runs.vacuous()
    if (values.json) console.log(JSON.stringify({ ok: true, runs: runs.runs, events: runs.events, vacuous }))
    say(`${runs.runs} seeds kept every promise: ${runs.events} events, ${perSecond()} seeds a second`)
    for (const what of SOMETIMES) say(`  ${String(runs.timesSeen(what)).padStart(9)}  ${what}`)
    if (runs.runs < COUNTED_FROM_RUNS) say('Too few runs to ask how often each of these happened.')
    if (vacuous.length > 0) {
      say(
        `Each of these must have happened ${SEEN_MIN} times, or the runs prove nothing: ${vacuous.join(', ')}`,
      )
      process.exitCode = 1
    }
  }
}
