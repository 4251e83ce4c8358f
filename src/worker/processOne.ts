// One message, claimed, run and recorded, for whoever wants to see what becomes of it (D12): a worker with a single slot
// that ends when its message has.
import type * as t from 'io-ts'
import { generatedIdPrefix } from '../../domain/ids.js'
import type { Handlers, ProcessedOne, ProcessOneOptions, WorkerLifecycle } from '../api/types/index.js'
import type { Failure } from '../engine/replies.js'
import type { Settlement } from '../engine/requests.js'
import { OutcomeLost } from './localOutbox.js'
import { LocalWorker, type LocalWorkerDeps } from './localWorker.js'

type Place = Readonly<{ partition: number; ordinal: number }>

export type OneRun =
  | Readonly<{ how: 'none' }>
  | Readonly<{ how: 'refused'; failure: Failure }>
  | Readonly<{ how: 'lost'; error: Error }>
  | Readonly<{ how: 'ended'; one: ProcessedOne }>

export const outcomeView = (id: string, settlement: Settlement): ProcessedOne => {
  switch (settlement.outcome) {
    case 'ack': {
      const { result } = settlement
      return { id, outcome: 'succeeded', result: result === undefined ? undefined : JSON.parse(result) }
    }
    case 'fail': {
      const { failureType: type, message } = settlement
      return { id, outcome: 'failed', failure: { type, message } }
    }
    case 'release':
    case 'extend':
      return { id, outcome: 'released' }
  }
}

/** `at` undefined = whichever is next. */
export const processOneLocally = async <A>(
  deps: Omit<LocalWorkerDeps, 'one'> &
    Readonly<{ started: (worker: WorkerLifecycle) => void; ended: (worker: WorkerLifecycle) => void }>,
  handlers: Handlers<A>,
  codec: t.Type<A, unknown> | undefined,
  { id: _id, ...options }: ProcessOneOptions<A>,
  at: Place | undefined,
): Promise<OneRun> => {
  let lost: OutcomeLost | undefined
  let tell: (run: OneRun) => void = () => undefined
  const told = new Promise<OneRun>((resolve) => {
    tell = resolve
  })
  const worker = new LocalWorker<A>(
    {
      ...deps,
      one: {
        at,
        none: (failure) => tell(failure === undefined ? { how: 'none' } : { how: 'refused', failure }),
        ended: (partition, { ordinal, enqueued }, settlement) => {
          const ref = deps.engine.partition(partition).ref
          const id = enqueued.callerId ?? generatedIdPrefix(ref) + ordinal.toString(36)
          tell({ how: 'ended', one: outcomeView(id, settlement) })
        },
      },
    },
    handlers,
    codec,
    {
      ...options,
      concurrency: 1,
      autoStart: false,
      onError: (error) => {
        if (error instanceof OutcomeLost) lost = error
        return options.onError?.(error)
      },
    },
  )
  deps.started(worker)
  worker.start()
  const run = await told
  // Its outcome is told when it is durable.
  await worker.stop()
  deps.ended(worker)
  return lost === undefined ? run : { how: 'lost', error: lost }
}
