// A logger that keeps what it is told.
import type { LogFields, Logger, LogLevel } from '../../src/logging/index.js'

export type Told = Readonly<{ level: LogLevel; event: string; fields: LogFields }>

export const collectingLogger = (): { logger: Logger; told: Told[] } => {
  const told: Told[] = []
  const line = (level: LogLevel) => (event: string, fields: LogFields) => {
    told.push({ level, event, fields })
  }
  return {
    told,
    logger: { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
  }
}
