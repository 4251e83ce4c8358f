// What `ledgerq metrics` does: counts and answers until a signal ends it.
import { join } from 'node:path'
import { startMetrics } from '../consumers/metrics/metricsConsumer.js'
import { startMetricsServer } from '../consumers/metrics/metricsServer.js'
import { refuseOpenDoor } from '../http/access.js'
import type { Context } from './context.js'
import { CommandFailed, EXIT, UsageError } from './exitCode.js'
import type { MetricsCommandOptions } from './metricsCommand.js'
import { openServerLog } from './serverLog.js'
import { facts } from './table.js'
import { clientOf, failureOf, untilStopped } from './topicConsumers.js'

const CHECKPOINT_FILE = 'metrics.json'
const MS_PER_S = 1_000

const listenFault = (cause: unknown, where: string): CommandFailed => {
  const { code } = cause as NodeJS.ErrnoException
  return code === 'EADDRINUSE'
    ? new CommandFailed(EXIT.conflict, `${where} is in use: choose another --port.`)
    : new CommandFailed(EXIT.failed, `Cannot listen on ${where}: ${code ?? String(cause)}`)
}

export const runMetrics = async (context: Context, options: MetricsCommandOptions): Promise<void> => {
  const { config } = context
  const { host, port, state, every } = options
  const { kafkaTopic: topic } = config
  try {
    refuseOpenDoor(host, config.token)
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause))
  }
  const stopping = context.process.stopping()
  const log = openServerLog(config)
  const checkpoint = state === undefined ? undefined : join(state, CHECKPOINT_FILE)
  const counting = await startMetrics({
    kafka: await clientOf(context, 'metrics'),
    topic,
    checkpoint,
    checkpointEveryMs: every * MS_PER_S,
    warn: log.warn,
    nowMs: Date.now,
  }).catch((cause: unknown) => {
    throw failureOf(cause)
  })
  const { metrics, trouble, ended } = counting
  let server: Awaited<ReturnType<typeof startMetricsServer>> | undefined
  const stop = async (): Promise<void> => {
    await server?.close()
    await counting.stop()
    log.close()
  }
  try {
    server = await startMetricsServer({ host, port, token: config.token, metrics, trouble })
  } catch (cause) {
    await stop()
    throw listenFault(cause, `${host}:${port}`)
  }
  const { url } = server
  context.show({ url: `${url}/metrics`, topic, checkpoint }, () =>
    facts([
      ['metrics', `${url}/metrics`],
      ['topic', topic],
      ['counts', checkpoint ?? 'kept in memory only: --state names a directory for them'],
    ]),
  )
  await untilStopped(stopping, { ended, stop }).catch((cause: unknown) => {
    throw failureOf(cause)
  })
}
