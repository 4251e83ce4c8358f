// ledgerq projection list|show|rebuild and ledgerq health.
import type { Command } from 'commander'
import { PROJECTION_NAMES, type ProjectionName } from '../api/types/projections.js'
import { type Context, contextOf, type Surroundings } from './context.js'
import { CommandFailed, EXIT, UsageError } from './exitCode.js'
import { operationProgress } from './operationProgress.js'
import { duration, grouped } from './table.js'

const nameOf = (name: string): ProjectionName => {
  const found = PROJECTION_NAMES.find((known) => known === name)
  if (found === undefined)
    throw new UsageError(`There is no projection ${name}; there are ${PROJECTION_NAMES.join(', ')}.`)
  return found
}

const list = (context: Context): Promise<void> => {
  context.show({ projections: PROJECTION_NAMES }, () => PROJECTION_NAMES.join('\n'))
  return Promise.resolve()
}

const show = async (context: Context, queue: string, name: string): Promise<void> => {
  const view = await context.ledger.knownQueue(queue).projection(nameOf(name))
  context.show(view, () => `${JSON.stringify(view.view, null, 2)}\nat log position ${grouped(view.position)}`)
}

const rebuild = async (context: Context, queue: string): Promise<void> => {
  const progress = operationProgress(context, 1, 'events')
  const report = await context.ledger
    .knownQueue(queue)
    .rebuildProjections({
      onProgress: ({ done, total }) => progress.update(done, total),
      signal: context.process.stopping(),
    })
    .finally(() => progress.stop())
  const what = report.compared === 'all' ? 'every message' : 'the counts'
  context.show(report, () =>
    [
      `${grouped(report.eventsReplayed)} events counted anew in ${duration(report.ms)}`,
      report.agrees
        ? `${what} compared with the log: the same`
        : `${what} compared with the log: NOT the same`,
    ].join('; '),
  )
  if (!report.agrees) throw new CommandFailed(EXIT.failed, 'The state of the queue is not what its log says.')
}

const health = async (context: Context): Promise<void> => {
  const found = await context.ledger.health()
  context.show(found, () =>
    [
      found.status,
      ...found.reasons.map(({ level, queue, message }) => `  ${level}  ${queue ?? 'ledger'}: ${message}`),
    ].join('\n'),
  )
  if (found.status === 'unhealthy') throw new CommandFailed(EXIT.failed, '')
}

export const addProjectionCommands = (program: Command, surroundings: Surroundings): void => {
  const projection = program.command('projection').description('views of a queue: list, show, rebuild')
  projection
    .command('list')
    .description('the names of all projections')
    .action((_options, command) => list(contextOf(surroundings, command)))
  projection
    .command('show <queue> <name>')
    .description('one view, with the log position it holds at')
    .action((queue: string, name: string, _options, command) =>
      show(contextOf(surroundings, command), queue, name),
    )
  projection
    .command('rebuild <queue>')
    .description(
      'count all numbers anew from the log while the queue goes on, and compare its state with a replay',
    )
    .action((queue: string, _options, command) => rebuild(contextOf(surroundings, command), queue))
  program
    .command('health')
    .description('healthy, degraded or unhealthy, with the reasons; exit code 1 when unhealthy')
    .action((_options, command) => health(contextOf(surroundings, command)))
}
