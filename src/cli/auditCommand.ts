// ledgerq audit | audit verify | audit export. What archives, proves and looks up is loaded only for these commands.
import { type Command, Option } from 'commander'
import { contextOf, type Surroundings } from './context.js'
import {
  addDoorOptions,
  addTopicOptions,
  type DoorOptions,
  type TopicOptions,
  topicFlags,
} from './topicOptions.js'

export type AuditCommandOptions = TopicOptions &
  DoorOptions &
  Readonly<{ dir?: string; beginAnywhere?: boolean }>
export type AuditVerifyOptions = Readonly<{ dir?: string; anchor: ReadonlyArray<string> }>
export type AuditExportOptions = Readonly<{
  dir?: string
  queue?: string
  message?: string
  from?: string
  to?: string
  format: 'ndjson' | 'csv'
}>

const collected = (value: string, before: ReadonlyArray<string>): ReadonlyArray<string> => [...before, value]

export const addAuditCommand = (program: Command, surroundings: Surroundings): void => {
  const audit = program
    .command('audit')
    .description(
      'archive every event of a topic, day by day, under a chain of hashes; verify it, look things up',
    )
  addDoorOptions(addTopicOptions(audit), undefined)
    .option('--dir <dir>', 'where the archive is, or is to be')
    .option('--begin-anywhere', 'begin a new archive with what the topic still has, instead of refusing to')
    .action(async (options: AuditCommandOptions, invoked) => {
      const { runAudit } = await import('./auditRun.js')
      await runAudit(contextOf(surroundings, invoked, topicFlags(options)), options)
    })
  audit
    .command('verify')
    .description('prove every line, seal and digest of an archive; also while it is written')
    .option('--dir <dir>', 'where the archive is')
    .option(
      '--anchor <hash>',
      'hash of a line, as verify told it once, that has to be there still',
      collected,
      [],
    )
    .action(async (_options, invoked: Command) => {
      const { verifyArchiveFiles } = await import('./auditFiles.js')
      await verifyArchiveFiles(contextOf(surroundings, invoked), invoked.optsWithGlobals())
    })
  audit
    .command('export')
    .description('print events of an archive in the order of the log')
    .option('--dir <dir>', 'where the archive is')
    .option('--queue <queue>', 'of this queue only')
    .option('--message <id>', 'of this message only')
    .option('--from <instant>', 'recorded then or later')
    .option('--to <instant>', 'recorded before then')
    .addOption(new Option('--format <format>', 'form of a line').choices(['ndjson', 'csv']).default('ndjson'))
    .action(async (_options, invoked: Command) => {
      const { exportArchiveFiles } = await import('./auditFiles.js')
      await exportArchiveFiles(contextOf(surroundings, invoked), invoked.optsWithGlobals())
    })
}
