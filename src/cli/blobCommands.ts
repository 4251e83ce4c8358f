// ledgerq blob gc
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { BlobsCollected, CollectBlobsOptions } from '../api/types/index.js'
import {
  type Context,
  contextOf,
  type DestructiveOptions,
  isConfirmed,
  type Surroundings,
  wholeNumber,
} from './context.js'
import { facts, grouped } from './table.js'

type CollectOptions = DestructiveOptions & Readonly<{ graceHours?: number; data?: string }>

const HOUR_MS = 3_600_000

type Collect = (options: CollectBlobsOptions) => Promise<BlobsCollected>

/** Through the server, or on a directory that no server uses. */
const withLedger = async (
  context: Context,
  { data }: CollectOptions,
  use: (collect: Collect) => Promise<void>,
): Promise<void> => {
  if (data === undefined) return use(context.ledger.collectBlobs)
  const { withLogOf } = await import('./logFiles.js')
  // Opening would make a new log of an empty directory: that is refused here, and the log is free again behind it.
  await withLogOf(data, async () => undefined)
  const { openLedger } = await import('../api/openLedger.js')
  const ledger = await openLedger({ log: { kind: 'embedded', path: resolve(data) } })
  try {
    await use(ledger.collectBlobs)
  } finally {
    await ledger.close()
  }
}

const shown = (context: Context, collected: BlobsCollected): void => {
  const { examined, named, removed, removedBytes, dryRun } = collected
  context.show(collected, () =>
    facts([
      ['examined', grouped(examined)],
      ['named by events', grouped(named)],
      [dryRun ? 'would be removed' : 'removed', `${grouped(removed)} (${grouped(removedBytes)} bytes)`],
    ]),
  )
}

const gc = (context: Context, options: CollectOptions): Promise<void> =>
  withLedger(context, options, async (collect) => {
    const grace = options.graceHours === undefined ? {} : { graceMs: options.graceHours * HOUR_MS }
    if (options.dryRun === true) return shown(context, await collect({ ...grace, dryRun: true }))
    if (options.yes !== true) {
      const { removed, removedBytes } = await collect({ ...grace, dryRun: true })
      const deed = `remove ${grouped(removed)} blobs (${grouped(removedBytes)} bytes) that no event names`
      isConfirmed(context, options, deed)
    }
    shown(context, await collect(grace))
  })

export const addBlobCommands = (program: Command, surroundings: Surroundings): void => {
  const blob = program.command('blob').description('payloads that are too large for the log: gc')
  blob
    .command('gc')
    .description('remove blobs that no event in the log names')
    .option('--grace-hours <n>', 'spare blobs younger than this (24)', wholeNumber('--grace-hours', 1, 8_784))
    .option('--data <dir>', 'of the log in this directory, without a server')
    .option('--yes', 'do it')
    .option('--dry-run', 'only count')
    .action((options: CollectOptions, command) => gc(contextOf(surroundings, command), options))
}
