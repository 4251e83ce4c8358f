// ledgerq queue clear: purges what waits, all of it or what a filter means.
import type { Command } from 'commander'
import type { Cleared } from '../api/types/index.js'
import {
  type Context,
  contextOf,
  type DestructiveOptions,
  isConfirmed,
  type Surroundings,
} from './context.js'
import { CommandFailed, EXIT } from './exitCode.js'
import { operationProgress } from './operationProgress.js'
import { addSelectionOptions, type SelectionFlags, selectionOf, wordsOf } from './selectionOptions.js'
import { counted, grouped } from './table.js'

type ClearFlags = SelectionFlags & DestructiveOptions & Readonly<{ cursor?: string }>

const toldOf = ({ purged, running, dryRun, cursor }: Cleared): string => {
  const left = running === 0 ? '' : `; ${grouped(running)} in work are left alone`
  const rest = cursor === undefined ? '' : `\nEnded before it was through. The rest: --cursor ${cursor}`
  return `${counted(purged, 'message')} ${dryRun ? 'would be purged' : 'purged'}${left}.${rest}`
}

const clear = async (context: Context, name: string, flags: ClearFlags): Promise<void> => {
  const queue = context.ledger.knownQueue(name)
  const selection = { ...selectionOf(flags), ...(flags.cursor === undefined ? {} : { cursor: flags.cursor }) }
  const expected = await queue.clear({ ...selection, dryRun: true })
  if (flags.dryRun === true) return context.show(expected, () => toldOf(expected))
  isConfirmed(
    context,
    flags,
    `purge ${counted(expected.purged, 'waiting message')} of ${name}${wordsOf(flags)}`,
  )
  const progress = operationProgress(context, expected.purged)
  try {
    const cleared = await queue.clear({
      ...selection,
      by: context.actor,
      signal: context.process.stopping(),
      onProgress: ({ purged }) => progress.update(purged),
    })
    progress.stop()
    context.show(cleared, () => toldOf(cleared))
    if (cleared.cursor !== undefined) throw new CommandFailed(EXIT.failed)
  } finally {
    progress.stop()
  }
}

export const addClearCommand = (queue: Command, surroundings: Surroundings): void => {
  addSelectionOptions(
    queue
      .command('clear <name>')
      .description('purge waiting messages: all, or those that match; running ones are left alone'),
    'messages',
  )
    .option('--cursor <cursor>', 'go on where an earlier run was stopped')
    .option('--yes', 'do it')
    .option('--dry-run', 'only count')
    .action((name: string, flags: ClearFlags, command) =>
      clear(contextOf(surroundings, command), name, flags),
    )
}
