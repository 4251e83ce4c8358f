// A ledger with one queue whose answers a test chooses: for faults and races that a sound ledger does not show.

import { DEFAULT_QUEUE_CONFIG } from '../../domain/queue/index.js'
import type { Ledger, Queue, QueueView } from '../../src/api/types/index.js'

const unexpected = (): never => {
  throw new Error('the test did not expect this call')
}

const VIEW: QueueView = { queue: 'orders', generation: 1, paused: false, config: DEFAULT_QUEUE_CONFIG }

export const fakeQueue = (answers: Partial<Queue<unknown>>): Queue<unknown> => {
  const names = [
    'enqueue',
    'enqueueBatch',
    'process',
    'claim',
    'settle',
    'message',
    'history',
    'list',
    'deadLetters',
  ]
  const others = ['redrive', 'cancel', 'discard', 'discardEach', 'pause', 'resume', 'configure', 'stats']
  const refusing = Object.fromEntries([...names, ...others].map((name) => [name, unexpected]))
  return { name: 'orders', view: () => Promise.resolve(VIEW), ...refusing, ...answers } as Queue<unknown>
}

export const fakeLedger = (answers: Partial<Queue<unknown>>): Ledger => ({
  queue: <A>() => Promise.resolve(fakeQueue(answers) as unknown as Queue<A>),
  openQueue: unexpected,
  createQueue: unexpected,
  queues: () => Promise.resolve([VIEW]),
  deleteQueue: unexpected,
  history: unexpected,
  events: unexpected,
  health: unexpected,
  stats: unexpected,
  relay: unexpected,
  collectBlobs: unexpected,
  processFolder: unexpected,
  workerStatuses: unexpected,
  recovery: unexpected,
  recover: unexpected,
  callbacks: { register: unexpected, unregister: unexpected },
  close: () => Promise.resolve(),
})
