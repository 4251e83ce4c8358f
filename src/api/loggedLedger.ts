// A ledger that tells its logger what an operator wants to know. Without logging the log is handed on as it is.
import type { LogFields, LoggingOptions } from '../logging/index.js'
import { ledgerLog, openLogger } from '../logging/index.js'
import type { Clock } from '../ports/clock.js'
import type { EventLog } from '../ports/eventLog.js'
import { systemClock } from '../runtime/systemClock.js'
import { tell } from '../runtime/tell.js'
import { UnavailableError } from './errors.js'
import type { Trouble } from './openLedger.js'
import type { Ledger, RecoveryReport } from './types/index.js'

export type LoggedOptions = Readonly<{
  /**
   * What an operator wants to know, line by line (docs/logging.md). `true` = JSON on stderr from level info. Default: only
   * troubles, on stderr, unless there is an `onTrouble`; false = nothing.
   */
  logging?: LoggingOptions | boolean
}>

type OpenOptions = LoggedOptions &
  Readonly<{ clock?: Clock; node?: string; onTrouble?: (trouble: Trouble) => void }>

/** `logging: false` is off, left out is troubles only. */
const loggerOf = (options: OpenOptions): ReturnType<typeof openLogger> => {
  const { logging, onTrouble, clock = systemClock } = options
  if (logging === false || (logging === undefined && onTrouble !== undefined)) return undefined
  try {
    return openLogger(logging === undefined || logging === true ? {} : logging, clock.wallMs)
  } catch (error) {
    throw new UnavailableError(`the log file cannot be opened: ${(error as Error).message}`)
  }
}

const openedFields = async (
  ledger: Ledger,
  log: EventLog,
  { eventsReplayed, attemptsLost }: RecoveryReport,
): Promise<LogFields> => {
  const { kind, nextPosition, bytes, discardedTailBytes } = log.condition()
  const { queues } = await ledger.stats()
  const live = queues.map(
    ({ scheduled, pending, retrying, processing }) => scheduled + pending + retrying + processing,
  )
  const messages = live.reduce((sum, count) => sum + count, 0)
  const dead = queues.reduce((sum, queue) => sum + queue.dead, 0)
  return {
    log: kind,
    position: nextPosition - 1,
    bytes,
    queues: queues.length,
    messages,
    dead,
    eventsReplayed,
    attemptsLost,
    discardedTailBytes,
  }
}

/** `open` gets the log to use and the listener for troubles. */
export const loggedLedger = async <L extends Ledger>(
  log: EventLog,
  options: OpenOptions,
  open: (log: EventLog, onTrouble: (trouble: Trouble) => void) => Promise<L>,
): Promise<L> => {
  const { logging, node, clock = systemClock } = options
  const opened = loggerOf(options)
  const onTrouble = (trouble: Trouble): void => tell(options.onTrouble, trouble)
  if (opened === undefined) return open(log, onTrouble)
  let ledger: L | undefined
  const payloadOf = async (queue: string, id: string): Promise<unknown> =>
    (await (await ledger?.openQueue(queue))?.message(id))?.payload
  const { logger, payloads, close } = opened
  const told = ledgerLog({ logger, clock, payloadOf: payloads ? payloadOf : undefined })
  const tellTrouble = (trouble: Trouble): void => {
    const { queue, partition, message: reason, final } = trouble
    told.trouble({ queue, partition, reason }, final)
    onTrouble(trouble)
  }
  // Only troubles were asked for: the log stays as it is, and nobody pays.
  if (logging === undefined) return open(log, tellTrouble)
  const observed: EventLog = {
    ...told.observe(log),
    close: async () => {
      await log.close()
      told.closed()
      close()
    },
  }
  try {
    ledger = await open(observed, tellTrouble)
  } catch (error) {
    told.notOpened(error instanceof Error ? error.message : String(error))
    close()
    throw error
  }
  const recovery = await ledger.recovery()
  told.opened({ ...(node === undefined ? {} : { node }), ...(await openedFields(ledger, log, recovery)) })
  for (const partition of recovery.partitions) told.recovered(partition)
  return ledger
}
