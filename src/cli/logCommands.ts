// ledgerq log verify | tail | export | import | recovery. The code of each kind of log is loaded only where one is looked at.
import type { Command } from 'commander'
import { isDatabaseAddress } from '../adapters/eventstoredb/address.js'
import { contextOf, type Surroundings, wholeNumber } from './context.js'
import { UsageError } from './exitCode.js'
import { LOG_PLACE, logPlace } from './logPlace.js'
import { type TailOptions, tailLog } from './logTail.js'
import { addLogTransferCommands } from './logTransferCommands.js'
import { addRecoveryCommand } from './recoveryCommand.js'

type VerifyOptions = Readonly<{ log?: string; prefix?: string; data?: string }>

const verifyPlace = async (
  surroundings: Surroundings,
  options: VerifyOptions,
  command: Command,
): Promise<void> => {
  if (options.data !== undefined && options.log !== undefined)
    throw new UsageError('--data and --log: the log is in one place.')
  const context = contextOf(surroundings, command)
  const place = options.data ?? logPlace(options.log, context.config)
  if (isDatabaseAddress(place)) {
    const { verifyStore } = await import('./logStore.js')
    return verifyStore(context, place, options.prefix)
  }
  const { verifyLog } = await import('./logFiles.js')
  await verifyLog(context, place)
}

export const addLogCommands = (program: Command, surroundings: Surroundings): void => {
  const log = program
    .command('log')
    .description('the log: verify it, tail events, move it, see how it was read')
  log
    .command('verify')
    .description('prove every hash and event of a log; also while a server uses it')
    .option('--log <place>', LOG_PLACE)
    .option('--prefix <prefix>', "of the ledger's streams in a database (ledgerq)")
    .option('--data <dir>', 'the same as --log, for a directory')
    .action((options: VerifyOptions, command) => verifyPlace(surroundings, options, command))
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
