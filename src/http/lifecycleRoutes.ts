// Creating a queue, and nothing else: what is there already is answered, or refused, and never changed. `PUT` on a queue
// creates it or changes it, under the policy whether queues come into being by being used.
import { QueueSettingsCodec } from '../../domain/queue/index.js'
import { isFields } from '../../domain/storedFields.js'
import { closedRecord } from './closedRecord.js'
import { NoQuery } from './codecs.js'
import { by, text } from './fields.js'
import { actorOf, type Route, route } from './route.js'

const NewQueueBody = closedRecord('a new queue', { queue: text }, { ...QueueSettingsCodec.props, by })

const postQueue = route({
  method: 'POST',
  path: '/api/v1/queues',
  creates: true,
  queueIn: (body) => (isFields(body) && typeof body.queue === 'string' ? body.queue : undefined),
  summary: 'Creates a queue; 200 when it was created with the same settings, 409 when with others',
  body: NewQueueBody,
  query: NoQuery,
  answer: async ({ ledger, queues }, call) => {
    const { queue: name, by: actor, ...settings } = call.body
    const existing = await queues.view(name)
    const queue = await ledger.createQueue(name, settings, actorOf(actor, call.from))
    return { status: existing === undefined ? 201 : 200, body: await queue.view() }
  },
})

export const lifecycleRoutes: ReadonlyArray<Route> = [postQueue]
