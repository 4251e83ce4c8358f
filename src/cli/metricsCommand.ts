// ledgerq metrics. What counts is loaded only for this command.
import type { Command } from 'commander'
import { contextOf, type Surroundings, wholeNumber } from './context.js'
import { addTopicOptions, type TopicOptions, topicFlags } from './topicOptions.js'

export type MetricsCommandOptions = TopicOptions &
  Readonly<{ host: string; port: number; state?: string; every: number }>

const DEFAULT_PORT = 9464
const PORT_MAX = 65_535

export const addMetricsCommand = (program: Command, surroundings: Surroundings): void => {
  const command = program
    .command('metrics')
    .description('count the events of a topic for Prometheus: /metrics, /livez, /readyz')
  addTopicOptions(command)
    .option('--host <host>', 'address to listen on; others than loopback need a token', '127.0.0.1')
    .option(
      '--port <port>',
      'port to listen on; 0 = any free one',
      wholeNumber('--port', 0, PORT_MAX),
      DEFAULT_PORT,
    )
    .option('--state <dir>', 'where the counts are stored, so that they survive a restart')
    .option('--every <seconds>', 'between two times of storing', wholeNumber('--every', 1, 3_600), 10)
    .action(async (options: MetricsCommandOptions, invoked) => {
      const { runMetrics } = await import('./metricsRun.js')
      await runMetrics(contextOf(surroundings, invoked, topicFlags(options)), options)
    })
}
