// The command line as a whole: nouns with their verbs, the global flags, and the way from a failure to one line on stderr
// and an exit code.
import { Command, CommanderError } from 'commander'
import { isLedgerqError } from '../api/errors.js'
import { UnauthorizedError } from '../client/transport.js'
import { addAuditCommand } from './auditCommand.js'
import { addBenchCommand } from './benchCommand.js'
import { addBlobCommands } from './blobCommands.js'
import { addClusterCommands } from './clusterCommand.js'
import { addConfigCommands } from './configCommands.js'
import type { Surroundings } from './context.js'
import { addDlqCommands } from './dlqCommands.js'
import { CommandFailed, EXIT, type ExitCode, exitCodeOf } from './exitCode.js'
import { addLogCommands } from './logCommands.js'
import { addMessageCommands } from './messageCommands.js'
import { addMetricsCommand } from './metricsCommand.js'
import { addProjectionCommands } from './projectionCommands.js'
import { addProofCommands } from './proofCommands.js'
import { addQueueCommands } from './queueCommands.js'
import { addRelayCommands } from './relayCommand.js'
import { addScheduleCommands } from './scheduleCommands.js'
import { addServeCommand } from './serveCommand.js'
import { addSwitchCommands } from './switchCommands.js'
import { printable } from './terminal.js'
import { addWorkerCommand } from './workerCommand.js'

const EPILOGUE = `
Flags win over the environment (LEDGERQ_...), the environment over the file (ledgerq.json), the file over defaults:
ledgerq config show --effective prints each value with its source.
Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 conflict.`

export const programOf = (surroundings: Surroundings): Command => {
  const { terminal } = surroundings
  const program = new Command('ledgerq')
    .description('An event-sourced message queue.')
    .version(surroundings.version)
    .option('--url <url>', 'server to talk to (LEDGERQ_URL, http://127.0.0.1:7654)')
    .option('--token <token>', 'bearer token; LEDGERQ_TOKEN keeps it out of the process list')
    .option('--config <file>', 'configuration file (LEDGERQ_CONFIG, ledgerq.json if there is one)')
    .option('--json', 'print JSON for programs')
    .addHelpText('after', EPILOGUE)
    .showHelpAfterError('(--help lists what is accepted)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.say(text.trimEnd()),
    })
  addServeCommand(program, surroundings)
  addQueueCommands(program, surroundings)
  addMessageCommands(program, surroundings)
  addDlqCommands(program, surroundings)
  addScheduleCommands(program, surroundings)
  addSwitchCommands(program, surroundings)
  addProjectionCommands(program, surroundings)
  addLogCommands(program, surroundings)
  addProofCommands(program, surroundings)
  addBlobCommands(program, surroundings)
  addClusterCommands(program, surroundings)
  addRelayCommands(program, surroundings)
  addWorkerCommand(program, surroundings)
  addBenchCommand(program, surroundings)
  addMetricsCommand(program, surroundings)
  addAuditCommand(program, surroundings)
  addConfigCommands(program, surroundings)
  return program
}

/** What is said about a failure; nothing where it has been said, or where commander has. */
const sentenceOf = (error: unknown): string => {
  if (error instanceof CommanderError) return ''
  if (error instanceof UnauthorizedError && error.code === 'unauthorized')
    return 'The server asks for a token, and none was sent or another one: --token or LEDGERQ_TOKEN says which.'
  const message = error instanceof Error ? error.message : String(error)
  // A mistake of ours: where it happened is what its report needs.
  const isOurs = !(
    isLedgerqError(error) ||
    exitCodeOf(error) === EXIT.usage ||
    error instanceof CommandFailed
  )
  return isOurs && error instanceof Error ? (error.stack ?? message) : printable(message)
}

/** Never rejects. `args` without the program's own name. */
export const runCommand = async (
  surroundings: Surroundings,
  args: ReadonlyArray<string>,
): Promise<ExitCode> => {
  try {
    await programOf(surroundings).parseAsync([...args], { from: 'user' })
    return EXIT.ok
  } catch (error) {
    const sentence = sentenceOf(error)
    if (sentence !== '') surroundings.terminal.say(sentence)
    return exitCodeOf(error)
  }
}
