// Projections of a queue behind HTTP. A rebuild runs on the server; here it is asked how far it is until it has ended.
import { RefusedError } from '../api/errors.js'
import type {
  ProjectionOperations,
  ProjectionView,
  QueueMetrics,
  RebuildProgress,
  RebuildReport,
} from '../api/types/index.js'
import type { Clock } from '../ports/clock.js'
import type { Transport } from './transport.js'

const ASK_EVERY_MS = 200

type Operation = Readonly<{
  id: string
  state: 'running' | 'done' | 'failed' | 'cancelled'
  progress?: RebuildProgress
  result?: RebuildReport
  error?: Readonly<{ code: string; message: string }>
}>

export const projectionCalls = (
  call: Transport['call'],
  path: string,
  clock: Clock,
): ProjectionOperations => ({
  metrics: async () => (await call('GET', `${path}/metrics`)) as QueueMetrics,
  projection: async (name) =>
    (await call('GET', `${path}/projections/${encodeURIComponent(name)}`)) as ProjectionView,
  rebuildProjections: async ({ onProgress, signal } = {}) => {
    signal?.throwIfAborted()
    const { id } = (await call('POST', `${path}/projections:rebuild`, { body: {} })) as Operation
    const place = `/api/v1/operations/${id}`
    for (;;) {
      if (signal?.aborted === true) {
        await call('POST', `${place}:cancel`, { body: {} })
        signal.throwIfAborted()
      }
      const operation = (await call('GET', place)) as Operation
      if (operation.progress !== undefined) onProgress?.(operation.progress)
      if (operation.state === 'done' && operation.result !== undefined) return operation.result
      if (operation.state !== 'running') {
        const { code = 'cancelled', message = 'the operation was cancelled on the server' } =
          operation.error ?? {}
        throw new RefusedError(code, message)
      }
      await new Promise<void>((resolve) => void clock.after(ASK_EVERY_MS, resolve))
    }
  },
})
