// Workers of a ledger in this process, and single messages that are run for whoever asks (D12).
import type * as t from 'io-ts'
import type { QueueEngine } from '../../engine/queueEngine.js'
import type { LocalWorkerDeps } from '../../worker/localWorker.js'
import { processOneLocally } from '../../worker/processOne.js'
import { UnknownOutcomeError } from '../errors.js'
import { errorOf, errorOfFailure } from '../refusals.js'
import type {
  ClaimedMessage,
  ClaimOptions,
  Handlers,
  ProcessedOne,
  ProcessOneOptions,
  ProcessOptions,
  Worker,
  WorkerLifecycle,
} from '../types/index.js'
import { claimMessages } from './claims.js'
import { locate, type ReadDeps } from './queueReads.js'

export type StartWorker = (
  engine: QueueEngine,
  handlers: Handlers<never>,
  codec: unknown,
  options: ProcessOptions<never>,
) => Worker<never>

/** What a ledger lends to a worker that is not to stay. */
export type WorkerHost = Readonly<{
  workerDeps: (engine: QueueEngine, name: string | undefined) => Omit<LocalWorkerDeps, 'one'>
  started: (engine: QueueEngine, worker: WorkerLifecycle) => void
  ended: (worker: WorkerLifecycle) => void
}>

type Place = Readonly<{ partition: number; ordinal: number }>

const placeOf = async (deps: ReadDeps, id: string): Promise<Place> => {
  const located = await locate(deps, id)
  if (located === undefined) throw errorOf({ type: 'MessageNotFound' })
  return { partition: located.ref.partition, ordinal: located.ordinal }
}

export const claimHere = async (
  deps: ReadDeps,
  options: ClaimOptions,
): Promise<ReadonlyArray<ClaimedMessage>> => {
  const at = typeof options.id === 'string' ? await placeOf(deps, options.id) : undefined
  return claimMessages(deps.engine, options, at)
}

export const processOneHere = async <A>(
  deps: ReadDeps & Readonly<{ workers: WorkerHost }>,
  handlers: Handlers<A>,
  codec: t.Type<A, unknown> | undefined,
  options: ProcessOneOptions<A>,
): Promise<ProcessedOne | undefined> => {
  const { engine, workers } = deps
  const { id, name } = options
  const at = id === undefined ? undefined : await placeOf(deps, id)
  const run = await processOneLocally(
    {
      ...workers.workerDeps(engine, name),
      started: (worker) => workers.started(engine, worker),
      ended: workers.ended,
    },
    handlers,
    codec,
    options,
    at,
  )
  switch (run.how) {
    case 'ended':
      return run.one
    case 'none':
      // Whoever named a message gets an answer about it: nothing is handed out while the queue is paused.
      if (id !== undefined) throw errorOf({ type: 'MessageNotClaimable', now: 'Waiting' })
      return undefined
    case 'refused':
      throw errorOfFailure(run.failure)
    case 'lost':
      throw new UnknownOutcomeError(
        `the message ran, and its outcome may not be recorded: ${run.error.message}`,
      )
  }
}
