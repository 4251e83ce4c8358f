// ledgerq message rerun: finished messages once more, as new messages that name the first (C16).
import type { Command } from 'commander'
import type { Rerun, RerunOptions } from '../api/types/index.js'
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
import { counted, grouped } from './table.js'

type RerunFlags = SelectionFlags &
  DestructiveOptions &
  Readonly<{ operation?: string; limit?: number; ratePerSecond?: string; cursor?: string }>

const optionsOf = (ids: ReadonlyArray<string>, flags: RerunFlags): RerunOptions => {
  if (ids.length > 0 && wordsOf(flags) !== '') throw new UsageError('Give ids or a filter, not both.')
  const { operation, limit, ratePerSecond, cursor } = flags
  return {
    ...(selectionOf(flags) as RerunOptions),
    ...(ids.length === 0 ? {} : { ids }),
    ...(operation === undefined ? {} : { operation }),
    ...(limit === undefined ? {} : { limit }),
    ...(ratePerSecond === undefined ? {} : { ratePerSecond: rateOf(ratePerSecond) }),
    ...(cursor === undefined ? {} : { cursor }),
  }
}

const toldOf = ({ operation, rerun, repeated, refused, dryRun, cursor }: Rerun, limit?: number): string => {
  const verb = dryRun ? 'would run again' : rerun === 1 ? 'runs again' : 'run again'
  const already = repeated === 0 ? '' : `, ${grouped(repeated)} did before`
  const not = refused === 0 ? '' : `, ${grouped(refused)} refused`
  const name = dryRun ? '' : `\nOperation ${operation}: to repeat it is safe with --operation ${operation}`
  const isCut = cursor !== undefined && limit === undefined
  const rest = isCut ? `\nEnded before it was through. The rest: --cursor ${cursor}` : ''
  return `${counted(rerun, 'message')} ${verb}${already}${not}.${name}${rest}`
}

const rerun = async (context: Context, name: string, ids: string[], flags: RerunFlags): Promise<void> => {
  const queue = context.ledger.knownQueue(name)
  const options = optionsOf(ids, flags)
  const expected = await queue.rerun({ ...options, dryRun: true })
  if (flags.dryRun === true) return context.show(expected, () => toldOf(expected, flags.limit))
  isConfirmed(context, flags, `run ${counted(expected.rerun, 'message')} of ${name} again${wordsOf(flags)}`)
  const progress = operationProgress(context, expected.rerun)
  try {
    const result = await queue.rerun({
      ...options,
      // The name that the dry run was given: an interrupted run is taken up under what is printed.
      operation: expected.operation,
      signal: context.process.stopping(),
      onProgress: ({ rerun: done, repeated }) => progress.update(done + repeated),
    })
    progress.stop()
    context.show(result, () => toldOf(result, flags.limit))
    if (result.refused > 0) throw new CommandFailed(EXIT.conflict)
  } finally {
    progress.stop()
  }
}

export const addRerunCommand = (message: Command, surroundings: Surroundings): void => {
  addSelectionOptions(
    message
      .command('rerun <queue> [ids...]')
      .description('enqueue finished messages again: those named, those that match, or all that succeeded'),
    'messages',
  )
    .option('--operation <name>', 'the same name again enqueues nothing twice')
    .option('--limit <n>', 'at most this many, the oldest first', wholeNumber('--limit', 1))
    .option('--rate-per-second <n>', 'not more than this many in a second')
    .option('--cursor <cursor>', 'go on where an earlier run was stopped')
    .option('--yes', 'do it')
    .option('--dry-run', 'only count')
    .action((name: string, ids: string[], flags: RerunFlags, command) =>
      rerun(contextOf(surroundings, command), name, ids, flags),
    )
}
