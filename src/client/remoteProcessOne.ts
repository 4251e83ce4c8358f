// One message of a queue behind HTTP, claimed, run and recorded, for whoever wants to see what becomes of it (D12).
import type * as t from 'io-ts'
import { RefusedError, UnknownOutcomeError } from '../api/errors.js'
import type { Handlers, ProcessedOne, ProcessOneOptions } from '../api/types/index.js'
import { outcomeView } from '../worker/processOne.js'
import { RemoteWorker, type RemoteWorkerDeps } from './remoteWorker.js'

type OneRun = Readonly<{ one: ProcessedOne | undefined }> | Readonly<{ error: unknown }>

export const processOneRemotely = async <A>(
  deps: Omit<RemoteWorkerDeps, 'one'> &
    Readonly<{ started: (worker: RemoteWorker<A>) => void; ended: (worker: RemoteWorker<A>) => void }>,
  handlers: Handlers<A>,
  codec: t.Type<A, unknown> | undefined,
  { id, ...options }: ProcessOneOptions<A>,
): Promise<ProcessedOne | undefined> => {
  let tell: (run: OneRun) => void = () => undefined
  const told = new Promise<OneRun>((resolve) => {
    tell = resolve
  })
  let isRecorded = false
  let refusal: RefusedError | undefined
  const { settle } = deps
  const worker = new RemoteWorker<A>(
    {
      ...deps,
      settle: async (settlements) => {
        const results = await settle(settlements)
        if (settlements.every(({ outcome }) => outcome === 'extend')) return results
        const refused = results.find((result) => !result.ok)
        if (refused === undefined || refused.ok) isRecorded = true
        else refusal = new RefusedError(refused.code, `the outcome was not recorded: ${refused.message}`)
        return results
      },
      one: {
        id,
        none: (error) => tell(error === undefined ? { one: undefined } : { error }),
        ended: (claimed, settlement) => tell({ one: outcomeView(claimed.id, settlement) }),
      },
    },
    handlers,
    codec,
    { ...options, concurrency: 1, autoStart: false },
  )
  deps.started(worker)
  worker.start()
  const run = await told
  await worker.outcomesSent()
  await worker.stop()
  deps.ended(worker)
  if ('error' in run) throw run.error
  if (refusal !== undefined) throw refusal
  if (run.one !== undefined && !isRecorded)
    throw new UnknownOutcomeError(
      'the message ran, and the server did not say whether its outcome is recorded',
    )
  // Whoever named a message gets an answer about it: nothing is handed out while the queue is paused.
  if (run.one === undefined && id !== undefined)
    throw new RefusedError('message_not_claimable', 'the message is waiting; is the queue paused?')
  return run.one
}
