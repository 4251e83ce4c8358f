// Numbers of a queue, the health of the ledger, and long work that was begun by a request.
import { NotFoundError, RefusedError } from '../api/errors.js'
import type { ProjectionName } from '../api/types/index.js'
import { NoQuery, OperatorBody } from './codecs.js'
import { gatheredHealth } from './gathered.js'
import { RUNNING_MAX } from './operations.js'
import { done, ok, type Route, route } from './route.js'

const QUEUE = '/api/v1/queues/{queue}'

const metrics = route({
  method: 'GET',
  path: `${QUEUE}/metrics`,
  summary: 'Counts per kind, processing and waiting times, throughput, completion rate, utilisation',
  query: NoQuery,
  answer: async ({ queues }, { params }) => ok(await (await queues.find(params.queue ?? '')).metrics()),
})

const projection = route({
  method: 'GET',
  path: `${QUEUE}/projections/{name}`,
  summary: 'One view of a queue by its name',
  query: NoQuery,
  answer: async ({ queues }, { params }) => {
    const queue = await queues.find(params.queue ?? '')
    return ok(await queue.projection((params.name ?? '') as ProjectionName))
  },
})

const rebuild = route({
  method: 'POST',
  path: `${QUEUE}/projections:rebuild`,
  summary: 'Counts all numbers of the queue anew from its log; answers an operation to ask for its progress',
  body: OperatorBody,
  query: NoQuery,
  answer: async ({ queues, operations }, { params }) => {
    const queue = await queues.find(params.queue ?? '')
    if (operations.running >= RUNNING_MAX) {
      const message = `${RUNNING_MAX} operations are running already; wait for one of them, or cancel it`
      throw new RefusedError('too_many_operations', message, { max: RUNNING_MAX })
    }
    const begun = operations.begin(`rebuild the projections of ${queue.name}`, (onProgress, signal) =>
      queue.rebuildProjections({ onProgress, signal }),
    )
    return { status: 202, body: begun }
  },
})

const unknownOperation = (id: string): NotFoundError =>
  new NotFoundError('operation_not_found', 'there is no such operation, or it was forgotten', { id })

const operation = route({
  method: 'GET',
  path: '/api/v1/operations/{id}',
  anywhere: true,
  summary: 'How far an operation is',
  query: NoQuery,
  answer: async ({ operations }, { params }) => {
    const view = operations.view(params.id ?? '')
    if (view === undefined) throw unknownOperation(params.id ?? '')
    return ok(view)
  },
})

const cancel = route({
  method: 'POST',
  path: '/api/v1/operations/{id}:cancel',
  anywhere: true,
  summary: 'Ends an operation; what it has done stays done',
  body: OperatorBody,
  query: NoQuery,
  answer: async ({ operations }, { params }) => {
    if (!operations.cancel(params.id ?? '')) throw unknownOperation(params.id ?? '')
    return done
  },
})

const health = route({
  method: 'GET',
  path: '/api/v1/health',
  gathers: gatheredHealth,
  summary: 'Healthy, degraded or unhealthy, with the reasons',
  query: NoQuery,
  answer: async ({ ledger }) => {
    const { reasons, ...rest } = await ledger.health()
    // Why a log has stopped names files and errors of this machine, which its own log is for.
    const told = reasons.map((reason) =>
      reason.code.startsWith('log_') || reason.code === 'partition_down'
        ? { ...reason, message: reason.message.replace(/: .*$/s, ': see the log of the server') }
        : reason,
    )
    return ok({ ...rest, reasons: told })
  },
})

export const projectionRoutes: ReadonlyArray<Route> = [
  metrics,
  projection,
  rebuild,
  operation,
  cancel,
  health,
]
