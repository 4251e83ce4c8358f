// Chaos with real processes: `npm run chaos -- --cycles 1000 --from 1`. Says every few seconds how far it is; a broken promise
// is told with its cycle, its mix, the directory and the answers that are kept, and the command that runs the mix again. At the
// end each fault and rare state must have happened. `--seconds` ends it early, `--dist` names another folder of compiled
// sources, `--json` prints one line for programs.
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { wholeNumbersOf } from './wholeNumber.mjs'

const SAY_EVERY_MS = 5_000

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '86400' },
    dist: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
    json: { type: 'boolean', default: false },
  },
})
const wholeNumber = wholeNumbersOf(values)
const cycles = wholeNumber('cycles')
const from = wholeNumber('from')
const untilMs = performance.now() + wholeNumber('seconds') * 1_000

const url = pathToFileURL(join(resolve(values.dist), 'test/support/chaosCycles.js'))
const { ChaosCycles, SOMETIMES, SEEN_MIN, COUNTED_FROM_CYCLES } = await import(url)

const beganMs = performance.now()
const chaos = new ChaosCycles()
const say = (text) => {
  if (!values.json) console.log(text)
}
const secondsPerCycle = () => ((performance.now() - beganMs) / 1_000 / Math.max(1, chaos.cycles)).toFixed(2)

process.once('SIGINT', () => void chaos.leave().finally(() => process.exit(130)))

let saidMs = beganMs
try {
  for (let cycle = from; cycle < from + cycles && performance.now() < untilMs; cycle++) {
    await chaos.run(cycle)
    if (performance.now() - saidMs < SAY_EVERY_MS) continue
    saidMs = performance.now()
    say(`${chaos.cycles} of ${cycles} cycles, ${secondsPerCycle()} s each, ${chaos.events} events`)
  }
  await chaos.end()
  const vacuous = chaos.vacuous()
  if (values.json) {
    const { cycles: runs, events } = chaos
    console.log(
      JSON.stringify({
        ok: vacuous.length === 0,
        cycles: runs,
        events,
        seen: Object.fromEntries(chaos.seen),
        vacuous,
      }),
    )
  }
  say(`${chaos.cycles} cycles kept every promise: ${chaos.events} events, ${secondsPerCycle()} s a cycle`)
  for (const [what, times] of [...chaos.seen].sort(([a], [b]) => (a < b ? -1 : 1)))
    say(`  ${String(times).padStart(9)}  ${what}`)
  for (const line of chaos.durations()) say(`  ${line}`)
  if (chaos.cycles < COUNTED_FROM_CYCLES) say('Too few cycles to ask how often each of these happened.')
  if (vacuous.length > 0) {
    say(
      `Each of these ${SOMETIMES.length} must have happened ${SEEN_MIN} times, or the cycles prove nothing: ${vacuous.join(', ')}`,
    )
    process.exitCode = 1
  }
} catch (error) {
  const { cycle, directory } = chaos.broken ?? {}
  if (values.json)
    console.log(
      JSON.stringify({ ok: false, cycles: chaos.cycles, cycle, directory, broken: String(error.message) }),
    )
  say(`\n${error.stack ?? error}\n`)
  say(`cycle ${cycle} broke a promise after ${chaos.cycles} clean ones: ${JSON.stringify(chaos.broken?.mix)}`)
  say(`kept: ${directory}, and what everybody was told in its answers.json`)
  say(`The same mix on a new directory, at moments of its own: npm run chaos -- --cycles 1 --from ${cycle}`)
  process.exitCode = 1
}
