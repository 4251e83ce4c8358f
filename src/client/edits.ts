// Changing messages and waiting for their end, behind HTTP.

import { accepted } from '../api/acceptedOptions.js'
import { checkedWaitMs } from '../api/queue/results.js'
import type { EditOperations, Enqueued, EnqueueOptions, MessageResult } from '../api/types/index.js'
import type { Clock } from '../ports/clock.js'
import type { Transport } from './transport.js'
import { askUntilOver } from './waiting.js'

/** One request waits at most this long; a longer wait is several of them. */
const ONE_WAIT_MS = 20_000

type EditDeps<A> = Readonly<{
  call: Transport['call']
  messagePath: (id: string) => string
  clock: Pick<Clock, 'tickMs' | 'after'>
  payloadText: (payload: A) => string
  enqueue: (payload: A, options?: EnqueueOptions) => Promise<Enqueued>
}>

export const editCalls = <A>(deps: EditDeps<A>): EditOperations<A> => {
  const { call, messagePath, clock, payloadText, enqueue } = deps
  const result: EditOperations<A>['result'] = async (id, options = {}) => {
    const until = clock.tickMs() + checkedWaitMs(options.waitMs)
    for (;;) {
      const restMs = Math.max(0, Math.ceil(until - clock.tickMs()))
      // It only reads, so a server that goes away meanwhile is asked again.
      const answer = await askUntilOver(clock, restMs, async (leftMs) => {
        const waitMs = Math.min(ONE_WAIT_MS, leftMs)
        const query = { waitMs }
        return (await call('GET', `${messagePath(id)}/result`, { query, waitMs })) as MessageResult
      })
      if (answer.ended || clock.tickMs() >= until) return answer
    }
  }
  return {
    edit: async (id, given, by) => {
      const { payload, notBefore, ...changes } = accepted('changes', given)
      const fields = {
        ...changes,
        ...(notBefore === undefined
          ? {}
          : { notBefore: notBefore instanceof Date ? notBefore.toISOString() : notBefore }),
        ...(by === undefined
          ? {}
          : { by: { who: by.who, ...(by.why === undefined ? {} : { why: by.why }) } }),
      }
      const text = JSON.stringify(fields)
      // The payload's text is taken as it is: it has been written once already.
      const bodyText =
        payload === undefined
          ? text
          : `{"payload":${payloadText(payload)}${text === '{}' ? '}' : `,${text.slice(1)}`}`
      await call('POST', `${messagePath(id)}:edit`, { bodyText })
    },
    result,
    enqueueAndWait: async (payload, options, wait) => {
      const enqueued = await enqueue(payload, options)
      return { ...enqueued, ...(await result(enqueued.id, wait)) }
    },
  }
}
