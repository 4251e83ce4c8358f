// ledgerq serve: the server on an embedded log, until a signal ends it.
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { openLedger } from '../api/openLedger.js'
import { portOf } from '../config.js'
import { refuseOpenDoor } from '../http/access.js'
import { startServer } from '../http/server.js'
import { type Context, contextOf, type Surroundings } from './context.js'
import { CommandFailed, EXIT, UsageError } from './exitCode.js'
import { facts } from './table.js'
import { printable } from './terminal.js'

type ServeOptions = Readonly<{ data?: string; port?: number; host?: string }>

const whenAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((done) => {
    if (signal.aborted) done()
    signal.addEventListener('abort', () => done())
  })

const listenFault = (error: unknown, where: string): CommandFailed => {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE')
    return new CommandFailed(EXIT.conflict, `${where} is in use: choose another --port.`)
  return new CommandFailed(EXIT.failed, `Cannot listen on ${where}: ${code ?? String(error)}`)
}

const serve = async (context: Context, options: ServeOptions): Promise<void> => {
  const { terminal, config } = context
  const host = options.host ?? config.host
  const port = options.port ?? config.port
  const path = resolve(options.data ?? config.dataDirectory)
  try {
    refuseOpenDoor(host, config.token)
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
  const stopping = context.process.stopping()
  const ledger = await openLedger({ log: { kind: 'embedded', path } })
  try {
    const onError = (error: unknown): void => {
      const message = printable(error instanceof Error ? (error.stack ?? error.message) : String(error))
      terminal.say(JSON.stringify({ level: 'error', event: 'request failed', message }))
    }
    const server = await startServer(ledger, { host, port, token: config.token, onError }).catch(
      (error: unknown) => {
        throw listenFault(error, `${host}:${port}`)
      },
    )
    const { log, queues } = await ledger.stats()
    context.show({ url: server.url, data: path, position: log.position, queues: queues.length }, () =>
      facts([
        ['ledgerq', server.url],
        ['data', path],
        ['queues', queues.length],
        ['token', config.token === undefined ? 'none: only this machine is served' : 'required'],
      ]),
    )
    await whenAborted(stopping)
    terminal.say('Stopping: no new requests, waiting for answers in flight. Again to stop at once.')
    await server.close()
  } finally {
    await ledger.close()
  }
}

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
    .action((options: ServeOptions, command) => serve(contextOf(surroundings, command), options))
}
