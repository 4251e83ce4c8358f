// ledgerq message prove, ledgerq proof verify: that events are in the history as they were recorded, shown to somebody who does
// not have the ledger (G4).
import type { Command } from 'commander'
import { contextOf, type Surroundings, wholeNumber } from './context.js'
import type { ProveOptions } from './logProofs.js'

export const addProveCommand = (message: Command, surroundings: Surroundings): void => {
  message
    .command('prove <id>')
    .description(
      'a proof that its events stand in the log, for `ledgerq proof verify`; also while a server uses it',
    )
    .option('--to <file>', 'where to; standard output without it')
    .option('--queue <queue>', 'needed for ids that callers chose')
    .option(
      '--log <place>',
      'a directory, an esdb:// address or an export file (LEDGERQ_LOG, LEDGERQ_DATA, ./data)',
    )
    .option('--prefix <prefix>', "of the ledger's streams in a database (ledgerq)")
    .option('--until <revision>', 'the chain up to this revision, not to its end', wholeNumber('--until', 0))
    .action(async (id: string, options: ProveOptions, command) => {
      const { proveMessage } = await import('./logProofs.js')
      await proveMessage(contextOf(surroundings, command), id, options)
    })
}

export const addProofCommands = (program: Command, surroundings: Surroundings): void => {
  program
    .command('proof')
    .description('proofs of events: verify')
    .command('verify <file>')
    .description('check a proof without the ledger')
    .option(
      '--digest <hex>',
      'a digest of its stream that you kept: of `log verify`, of a move, of an archive',
    )
    .action(async (file: string, options: Readonly<{ digest?: string }>, command) => {
      const { verifyProof } = await import('./logProofs.js')
      await verifyProof(contextOf(surroundings, command), file, options)
    })
}
