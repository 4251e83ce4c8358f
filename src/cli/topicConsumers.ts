// What both readers of a topic need: a client by the configuration, sentences for what can go wrong out there, and an end.
import type { Kafka } from 'kafkajs'
import { kafkaClient } from '../adapters/kafka/connection.js'
import { isEncrypted } from '../api/kafkaOptions.js'
import { ArchiveRefused } from '../consumers/audit/archive.js'
import { ArchiveDamaged, TopicAlarm } from '../consumers/audit/archiveErrors.js'
import { type ReaderServer, type ReaderServerOptions, startReaderServer } from '../consumers/readerServer.js'
import { TopicUnreadable } from '../consumers/topicReader.js'
import { refuseOpenDoor } from '../http/access.js'
import type { Context } from './context.js'
import { CommandFailed, EXIT, UsageError } from './exitCode.js'
import { relayedTo } from './relayed.js'
import type { DoorOptions } from './topicOptions.js'

export const clientOf = ({ config }: Context, purpose: string): Promise<Kafka> => {
  const { kafka } = relayedTo(config)
  if (kafka === undefined) throw new UsageError('--brokers or LEDGERQ_KAFKA: where Kafka is, as host:port')
  const { brokers, sasl } = kafka
  return kafkaClient({
    brokers,
    clientId: `ledgerq-${purpose}`,
    ssl: isEncrypted(kafka),
    ...(sasl === undefined ? {} : { sasl }),
  })
}

/** What is left is a mistake of ours. */
export const failureOf = (cause: unknown): unknown => {
  if (cause instanceof ArchiveRefused)
    return new CommandFailed(cause.isLocked ? EXIT.conflict : EXIT.usage, cause.message)
  const isTold =
    cause instanceof ArchiveDamaged || cause instanceof TopicAlarm || cause instanceof TopicUnreadable
  if (isTold) return new CommandFailed(EXIT.failed, cause.message)
  // A full disk, a folder that is not ours: the system's own words name it.
  const isOfSystem = cause instanceof Error && 'syscall' in cause
  if (isOfSystem) return new CommandFailed(EXIT.failed, cause.message)
  const isOfClient = cause instanceof Error && cause.name.startsWith('KafkaJS')
  return isOfClient ? new CommandFailed(EXIT.failed, `Kafka: ${cause.message}`) : cause
}

const listenFault = (cause: unknown, where: string): CommandFailed => {
  const { code } = cause as NodeJS.ErrnoException
  return code === 'EADDRINUSE'
    ? new CommandFailed(EXIT.conflict, `${where} is in use: choose another --port.`)
    : new CommandFailed(EXIT.failed, `Cannot listen on ${where}: ${code ?? String(cause)}`)
}

/** @throws UsageError when it would be open to a network without a token */
export const refuseOpen = ({ config }: Context, { host }: DoorOptions): void => {
  try {
    refuseOpenDoor(host, config.token)
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause))
  }
}

export const openReaderDoor = async (
  { config }: Context,
  { host, port }: DoorOptions & Readonly<{ port: number }>,
  reader: Pick<ReaderServerOptions, 'metrics' | 'trouble'>,
): Promise<ReaderServer> => {
  const { token } = config
  const { metrics, trouble } = reader
  try {
    return await startReaderServer({ host, port, token, metrics, trouble })
  } catch (cause) {
    throw listenFault(cause, `${host}:${port}`)
  }
}

/** Until a signal comes, or what runs cannot go on. */
export const untilStopped = async (
  stopping: AbortSignal,
  running: Readonly<{ ended: Promise<void>; stop: () => Promise<void> }>,
): Promise<void> => {
  const stopped = new Promise<void>((done) => {
    if (stopping.aborted) done()
    stopping.addEventListener('abort', () => done(), { once: true })
  })
  try {
    await Promise.race([stopped, running.ended])
  } finally {
    await running.stop()
  }
}
