// ledgerq serve. What serves is loaded only for this command: it takes longer to load than most commands take to run.
import type { Command } from 'commander'
import { portOf } from '../config.js'
import { contextOf, type Surroundings } from './context.js'
import { UsageError } from './exitCode.js'
import type { ServeOptions } from './serve.js'

export const addServeCommand = (program: Command, surroundings: Surroundings): void => {
  program
    .command('serve')
    .description('run a server on the log in a directory')
    .option('--data <dir>', 'where the log is (LEDGERQ_DATA, ./data)')
    .option('--port <port>', 'port, 0 = any free one (LEDGERQ_PORT, 7654)', (text: string) => {
      const port = portOf(text)
      if (port === undefined) throw new UsageError('--port: accepted is a whole number from 0 to 65535')
      return port
    })
    .option('--host <host>', 'address (LEDGERQ_HOST, 127.0.0.1); others than loopback need a token')
    .action(async (options: ServeOptions, command) => {
      const { serve } = await import('./serve.js')
      await serve(contextOf(surroundings, command), options)
    })
}
