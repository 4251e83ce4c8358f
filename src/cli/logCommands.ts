// ledgerq log verify | tail | export | import | recovery. The code of each kind of log is loaded only where one is looked at.
import type { Command } from 'commander'
import { contextOf, type Surroundings, wholeNumber } from './context.js'
import { UsageError } from './exitCode.js'
import { type TailOptions, tailLog } from './logTail.js'
import { addLogTransferCommands } from './logTransferCommands.js'
import { addRecoveryCommand } from './recoveryCommand.js'
import { addSettingOptions, type SettingOptions, settingFlags } from './settingOptions.js'

const LOG_PLACES = ['dataDirectory', 'logAddress'] as const

export const addLogCommands = (program: Command, surroundings: Surroundings): void => {
  const log = program
    .command('log')
    .description('the log: verify it, tail events, move it, see how it was read')
  const verify = log
    .command('verify')
    .description('prove every frame, hash and event; also while a server uses it')
  addSettingOptions(verify, LOG_PLACES).action(async (options: SettingOptions, command) => {
    if (options.data !== undefined && options.log !== undefined)
      throw new UsageError('--data and --log: the log is in one place.')
    const context = contextOf(surroundings, command, settingFlags(options, LOG_PLACES))
    const { logAddress } = context.config
    if (logAddress !== undefined && options.data === undefined) {
      const { verifyStore } = await import('./logStore.js')
      return await verifyStore(context, logAddress)
    }
    const { verifyLog } = await import('./logFiles.js')
    await verifyLog(context)
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
  addLogTransferCommands(log, surroundings)
  addRecoveryCommand(log, surroundings)
}
