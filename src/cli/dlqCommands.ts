// ledgerq dlq list | redrive | discard
import type { Command } from 'commander'
import type { DeadLetter } from '../api/types.js'
import { LIST_LIMIT_MAX } from '../http/limits.js'
import {
  type Context,
  contextOf,
  type DestructiveOptions,
  isConfirmed,
  type Surroundings,
  wholeNumber,
} from './context.js'
import { CommandFailed, EXIT } from './exitCode.js'
import { type Column, clockTime, grouped, shortJson, table } from './table.js'

const COLUMNS: ReadonlyArray<Column<DeadLetter>> = [
  { title: 'id', cell: ({ id }) => id },
  { title: 'dead since', cell: ({ deadAt }) => clockTime(deadAt) },
  { title: 'attempts', cell: ({ attempts }) => attempts, align: 'right' },
  { title: 'failure', cell: ({ failure, failureType }) => failure?.type ?? failureType },
  { title: 'reason', cell: ({ reason }) => reason },
  { title: 'message', cell: ({ failure }) => failure?.message },
  { title: 'payload', cell: ({ payload }) => shortJson(payload) },
]

type PageOptions = Readonly<{ limit?: number; cursor?: string }>

const list = async (context: Context, name: string, { limit, cursor }: PageOptions): Promise<void> => {
  const found = await context.ledger.knownQueue(name).deadLetters({
    ...(limit === undefined ? {} : { limit }),
    ...(cursor === undefined ? {} : { cursor }),
  })
  context.show(found, () =>
    found.messages.length === 0
      ? `The queue ${name} has no dead letters.`
      : table(found.messages, COLUMNS, context.terminal.columns),
  )
  if (found.cursor !== undefined && !context.json) context.terminal.say(`More: --cursor ${found.cursor}`)
}

type RedriveOptions = DestructiveOptions & Readonly<{ limit?: number }>

const redrive = async (
  context: Context,
  name: string,
  ids: string[],
  options: RedriveOptions,
): Promise<void> => {
  const queue = context.ledger.knownQueue(name)
  const which = {
    ...(ids.length === 0 ? {} : { ids }),
    ...(options.limit === undefined ? {} : { limit: options.limit }),
    by: context.actor,
  }
  if (options.dryRun !== true && options.yes !== true) {
    const { redriven } = await queue.redrive({ ...which, dryRun: true })
    isConfirmed(context, options, `give ${grouped(redriven)} dead letters of ${name} another life`)
  }
  const result = await queue.redrive({ ...which, dryRun: options.dryRun === true })
  const verb = result.dryRun ? 'would be redriven' : 'redriven'
  const refused = result.refused === 0 ? '' : `, ${grouped(result.refused)} refused`
  context.show(result, () => `${grouped(result.redriven)} ${verb}${refused}.`)
  if (result.refused > 0) throw new CommandFailed(EXIT.conflict)
}

const discard = async (
  context: Context,
  name: string,
  ids: string[],
  options: DestructiveOptions,
): Promise<void> => {
  const count = ids.length === 1 ? `the dead letter ${ids[0]}` : `${grouped(ids.length)} dead letters`
  if (!isConfirmed(context, options, `drop ${count} of ${name} for good`)) return
  const queue = context.ledger.knownQueue(name)
  for (const id of ids) {
    await queue.discard(id, context.actor)
    context.show({ discarded: id }, () => `${id} is dropped; its history stays.`)
  }
}

export const addDlqCommands = (program: Command, surroundings: Surroundings): void => {
  const dlq = program.command('dlq').description('dead letters: list, redrive, discard')
  dlq
    .command('list <queue>')
    .description('dead letters with the reason of each')
    .option('--limit <n>', 'at most this many', wholeNumber('--limit', 1, LIST_LIMIT_MAX))
    .option('--cursor <cursor>', 'the next page')
    .action((name: string, options: PageOptions, command) =>
      list(contextOf(surroundings, command), name, options),
    )
  dlq
    .command('redrive <queue> [ids...]')
    .description('give dead letters another life: those named, or all')
    .option('--limit <n>', 'at most this many, the oldest first', wholeNumber('--limit', 1))
    .option('--yes', 'do it')
    .option('--dry-run', 'only count')
    .action((name: string, ids: string[], options: RedriveOptions, command) =>
      redrive(contextOf(surroundings, command), name, ids, options),
    )
  dlq
    .command('discard <queue> <ids...>')
    .description('drop dead letters for good; their history stays')
    .option('--yes', 'do it')
    .option('--dry-run', 'only say what would be done')
    .action((name: string, ids: string[], options: DestructiveOptions, command) =>
      discard(contextOf(surroundings, command), name, ids, options),
    )
}
