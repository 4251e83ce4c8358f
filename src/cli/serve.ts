// The server on a log in a directory or in EventStoreDB, until a signal ends it.
import { resolve } from 'node:path'
import { type LogOptions, openLedger } from '../api/openLedger.js'
import { connectLedger, type RemoteLedger } from '../client/connectLedger.js'
import { maskedAddress } from '../config/index.js'
import { refuseOpenDoor } from '../http/access.js'
import { startServer } from '../http/server.js'
import { nodeSettings } from './clusterSettings.js'
import type { Context } from './context.js'
import { openDeclaredQueues } from './declaredQueues.js'
import { CommandFailed, EXIT, UsageError } from './exitCode.js'
import { relayedTo } from './relayed.js'
import { openServerLog } from './serverLog.js'
import { facts } from './table.js'

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

const logOf = ({
  logAddress,
  viewsDirectory,
  dataDirectory,
  strict,
}: Context['config']): Readonly<{ log: LogOptions; where: string }> => {
  if (logAddress !== undefined) {
    const views = viewsDirectory === undefined ? {} : { viewsDirectory: resolve(viewsDirectory) }
    return {
      log: { kind: 'eventstoredb', connectionString: logAddress, ...views },
      where: maskedAddress(logAddress),
    }
  }
  const path = resolve(dataDirectory)
  return { log: { kind: 'embedded', path, strict }, where: path }
}

export const serve = async (context: Context): Promise<void> => {
  const { terminal, config } = context
  const { host, port } = config
  const { log, where } = logOf(config)
  try {
    refuseOpenDoor(host, config.token)
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
  const stopping = context.process.stopping()
  const asNode = nodeSettings(config, context.version)
  const serverLog = openServerLog(config)
  const ledger = await openLedger({
    log,
    logging: serverLog.options,
    blobs: config.blobs,
    blobBytesMax: config.blobBytesMax,
    autoCreateQueues: config.autoCreateQueues,
    ...(asNode === undefined ? {} : { node: asNode.node, cluster: asNode.cluster }),
    ...relayedTo(config),
    ...(config.streamPrefix === undefined ? {} : { streamPrefix: config.streamPrefix }),
  })
  try {
    const by = { who: context.process.who, why: context.loaded.file ?? 'configuration' }
    if (asNode === undefined) await openDeclaredQueues(ledger, config.queues, by)
    const { onError } = serverLog
    const server = await startServer(ledger, { host, port, token: config.token, onError }).catch(
      (error: unknown) => {
        throw listenFault(error, `${host}:${port}`)
      },
    )
    // A queue may be another node's to create and to change: the server finds it.
    const ofCluster = (): RemoteLedger => connectLedger({ url: server.url, token: config.token })
    if (asNode !== undefined) await openDeclaredQueues(ofCluster(), config.queues, by)
    const {
      log: { position },
      queues,
    } = await ledger.stats()
    context.show({ url: server.url, data: where, position, queues: queues.length }, () =>
      facts([
        ['ledgerq', server.url],
        ['data', where],
        ['queues', queues.length],
        ['token', config.token === undefined ? 'none: only this machine is served' : 'required'],
      ]),
    )
    await whenAborted(stopping)
    if (asNode !== undefined) terminal.say('Leaving the cluster: its queues go to the other nodes.')
    await ledger.cluster?.leave()
    terminal.say('Stopping: no new requests, waiting for answers in flight. Again to stop at once.')
    await server.close()
  } finally {
    await ledger.close()
    serverLog.close()
  }
}
