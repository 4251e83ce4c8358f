// One scenario from outside: a process for each of its steps, a reader for each log it leaves, and the directory gone in
// the end. What went wrong in a step is part of the result; only a scenario that cannot be run at all throws.
import { fork } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { StepOrders, StepReport } from './runStep.js'
import type { Figures, Scenario, Step, StepResult } from './scenarios/scenario.js'
import type { VerifyOrders, VerifyReport } from './verify.js'

const STEP_PROGRAM = fileURLToPath(new URL('./runStep.js', import.meta.url))
const VERIFY_PROGRAM = fileURLToPath(new URL('./verify.js', import.meta.url))

const DISCARD_MS = 1_000

export type RunOptions = Readonly<{
  n: number
  backlog: number
  root: string
  profileFolder: string | undefined
  trace: number
  progress: (what: string) => void
}>
export type ScenarioResult = Readonly<{ figures: Figures; exact: boolean; problems: ReadonlyArray<string> }>

export const runScenario = async (scenario: Scenario, options: RunOptions): Promise<ScenarioResult> => {
  const root = join(options.root, scenario.name)
  const problems: string[] = []
  let figures: Figures = {}
  try {
    for (const step of scenario.steps) {
      options.progress(`${scenario.name}/${step.name}`)
      const directory = join(root, step.folder ?? 'log')
      mkdirSync(directory, { recursive: true })
      const result = await runStep(scenario, step, directory, figures, options)
      figures = { ...figures, ...result.figures }
      problems.push(...(result.problems ?? []))
      if (result.expected === undefined) continue
      options.progress(`${scenario.name}/${step.name}: counting the log`)
      problems.push(...(await verifyLog({ directory, expected: result.expected })).problems)
    }
  } finally {
    await removeQuietly(root, options.root)
  }
  return { figures, exact: problems.length === 0, problems }
}

/**
 * Freed blocks are discarded by the file system when its journal commits next, some seconds later: in the middle of the next
 * scenario, whose syncs would wait for it. So the commit is forced, and the disk gets a moment for it.
 */
const removeQuietly = async (folder: string, parent: string): Promise<void> => {
  rmSync(folder, { recursive: true, force: true })
  const handle = await open(parent, 'r')
  await handle.sync()
  await handle.close()
  await new Promise((resolve) => setTimeout(resolve, DISCARD_MS))
}

const runStep = (
  scenario: Scenario,
  step: Step,
  directory: string,
  earlier: Figures,
  { n, backlog, profileFolder, trace, progress }: RunOptions,
): Promise<StepResult> => {
  const profile =
    profileFolder === undefined ? undefined : { folder: profileFolder, name: `${scenario.name}-${step.name}` }
  const orders: StepOrders = {
    scenario: scenario.name,
    step: step.name,
    n,
    backlog,
    directory,
    earlier,
    profile,
    trace,
  }
  return new Promise((resolve, reject) => {
    const child = fork(STEP_PROGRAM, [], { execArgv: ['--expose-gc'] })
    let result: StepResult | undefined
    let why: string | undefined
    child.on('message', (report: StepReport) => {
      if (report.kind === 'progress') progress(`${scenario.name}/${step.name}: ${report.what}`)
      else if (report.kind === 'result') result = report.result
      else why = report.why
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (result !== undefined) resolve(result)
      else
        reject(
          new Error(
            `${scenario.name}/${step.name} ended with ${signal ?? code}: ${why ?? 'no reason given'}`,
          ),
        )
    })
    child.send(orders)
  })
}

const verifyLog = (orders: VerifyOrders): Promise<VerifyReport> =>
  new Promise((resolve, reject) => {
    const child = fork(VERIFY_PROGRAM, [])
    let report: VerifyReport | undefined
    child.on('message', (message: VerifyReport) => {
      report = message
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (report !== undefined) resolve(report)
      else reject(new Error(`the reader of ${orders.directory} ended with ${signal ?? code}`))
    })
    child.send(orders)
  })
