// The benchmark of the durable embedded log, hash chain, codecs and views on: `npm run bench`.
//
//   npm run bench -- --scenario enqueue,process     some of them; names are in scenarios/index.ts
//   npm run bench -- --n 20000                      smaller: all counts follow, the deep backlog is 5 n
//   npm run bench -- --scenario depth               ten million waiting (50 n): only by name, some minutes and gigabytes
//   npm run bench -- --runs 3                       each scenario so many times; figures are medians, --json has all
//   npm run bench -- --json > figures.json          one JSON object; progress goes to stderr
//   npm run bench -- --profile profiles             a CPU profile of each measured part, and its top functions
//   npm run bench -- --scenario latency --trace 20  where the time of the 20 slowest messages went, commit by commit
//   npm run bench -- --dir /mnt/disk                where the logs are written and removed; memory file systems are refused
//
// How to read it. Every job carries 120 bytes of JSON. Rates count durable answers only: a message is enqueued when its
// caller's promise resolves, processed when its ack is recorded, and claims are durable before the handler starts. Figures
// compare within one run on one machine: `ceiling` rows are the same bytes to a plain file with group commit and fdatasync,
// moments later in the same process; `without_disk` rows are the same load on the log in memory. Each step is warmed up
// with n / 2 jobs, at most 100,000, on another queue before. `fsyncs` sums the measured parts; `rss_mb` is the process at
// the end of `process`. Let nothing else run: a busy neighbour halves these figures.
//
// Exit code 0: measured, and a separate reader found each message exactly once; 1: measured, but it did not; 2: not measured.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { machineFacts, whyNotDurable } from './measure/machine.js'
import { topOfProfiles } from './measure/profileTop.js'
import { figureTable, machineLine, medians, targetTable, verdicts } from './report.js'
import { runScenario } from './runScenario.js'
import { SCENARIOS } from './scenarios/index.js'
import type { Figures, Scenario } from './scenarios/scenario.js'

const N_DEFAULT = 200_000
const N_MIN = 1_000
const BACKLOG_PER_N = 5

class Refused extends Error {}

const readArgs = () => {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      scenario: { type: 'string' },
      n: { type: 'string', default: String(N_DEFAULT) },
      backlog: { type: 'string' },
      runs: { type: 'string', default: '1' },
      dir: { type: 'string', default: tmpdir() },
      profile: { type: 'string' },
      trace: { type: 'string', default: '0' },
    },
  })
  const n = wholeNumber('--n', values.n, N_MIN)
  const backlog =
    values.backlog === undefined ? n * BACKLOG_PER_N : wholeNumber('--backlog', values.backlog, N_MIN)
  return {
    ...values,
    n,
    backlog,
    runs: wholeNumber('--runs', values.runs, 1),
    trace: wholeNumber('--trace', values.trace, 0),
    scenarios: chosen(values.scenario),
  }
}

const wholeNumber = (name: string, text: string, min: number): number => {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < min)
    throw new Refused(`${name} is a whole number from ${min}, not ${text}`)
  return value
}

/** Ten million messages need some minutes and gigabytes: only where they are asked for. */
const ONLY_BY_NAME: ReadonlySet<string> = new Set(['depth'])

const chosen = (names: string | undefined): ReadonlyArray<Scenario> => {
  if (names === undefined) return SCENARIOS.filter(({ name }) => !ONLY_BY_NAME.has(name))
  return names.split(',').map((name) => {
    const found = SCENARIOS.find((scenario) => scenario.name === name)
    if (found !== undefined) return found
    throw new Refused(
      `there is no scenario "${name}"; there are ${SCENARIOS.map((one) => one.name).join(', ')}`,
    )
  })
}

const progress = (what: string): void => {
  process.stderr.write(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${what}\n`)
}

const sumOfSyncs = (figures: Figures): number =>
  Object.entries(figures).reduce((sum, [name, value]) => (name.includes('fsyncs') ? sum + value : sum), 0)

type Round = Readonly<{
  figures: Figures
  byScenario: Readonly<Record<string, Figures>>
  problems: ReadonlyArray<string>
}>

/** Rounds over all scenarios, not each scenario so many times in a row: a slow minute then touches one round only. */
const runRounds = async (args: ReturnType<typeof readArgs>, root: string): Promise<ReadonlyArray<Round>> => {
  const { n, backlog, profile: profileFolder, scenarios, runs, trace } = args
  const rounds: Round[] = []
  for (let round = 1; round <= runs; round++) {
    const byScenario: Record<string, Figures> = {}
    const problems: string[] = []
    for (const scenario of scenarios) {
      const result = await runScenario(scenario, { n, backlog, root, profileFolder, trace, progress })
      byScenario[scenario.name] = result.figures
      problems.push(...result.problems.map((problem) => `${scenario.name}: ${problem}`))
    }
    rounds.push({ figures: Object.assign({}, ...Object.values(byScenario)), byScenario, problems })
  }
  return rounds
}

const main = async (): Promise<number> => {
  const args = readArgs()
  mkdirSync(args.dir, { recursive: true })
  const refusal = whyNotDurable(args.dir)
  if (refusal !== undefined) throw new Refused(refusal)
  const root = mkdtempSync(join(args.dir, 'ledgerq-bench-'))
  const removeRoot = (): void => rmSync(root, { recursive: true, force: true })
  process.once('SIGINT', () => {
    removeRoot()
    process.exit(2)
  })
  try {
    const machine = machineFacts(root)
    progress(machineLine(machine))
    const rounds = await runRounds(args, root)
    const figures = medians(rounds.map((round) => round.figures))
    const problems = rounds.flatMap((round) => round.problems)
    const exact = problems.length === 0
    const total = { ...figures, fsyncs: sumOfSyncs(figures), delivered_exactly: exact }
    const { n, backlog, profile } = args
    if (args.json) {
      const targets = verdicts(figures, backlog)
      console.log(JSON.stringify({ ...total, n, backlog, targets, problems, rounds, machine }, null, 2))
    } else {
      for (const { name, about } of args.scenarios) {
        const names = Object.keys(rounds[0]?.byScenario[name] ?? {})
        const own = Object.fromEntries(names.map((figure) => [figure, figures[figure] ?? 0]))
        console.log(`${name}: ${about}\n${figureTable(own)}\n`)
      }
      console.log(`${targetTable(figures, backlog)}\n\nfsyncs ${total.fsyncs}, delivered_exactly ${exact}`)
      for (const problem of problems) console.log(`  ${problem}`)
      console.log(machineLine(machine))
    }
    if (profile !== undefined) process.stderr.write(`${topOfProfiles(profile)}\n`)
    return exact ? 0 : 1
  } finally {
    removeRoot()
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${error instanceof Refused ? error.message : (error as Error).stack}\n`)
  process.exitCode = 2
}
