// From a queue's name in a path to its handle. `ledger.queue` creates what is not there, and a mistyped name in a path
// must answer 404 instead, so the catalogue is asked first.

import { NotFoundError } from '../api/errors.js'
import type { Ledger, Queue, QueueView } from '../api/types/index.js'

/** Bounds what a client can make the server remember. */
const HANDLES_MAX = 10_000

export type QueueHandles = Readonly<{
  /** Rejects with NotFoundError. */
  find: (name: string) => Promise<Queue<unknown>>
  view: (name: string) => Promise<QueueView | undefined>
  forget: (name: string) => void
}>

export const queueNotFound = (name: string): NotFoundError =>
  new NotFoundError('queue_not_found', `there is no queue "${name}"`, { queue: name })

/** On a node a queue comes and goes, and handles with it: they are made as they are needed. */
const handlesOfNode = (ledger: Ledger): QueueHandles => {
  const find = (name: string): Promise<Queue<unknown>> => ledger.openQueue(name)
  return {
    find,
    view: async (name) => {
      try {
        return await (await find(name)).view()
      } catch (error) {
        if (error instanceof NotFoundError) return undefined
        throw error
      }
    },
    forget: () => undefined,
  }
}

export const queueHandles = (ledger: Ledger): QueueHandles => {
  if (ledger.cluster !== undefined) return handlesOfNode(ledger)
  const open = new Map<string, Queue<unknown>>()
  const view = async (name: string): Promise<QueueView | undefined> =>
    (await ledger.queues()).find(({ queue }) => queue === name)
  return {
    view,
    find: async (name) => {
      const known = open.get(name)
      if (known !== undefined) return known
      if ((await view(name)) === undefined) throw queueNotFound(name)
      const queue = await ledger.queue(name)
      if (open.size >= HANDLES_MAX) open.clear()
      open.set(name, queue)
      return queue
    },
    forget: (name) => {
      open.delete(name)
    },
  }
}
