// ledgerq metrics. What counts is loaded only for this command.
import type { Command } from 'commander'
import { contextOf, type Surroundings, wholeNumber } from './context.js'
import {
  addDoorOptions,
  addTopicOptions,
  type DoorOptions,
  type TopicOptions,
  topicFlags,
} from './topicOptions.js'

export type MetricsCommandOptions = TopicOptions &
  DoorOptions &
  Readonly<{ port: number; state?: string; every: number }>

const DEFAULT_PORT = 9464

export const addMetricsCommand = (program: Command, surroundings: Surroundings): void => {
  const command = program.command('metrics').description('count the events of a topic for Prometheus')
  addDoorOptions(addTopicOptions(command), DEFAULT_PORT)
    .option('--state <dir>', 'where the counts are stored, so that they survive a restart')
    .option('--every <seconds>', 'between two times of storing', wholeNumber('--every', 1, 3_600), 10)
    .action(async (options: MetricsCommandOptions, invoked) => {
      const { runMetrics } = await import('./metricsRun.js')
      await runMetrics(contextOf(surroundings, invoked, topicFlags(options)), options)
    })
}
