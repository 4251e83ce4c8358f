// What `ledgerq metrics` does: counts and answers until a signal ends it.
import { join, resolve } from 'node:path'
import { startMetrics } from '../consumers/metrics/metricsConsumer.js'
import type { Context } from './context.js'
import type { MetricsCommandOptions } from './metricsCommand.js'
import { openServerLog } from './serverLog.js'
import { facts } from './table.js'
import { clientOf, failureOf, openReaderDoor, refuseOpen, untilStopped } from './topicConsumers.js'

const CHECKPOINT_FILE = 'metrics.json'
const MS_PER_S = 1_000

export const runMetrics = async (context: Context, options: MetricsCommandOptions): Promise<void> => {
  refuseOpen(context, options)
  const { config } = context
  const { kafkaTopic: topic } = config
  const stopping = context.process.stopping()
  const log = openServerLog(config)
  const checkpoint = options.state === undefined ? undefined : join(resolve(options.state), CHECKPOINT_FILE)
  try {
    const counting = await startMetrics({
      kafka: await clientOf(context, 'metrics'),
      topic,
      checkpoint,
      checkpointEveryMs: options.every * MS_PER_S,
      warn: log.warn,
      nowMs: Date.now,
    })
    const door = await openReaderDoor(context, options, counting).catch(async (cause: unknown) => {
      await counting.stop()
      throw cause
    })
    const stop = async (): Promise<void> => {
      await door.close()
      await counting.stop()
    }
    context.show({ url: `${door.url}/metrics`, topic, checkpoint }, () =>
      facts([
        ['metrics', `${door.url}/metrics`],
        ['topic', topic],
        ['counts', checkpoint ?? 'kept in memory only: --state names a directory for them'],
      ]),
    )
    await untilStopped(stopping, { ended: counting.ended, stop })
  } catch (cause) {
    throw failureOf(cause)
  } finally {
    log.close()
  }
}
