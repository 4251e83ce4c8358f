// ledgerq log verify | tail. The log's own code is loaded only for these.
import type { Command } from 'commander'
import { contextOf, type Surroundings, wholeNumber } from './context.js'
import type { DataOptions, TailOptions } from './logFiles.js'

export const addLogCommands = (program: Command, surroundings: Surroundings): void => {
  const log = program.command('log').description('the log of a directory: verify, tail')
  log
    .command('verify')
    .description('prove every frame, hash and event; also while a server uses it')
    .option('--data <dir>', 'where the log is (LEDGERQ_DATA, ./data)')
    .action(async (options: DataOptions, command) => {
      const { verifyLog } = await import('./logFiles.js')
      await verifyLog(contextOf(surroundings, command), options)
    })
  log
    .command('tail')
    .description('the last events of a log that no server uses')
    .option('--data <dir>', 'where the log is (LEDGERQ_DATA, ./data)')
    .option('--limit <n>', 'how many', wholeNumber('--limit', 1), 20)
    .option('--stream <stream>', 'of this stream only, among the last ones')
    .action(async (options: TailOptions, command) => {
      const { tailLog } = await import('./logFiles.js')
      await tailLog(contextOf(surroundings, command), options)
    })
}
