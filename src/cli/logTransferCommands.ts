// ledgerq log export | import: a ledger moves from one store to another, or into a file and out of it (F5).
import { type Command, Option } from 'commander'
import { contextOf, type Surroundings } from './context.js'
import { LOG_PLACE } from './logPlace.js'
import type { ExportOptions, ImportOptions } from './logTransfer.js'

export const addLogTransferCommands = (log: Command, surroundings: Surroundings): void => {
  log
    .command('export')
    .description('the whole ledger into one file, proved; also while a server uses it; repeated: what is new')
    .requiredOption('--to <file>', 'the file; - is standard output')
    .option('--log <place>', LOG_PLACE)
    .option('--prefix <prefix>', "of the ledger's streams in a database (ledgerq)")
    .option('--no-compress', 'records as they are')
    .option('--without-blobs', 'leave large payloads behind')
    .action(async (options: ExportOptions, command) => {
      const { exportLog } = await import('./logTransfer.js')
      await exportLog(contextOf(surroundings, command), options)
    })
  log
    .command('import')
    .description(
      'a ledger out of a file, a directory or a database into another store; repeated: what is new',
    )
    .requiredOption('--from <place>', 'an export file, a directory, or an esdb:// address')
    .requiredOption('--log <place>', 'where to: a directory, or an esdb:// address')
    .option('--prefix <prefix>', "of the ledger's streams in the database that is written (ledgerq)")
    .option('--from-prefix <prefix>', 'the same, of the one that is read')
    .option('--follow', 'go on with what a directory gets, also after the way was cut, until a signal')
    .option('--dry-run', 'prove the source, compare, and write nothing')
    .option('--without-blobs', 'leave large payloads behind')
    .addOption(
      new Option('--verify <how>', 'full reads everything back; heads compares the ends of the chains')
        .choices(['full', 'heads'])
        .default('full'),
    )
    .action(async (options: ImportOptions, command) => {
      const { importLog } = await import('./logTransfer.js')
      await importLog(contextOf(surroundings, command), options)
    })
}
