// The `Queue` of a ledger in this process, put together from its operations: one file of this folder for each kind.
import type * as t from 'io-ts'
import { DEFAULT_PAYLOAD_LIMITS } from '../../../domain/payload/index.js'
import type { Clock } from '../../ports/clock.js'
import { throughSandboxes, withSandboxes } from '../../sandbox/sandboxedWorker.js'
import type { Scheduler } from '../../schedules/scheduler.js'
import { checkProcessOptions } from '../../worker/processOptions.js'
import { accepted, acceptedList, SELECTION_OPTIONS } from '../acceptedOptions.js'
import { actorOf } from '../actor.js'
import { LedgerqError } from '../errors.js'
import type { BatchHandler, Handlers, Queue, WorkerLifecycle } from '../types/index.js'
import type { StartBatchWorker } from './batches.js'
import { settleMessages } from './claims.js'
import { type ControlDeps, controlOperations, operateOn } from './control.js'
import { discardEach as discardNamed } from './discarding.js'
import { editMessage } from './editing.js'
import { type EnqueueDeps, Enqueuer, encodedPayload } from './enqueueing.js'
import { countMessages, listDeadLetters, listMessages } from './listing.js'
import { historyEntry } from './messageViews.js'
import { clearWaiting, discardDeadLetters, redriveDeadLetters } from './operations.js'
import { projectionOperations } from './projections.js'
import { historyOf, messageView, queueStats } from './queueReads.js'
import { rerunMessages } from './rerun.js'
import { resultOf } from './results.js'
import { scheduleOperations } from './schedules.js'
import { whenSettled } from './settled.js'
import { switchOperations } from './switches.js'
import { claimHere, processOneHere, type StartWorker, type WorkerHost } from './workers.js'

export type QueueHandleDeps = EnqueueDeps &
  ControlDeps &
  Readonly<{
    clock: Clock
    scheduler: Scheduler
    startBatchWorker: StartBatchWorker
    startWorker: StartWorker
    workers: WorkerHost
  }>

type Codec<A> = t.Type<A, unknown> | undefined

export const queueHandle = <A>(deps: QueueHandleDeps, codec: Codec<A>): Queue<A> => {
  const { engine, log, scheduler } = deps
  const enqueuer = new Enqueuer<A>(deps, codec)
  return {
    name: engine.name,
    ...messageOperations(deps, codec, enqueuer),
    ...workerOperations(deps, codec),
    ...selectionOperations(deps),
    ...controlOperations(deps),
    ...projectionOperations(deps),
    ...scheduleOperations<A>({
      engine,
      scheduler,
      // A schedule holds its payload itself: the limits of the log are its limits.
      accept: (payload, options) => enqueuer.accept(payload, options, DEFAULT_PAYLOAD_LIMITS),
    }),
    ...switchOperations({
      engine,
      log,
      clock: scheduler.clock,
      started: (probe: WorkerLifecycle) => deps.workers.started(engine, probe),
    }),
  }
}

const messageOperations = <A>(deps: QueueHandleDeps, codec: Codec<A>, enqueuer: Enqueuer<A>) => {
  const listen: Queue<A>['whenSettled'] = (id, listener) => whenSettled(deps, id, listener)
  const message: Queue<A>['message'] = (id) => messageView(deps, id)
  const result: Queue<A>['result'] = (id, options) =>
    resultOf({ whenSettled: listen, message }, deps.clock, id, options)
  const edit: Queue<A>['edit'] = async (id, changes, by) => {
    const { payload } = accepted('changes', changes)
    const encoded = payload === undefined ? undefined : encodedPayload(codec, payload)
    if (encoded instanceof LedgerqError) throw encoded
    return editMessage(deps, id, changes, encoded, actorOf(by))
  }
  const enqueueAndWait: Queue<A>['enqueueAndWait'] = async (payload, options, wait) => {
    const enqueued = await enqueuer.enqueue(payload, options)
    return { ...enqueued, ...(await result(enqueued.id, wait)) }
  }
  const history: Queue<A>['history'] = async (id) => (await historyOf(deps, id)).map(historyEntry)
  const cancel: Queue<A>['cancel'] = (id, by) => operateOn(deps, 'cancel', id, by)
  const discard: Queue<A>['discard'] = (id, by) => operateOn(deps, 'discard', id, by)
  const { enqueue, enqueueBatch } = enqueuer
  return {
    enqueue,
    enqueueBatch,
    enqueueAndWait,
    whenSettled: listen,
    message,
    history,
    result,
    edit,
    cancel,
    discard,
  }
}

const workerOperations = <A>(deps: QueueHandleDeps, codec: Codec<A>) => {
  const { engine } = deps
  const process: Queue<A>['process'] = (handlers, options = {}) =>
    withSandboxes(handlers, checkProcessOptions('process', options), (asked) =>
      deps.startWorker(engine, handlers as Handlers<never>, codec, asked as never),
    )
  const processOne: Queue<A>['processOne'] = async (handlers, options = {}) => {
    checkProcessOptions('processOne', options)
    return throughSandboxes(handlers, () => processOneHere(deps, handlers, codec, options))
  }
  const processBatch: Queue<A>['processBatch'] = (handler, options = {}) =>
    deps.startBatchWorker(
      engine,
      handler as BatchHandler<never>,
      codec,
      checkProcessOptions('processBatch', options),
    )
  const claim: Queue<A>['claim'] = async (options) => claimHere(deps, accepted('options', options))
  const settle: Queue<A>['settle'] = async (settlements) =>
    settleMessages(engine, acceptedList('settlements', settlements))
  return { process, processOne, processBatch, claim, settle }
}

const selectionOperations = (deps: QueueHandleDeps) => {
  // async: what they refuse at once is a rejection, too.
  const list: Queue<unknown>['list'] = async (options = {}) =>
    listMessages(deps, accepted('options', options, SELECTION_OPTIONS.list))
  const count: Queue<unknown>['count'] = async (options = {}) =>
    countMessages(deps, accepted('options', options, SELECTION_OPTIONS.count))
  const deadLetters: Queue<unknown>['deadLetters'] = async (options = {}) =>
    listDeadLetters(deps, accepted('options', options, SELECTION_OPTIONS.deadLetters))
  const redrive: Queue<unknown>['redrive'] = async (options = {}) =>
    redriveDeadLetters(deps, accepted('options', options, SELECTION_OPTIONS.redrive))
  const discardAll: Queue<unknown>['discardAll'] = async (options = {}) =>
    discardDeadLetters(deps, accepted('options', options, SELECTION_OPTIONS.discardAll))
  const clear: Queue<unknown>['clear'] = async (options = {}) =>
    clearWaiting(deps, accepted('options', options, SELECTION_OPTIONS.clear))
  const rerun: Queue<unknown>['rerun'] = async (options = {}) =>
    rerunMessages(deps, accepted('options', options, SELECTION_OPTIONS.rerun))
  const discardEach: Queue<unknown>['discardEach'] = (ids, by) => discardNamed(deps, ids, by)
  const stats: Queue<unknown>['stats'] = () => queueStats(deps)
  return { list, count, deadLetters, redrive, discardAll, discardEach, clear, rerun, stats }
}
