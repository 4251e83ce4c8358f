// The process in which one step of a scenario runs. It gets its orders by message, reports by message, and ends; a step
// that is meant to be killed kills itself with its report on the way, so nothing is closed or flushed.
import { SCENARIOS } from './scenarios/index.js'
import type { Bench, StepResult } from './scenarios/scenario.js'

export type StepOrders = Omit<Bench, 'progress'> & Readonly<{ scenario: string; step: string }>
export type StepReport =
  | Readonly<{ kind: 'progress'; what: string }>
  | Readonly<{ kind: 'result'; result: StepResult }>
  | Readonly<{ kind: 'failed'; why: string }>

const send = (report: StepReport): Promise<void> =>
  new Promise((resolve) => process.send?.(report, undefined, {}, () => resolve()))

const obey = async ({ scenario, step: name, ...bench }: StepOrders): Promise<void> => {
  const step = SCENARIOS.find((one) => one.name === scenario)?.steps.find((one) => one.name === name)
  if (step === undefined) throw new Error(`there is no step ${scenario}/${name}`)
  const progress = (what: string): void => void send({ kind: 'progress', what })
  const result = await step.run({ ...bench, progress })
  await send({ kind: 'result', result })
  if (step.killed) process.kill(process.pid, 'SIGKILL')
  process.disconnect()
}

process.once('message', (orders: StepOrders) => {
  obey(orders).catch(async (error: unknown) => {
    await send({
      kind: 'failed',
      why: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
    process.exit(2)
  })
})
