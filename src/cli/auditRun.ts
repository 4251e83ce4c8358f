// What `ledgerq audit` does: archives until a signal ends it.
import { resolve } from 'node:path'
import { startAudit } from '../consumers/audit/auditConsumer.js'
import type { AuditCommandOptions } from './auditCommand.js'
import type { Context } from './context.js'
import { UsageError } from './exitCode.js'
import { operationProgress } from './operationProgress.js'
import { facts } from './table.js'
import { clientOf, failureOf, untilStopped } from './topicConsumers.js'

export const runAudit = async (context: Context, options: AuditCommandOptions): Promise<void> => {
  if (options.dir === undefined) throw new UsageError('--dir: where the archive is to be')
  const { beginAnywhere = false } = options
  const { kafkaTopic: topic } = context.config
  const folder = resolve(options.dir)
  const stopping = context.process.stopping()
  let archived = 0
  let bar: ReturnType<typeof operationProgress> | undefined
  let due = 0
  const archiving = await startAudit({
    kafka: await clientOf(context, 'audit'),
    topic,
    folder,
    beginsAnywhere: beginAnywhere,
    onArchived: (events) => {
      archived += events
      bar?.update(archived, Math.max(due, archived))
      if (archived >= due) bar?.stop()
    },
  }).catch((cause: unknown) => {
    throw failureOf(cause)
  })
  due = archived + archiving.lag()
  bar = operationProgress(context, due, 'events')
  context.show({ archive: folder, topic, lag: archiving.lag() }, () =>
    facts([
      ['archive', folder],
      ['topic', topic],
      ['to archive', archiving.lag()],
    ]),
  )
  await untilStopped(stopping, archiving)
    .catch((cause: unknown) => {
      throw failureOf(cause)
    })
    .finally(() => bar?.stop())
}
