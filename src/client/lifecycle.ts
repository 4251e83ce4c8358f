// The life of queues behind HTTP.
import type * as t from 'io-ts'
import type { LifecycleOperations, Queue } from '../api/types/index.js'
import type { Transport } from './transport.js'

/** `pathOf` a queue; `handleOf` asks nothing. */
export const lifecycleCalls = (
  call: Transport['call'],
  pathOf: (name: string) => string,
  handleOf: <A>(name: string, payload: t.Type<A, unknown> | undefined) => Queue<A>,
): LifecycleOperations => ({
  openQueue: async (name, { payload } = {}) => {
    await call('GET', pathOf(name))
    return handleOf(name, payload)
  },
  createQueue: async (name, { payload, ...settings } = {}, by) => {
    const actor = by === undefined ? {} : { by: { who: by.who, why: by.why } }
    // Created twice with the same settings it is the same queue.
    await call('POST', '/api/v1/queues', { body: { queue: name, ...settings, ...actor } })
    return handleOf(name, payload)
  },
})
