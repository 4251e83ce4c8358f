// What `ledgerq audit` does: archives until a signal ends it.
import { resolve } from 'node:path'
import { auditMetrics, startAudit } from '../consumers/audit/auditConsumer.js'
import type { AuditCommandOptions } from './auditCommand.js'
import type { Context } from './context.js'
import { UsageError } from './exitCode.js'
import { type OperationProgress, operationProgress } from './operationProgress.js'
import { openServerLog } from './serverLog.js'
import { facts } from './table.js'
import { clientOf, failureOf, openReaderDoor, refuseOpen, untilStopped } from './topicConsumers.js'

/** A bar for what has piled up; what comes afterwards is no longer counted towards an end. */
const catchUpBar = (
  context: Context,
): Readonly<{ begin: (due: number) => void; note: (done: number) => void; stop: () => void }> => {
  let bar: OperationProgress | undefined
  let total = 0
  const stop = (): void => {
    bar?.stop()
    bar = undefined
  }
  return {
    begin: (due) => {
      total = due
      bar = operationProgress(context, due, 'events')
    },
    note: (done) => {
      bar?.update(done)
      if (done >= total) stop()
    },
    stop,
  }
}

export const runAudit = async (context: Context, options: AuditCommandOptions): Promise<void> => {
  if (options.dir === undefined) throw new UsageError('--dir: where the archive is to be')
  refuseOpen(context, options)
  const { beginAnywhere = false, host, port } = options
  const { kafkaTopic: topic } = context.config
  const folder = resolve(options.dir)
  const stopping = context.process.stopping()
  const bar = catchUpBar(context)
  const log = openServerLog(context.config)
  try {
    const archiving = await startAudit({
      kafka: await clientOf(context, 'audit'),
      topic,
      folder,
      beginsAnywhere: beginAnywhere,
      warn: log.warn,
      onArchived: bar.note,
    })
    const { lag, archived, ended } = archiving
    const reader = {
      metrics: () => auditMetrics(archiving),
      trouble: () => (archiving.isConnected() ? undefined : 'the brokers do not answer'),
    }
    const door =
      port === undefined
        ? undefined
        : await openReaderDoor(context, { host, port }, reader).catch(async (cause: unknown) => {
            await archiving.stop()
            throw cause
          })
    const due = archived() + lag()
    bar.begin(due)
    context.show(
      { archive: folder, topic, lag: lag(), ...(door === undefined ? {} : { url: door.url }) },
      () =>
        facts([
          ['archive', folder],
          ['topic', topic],
          ['to archive', lag()],
          ['metrics', door === undefined ? undefined : `${door.url}/metrics`],
        ]),
    )
    const stop = async (): Promise<void> => {
      await door?.close()
      await archiving.stop()
    }
    await untilStopped(stopping, { ended, stop })
  } catch (cause) {
    throw failureOf(cause)
  } finally {
    bar.stop()
    log.close()
  }
}
