// A log that is watched: the same port, which tells about each append that has succeeded. Only put around a log when somebody
// listens, so that nobody else pays.
import type { EventBatch } from '../../domain/batch.js'
import type { Appended, EventLog } from '../ports/eventLog.js'

export type AppendWatcher = (stream: string, batch: EventBatch, appended: Appended, tookMs: number) => void

/** `onAppend` must not throw; what it costs, the commit waits for. */
export const observedLog = (log: EventLog, tickMs: () => number, onAppend: AppendWatcher): EventLog => ({
  ...log,
  append: (stream, expectedRevision, batch) => {
    const append = log.append(stream, expectedRevision, batch)
    return async () => {
      const since = tickMs()
      const result = await append()
      if (result._tag === 'Right') onAppend(stream, batch, result.right, tickMs() - since)
      return result
    }
  },
})
