// Long runs of the simulation: `npm run sim -- --seeds 10000 --from 1`. Says every few seconds how far it is; a seed that
// breaks a promise is named with the command that shows it again; at the end each fault and rare state must have happened.
// `--dist` names another folder of compiled sources, `--json` prints one line for programs.
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const SAY_EVERY_MS = 5_000

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    dist: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
    json: { type: 'boolean', default: false },
  },
})
const wholeNumber = (name) => {
  const number = Number(values[name])
  if (Number.isSafeInteger(number) && number > 0) return number
  console.error(`--${name} takes a whole number from 1, not ${values[name]}`)
  process.exit(2)
}
const seeds = wholeNumber('seeds')
const from = wholeNumber('from')

const url = pathToFileURL(join(resolve(values.dist), 'test/support/simulationSeeds.js'))
const { SeededRuns, SOMETIMES, SEEN_MIN, COUNTED_FROM_RUNS } = await import(url)

const runs = new SeededRuns()
const beganMs = performance.now()
const perSecond = () => Math.round((runs.runs * 1_000) / Math.max(1, performance.now() - beganMs))
const say = (text) => {
  if (!values.json) console.log(text)
}

let seed = from
let isDone = false
// A run that waits for something that never comes leaves Node with nothing to do.
process.on('exit', () => {
  if (isDone) return
  process.exitCode = 1
  broke(`seed ${seed} never ends: it waits for something that does not come`)
})

const broke = (text) => {
  if (values.json) return console.log(JSON.stringify({ ok: false, runs: runs.runs, seed, broken: text }))
  console.log(`\n${text}\n\nseed ${seed} broke a promise after ${runs.runs} clean runs. Show it again:`)
  console.log(`  npm run sim -- --seeds 1 --from ${seed}`)
}

let saidMs = beganMs
try {
  for (; seed < from + seeds; seed++) {
    await runs.run(seed)
    if (performance.now() - saidMs < SAY_EVERY_MS) continue
    saidMs = performance.now()
    say(`${runs.runs} of ${seeds} seeds, ${perSecond()} a second, ${runs.events} events`)
  }
  isDone = true
  const vacuous = runs.vacuous()
  if (values.json) console.log(JSON.stringify({ ok: true, runs: runs.runs, events: runs.events, vacuous }))
  say(`${runs.runs} seeds kept every promise: ${runs.events} events, ${perSecond()} seeds a second`)
  for (const what of SOMETIMES) say(`  ${String(runs.timesSeen(what)).padStart(9)}  ${what}`)
  if (runs.runs < COUNTED_FROM_RUNS) say(`Too few runs to ask how often each of these happened.`)
  if (vacuous.length > 0) {
    say(
      `Each of these must have happened ${SEEN_MIN} times, or the runs prove nothing: ${vacuous.join(', ')}`,
    )
    process.exitCode = 1
  }
} catch (error) {
  isDone = true
  broke(error.message)
  process.exitCode = 1
}
