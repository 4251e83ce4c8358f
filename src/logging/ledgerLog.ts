// What a ledger tells its logger: that it opened and closed, troubles, changes of queues and circuits, dead letters, commits
// that took long. Lines that could come in floods are limited, and the rest of them counted.
import type { Clock } from '../ports/clock.js'
import type { EventLog } from '../ports/eventLog.js'
import { type EventLine, tellEvents } from './eventLines.js'
import type { LevelledLogger, LogFields } from './logger.js'
import { observedLog } from './observedLog.js'
import { rateLimit } from './rateLimit.js'

/** Of one kind. */
const LIMIT = { linesMax: 20, windowMs: 10_000 }
const SLOW_COMMIT_MS = 1_000

export type LedgerLogDeps = Readonly<{
  logger: LevelledLogger
  clock: Clock
  /** Adds the payload to lines about a message; undefined = no payloads. */
  payloadOf: ((queue: string, id: string) => Promise<unknown>) | undefined
}>

export type LedgerLog = Readonly<{
  observe: (log: EventLog) => EventLog
  trouble: (fields: LogFields, final: boolean) => void
  opened: (fields: LogFields) => void
  /** How one partition came back. */
  recovered: (fields: LogFields) => void
  notOpened: (reason: string) => void
  closed: () => void
}>

export const ledgerLog = ({ logger, clock, payloadOf }: LedgerLogDeps): LedgerLog => {
  const limit = rateLimit(clock, LIMIT, (kind, count) =>
    logger.warn('lines left out', { of: kind, count, windowMs: LIMIT.windowMs }),
  )
  const openedAtMs = clock.tickMs()
  const tell = ({ level, event, fields, message }: EventLine): void => {
    if (!logger.tells(level) || !limit.admits(event)) return
    if (message === undefined || payloadOf === undefined) {
      logger[level](event, fields)
      return
    }
    payloadOf(message.queue, message.id).then(
      (payload) => logger[level](event, { ...fields, payload }),
      () => logger[level](event, fields),
    )
  }
  const tellEach = payloadOf !== undefined
  return {
    observe: (log) =>
      observedLog(log, clock.tickMs, (stream, batch, { position }, tookMs) => {
        tellEvents(stream, batch, tellEach, tell)
        if (tookMs < SLOW_COMMIT_MS || !limit.admits('slow commit')) return
        logger.warn('slow commit', { stream, position, events: batch.events.length, ms: Math.round(tookMs) })
      }),
    trouble: (fields, final) => {
      if (final) logger.error('partition stopped', fields)
      else if (limit.admits('partition trouble')) logger.warn('partition trouble', fields)
    },
    opened: ({ discardedTailBytes, ...fields }) => {
      const ms = Math.round(clock.tickMs() - openedAtMs)
      logger.info('ledger opened', { ...fields, ms })
      // It was never acknowledged, unless the disk has lied about a sync.
      if (discardedTailBytes !== 0) logger.warn('unfinished commit cut off', { bytes: discardedTailBytes })
    },
    recovered: (fields) => logger.debug('partition recovered', fields),
    notOpened: (reason) => logger.error('ledger not opened', { reason }),
    closed: () => {
      limit.close()
      logger.info('ledger closed', {})
    },
  }
}
