// ledgerq log recovery: how the server's partitions came back from the log, and another start for those that have stopped.
import type { Command } from 'commander'
import type { PartitionRecovery } from '../api/types/index.js'
import { type Context, contextOf, type Surroundings } from './context.js'
import { CommandFailed, EXIT } from './exitCode.js'
import { type Column, grouped, table } from './table.js'

const COLUMNS: ReadonlyArray<Column<PartitionRecovery>> = [
  { title: 'queue', cell: ({ queue }) => queue },
  { title: 'partition', cell: ({ partition }) => partition, align: 'right' },
  { title: 'state', cell: ({ open }) => (open ? 'open' : 'stopped') },
  { title: 'snapshot', cell: ({ snapshotUsed }) => (snapshotUsed ? 'used' : 'none') },
  { title: 'events replayed', cell: ({ eventsReplayed }) => eventsReplayed, align: 'right' },
  { title: 'attempts lost', cell: ({ attemptsLost }) => attemptsLost, align: 'right' },
  { title: 'ms', cell: ({ durationMs }) => durationMs, align: 'right' },
  { title: 'reason', cell: ({ reason }) => reason },
]

const report = async (context: Context, reopen: boolean): Promise<void> => {
  const { ledger, terminal } = context
  const found = reopen ? await ledger.recover() : await ledger.recovery()
  context.show(found, () => {
    if (found.partitions.length === 0) return 'The server has no queues.'
    const tail =
      found.discardedTailBytes === 0
        ? ''
        : `\n${grouped(found.discardedTailBytes)} bytes of a torn append were dropped: they had never been acknowledged.`
    return table(found.partitions, COLUMNS, terminal.columns) + tail
  })
  const stopped = found.partitions.filter(({ open }) => !open).length
  if (reopen && stopped > 0) throw new CommandFailed(EXIT.failed, `${stopped} partitions are still stopped`)
}

export const addRecoveryCommand = (log: Command, surroundings: Surroundings): void => {
  log
    .command('recovery')
    .description('what the last start of each partition replayed, and which attempts it ended')
    .option('--reopen', 'open the partitions once more that have stopped')
    .action((options: { reopen?: boolean }, command) =>
      report(contextOf(surroundings, command), options.reopen === true),
    )
}
