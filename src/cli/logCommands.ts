// ledgerq log verify | tail | recovery. The code of the embedded log is loaded only for a directory.
import type { Command } from 'commander'
import { contextOf, type Surroundings, wholeNumber } from './context.js'
import type { DataOptions } from './logFiles.js'
import { type TailOptions, tailLog } from './logTail.js'
import { addRecoveryCommand } from './recoveryCommand.js'

export const addLogCommands = (program: Command, surroundings: Surroundings): void => {
  const log = program
    .command('log')
    .description('the log: verify a directory, tail events, see how it was read')
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
    .description('the last events of the server, or of a directory that no server uses')
    .option('--from <position>', 'from this position on, instead of the last ones', wholeNumber('--from', 0))
    .option('--limit <n>', 'how many to look at, without --follow', wholeNumber('--limit', 1), 20)
    .option('--follow', 'go on with new events until a signal')
    .option('--queue <queue>', 'of this queue only, among those')
    .option('--stream <stream>', 'of this stream only, among those')
    .option('--data <dir>', 'of the log in this directory, without a server')
    .action((options: TailOptions, command) => tailLog(contextOf(surroundings, command), options))
  addRecoveryCommand(log, surroundings)
}
