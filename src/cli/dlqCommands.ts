// ledgerq dlq list | redrive | discard
import type { Command } from 'commander'
import type { DeadLetter, Discarded, Queue, Redriven } from '../api/types/index.js'
import { LIST_LIMIT_MAX } from '../http/limits.js'
import {
  type Context,
  contextOf,
  type DestructiveOptions,
  isConfirmed,
  type Surroundings,
  wholeNumber,
} from './context.js'
import { CommandFailed, EXIT, UsageError } from './exitCode.js'
import { operationProgress } from './operationProgress.js'
import { addSelectionOptions, rateOf, type SelectionFlags, selectionOf, wordsOf } from './selectionOptions.js'
import { type Column, clockTime, counted, grouped, shortJson, table } from './table.js'

const COLUMNS: ReadonlyArray<Column<DeadLetter>> = [
  { title: 'id', cell: ({ id }) => id },
  { title: 'dead since', cell: ({ deadAt }) => clockTime(deadAt) },
  { title: 'attempts', cell: ({ attempts }) => attempts, align: 'right' },
  { title: 'failure', cell: ({ failure, failureType }) => failure?.type ?? failureType },
  { title: 'reason', cell: ({ reason }) => reason },
  { title: 'message', cell: ({ failure }) => failure?.message },
  { title: 'payload', cell: ({ payload }) => shortJson(payload) },
]

type PageFlags = SelectionFlags & Readonly<{ limit?: number; cursor?: string }>

const list = async (context: Context, name: string, flags: PageFlags): Promise<void> => {
  const { limit, cursor } = flags
  const found = await context.ledger.knownQueue(name).deadLetters({
    ...selectionOf(flags),
    ...(limit === undefined ? {} : { limit }),
    ...(cursor === undefined ? {} : { cursor }),
  })
  context.show(found, () =>
    found.messages.length === 0
      ? `The queue ${name} has no ${wordsOf(flags) === '' ? '' : 'such '}dead letters.`
      : table(found.messages, COLUMNS, context.terminal.columns),
  )
  if (found.cursor !== undefined && !context.json) context.terminal.say(`More: --cursor ${found.cursor}`)
}

type OperationFlags = SelectionFlags &
  DestructiveOptions &
  Readonly<{ limit?: number; ratePerSecond?: string; cursor?: string; all?: boolean }>

const whichOf = (ids: ReadonlyArray<string>, flags: OperationFlags) => {
  const { limit, cursor, ratePerSecond } = flags
  if (ids.length > 0 && wordsOf(flags) !== '') throw new UsageError('Give ids or a filter, not both.')
  return {
    ...selectionOf(flags),
    ...(ids.length === 0 ? {} : { ids }),
    ...(limit === undefined ? {} : { limit }),
    ...(cursor === undefined ? {} : { cursor }),
    ...(ratePerSecond === undefined ? {} : { ratePerSecond: rateOf(ratePerSecond) }),
  }
}

const restOf = (cursor: string | undefined, limit: number | undefined): string =>
  cursor === undefined || limit !== undefined
    ? ''
    : `\nEnded before it was through. The rest: --cursor ${cursor}`

const redrive = async (
  context: Context,
  name: string,
  ids: string[],
  flags: OperationFlags,
): Promise<void> => {
  const queue = context.ledger.knownQueue(name)
  const which = whichOf(ids, flags)
  const toldOf = ({ redriven, refused, dryRun, cursor }: Redriven): string => {
    const verb = dryRun ? 'would be redriven' : 'redriven'
    const rest = refused === 0 ? '' : `, ${grouped(refused)} refused`
    return `${grouped(redriven)} ${verb}${rest}.${restOf(cursor, flags.limit)}`
  }
  const expected = await queue.redrive({ ...which, dryRun: true })
  if (flags.dryRun !== true)
    isConfirmed(
      context,
      flags,
      `give ${counted(expected.redriven, 'dead letter')} of ${name} another life${wordsOf(flags)}`,
    )
  const result = flags.dryRun === true ? expected : await redriveAll(context, queue, which, expected.redriven)
  context.show(result, () => toldOf(result))
  if (result.refused > 0) throw new CommandFailed(EXIT.conflict)
}

const redriveAll = async (
  context: Context,
  queue: Queue<unknown>,
  which: ReturnType<typeof whichOf>,
  expected: number,
): Promise<Redriven> => {
  const progress = operationProgress(context, expected)
  try {
    return await queue.redrive({
      ...which,
      by: context.actor,
      signal: context.process.stopping(),
      onProgress: ({ redriven }) => progress.update(redriven),
    })
  } finally {
    progress.stop()
  }
}

const discardNamed = async (
  context: Context,
  name: string,
  ids: ReadonlyArray<string>,
  flags: OperationFlags,
): Promise<void> => {
  const count = ids.length === 1 ? `the dead letter ${ids[0]}` : `${grouped(ids.length)} dead letters`
  if (!isConfirmed(context, flags, `drop ${count} of ${name} for good`)) return
  const queue = context.ledger.knownQueue(name)
  for (const id of ids) {
    await queue.discard(id, context.actor)
    context.show({ discarded: id }, () => `${id} is dropped; its history stays.`)
  }
}

/** All of them only when that is said: a filter that was forgotten must not drop everything. */
const discard = async (
  context: Context,
  name: string,
  ids: string[],
  flags: OperationFlags,
): Promise<void> => {
  if (ids.length > 0) {
    whichOf(ids, flags)
    return discardNamed(context, name, ids, flags)
  }
  if (wordsOf(flags) === '' && flags.all !== true) throw new UsageError('Give ids, a filter, or --all.')
  const queue = context.ledger.knownQueue(name)
  const which = whichOf([], flags)
  const toldOf = ({ discarded, dryRun, cursor }: Discarded): string => {
    const verb = dryRun ? 'would be dropped' : 'dropped; history stays'
    return `${counted(discarded, 'dead letter')} ${verb}.${restOf(cursor, flags.limit)}`
  }
  const expected = await queue.discardAll({ ...which, dryRun: true })
  if (flags.dryRun === true) return context.show(expected, () => toldOf(expected))
  isConfirmed(
    context,
    flags,
    `drop ${counted(expected.discarded, 'dead letter')} of ${name} for good${wordsOf(flags)}`,
  )
  const progress = operationProgress(context, expected.discarded)
  try {
    const result = await queue.discardAll({
      ...which,
      by: context.actor,
      signal: context.process.stopping(),
      onProgress: ({ discarded }) => progress.update(discarded),
    })
    progress.stop()
    context.show(result, () => toldOf(result))
  } finally {
    progress.stop()
  }
}

export const addDlqCommands = (program: Command, surroundings: Surroundings): void => {
  const dlq = program.command('dlq').description('dead letters: list, redrive, discard')
  addSelectionOptions(
    dlq.command('list <queue>').description('dead letters with the reason of each'),
    'deadLetters',
  )
    .option('--limit <n>', 'at most this many', wholeNumber('--limit', 1, LIST_LIMIT_MAX))
    .option('--cursor <cursor>', 'the next page')
    .action((name: string, flags: PageFlags, command) => list(contextOf(surroundings, command), name, flags))
  addSelectionOptions(
    dlq
      .command('redrive <queue> [ids...]')
      .description('give dead letters another life: those named, those that match, or all'),
    'deadLetters',
  )
    .option('--limit <n>', 'at most this many, the oldest first', wholeNumber('--limit', 1))
    .option('--rate-per-second <n>', 'not more than this many in a second')
    .option('--cursor <cursor>', 'go on where an earlier run was stopped')
    .option('--yes', 'do it')
    .option('--dry-run', 'only count')
    .action((name: string, ids: string[], flags: OperationFlags, command) =>
      redrive(contextOf(surroundings, command), name, ids, flags),
    )
  addSelectionOptions(
    dlq
      .command('discard <queue> [ids...]')
      .description('drop dead letters for good, those named or those that match; their history stays'),
    'deadLetters',
  )
    .option('--all', 'all of them')
    .option('--limit <n>', 'at most this many, the oldest first', wholeNumber('--limit', 1))
    .option('--cursor <cursor>', 'go on where an earlier run was stopped')
    .option('--yes', 'do it')
    .option('--dry-run', 'only say what would be done')
    .action((name: string, ids: string[], flags: OperationFlags, command) =>
      discard(contextOf(surroundings, command), name, ids, flags),
    )
}
