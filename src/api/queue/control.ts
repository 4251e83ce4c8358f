// A queue as a whole: its settings and its pause, and what an operator asks of one message.
import { isLeft, right } from 'fp-ts/lib/Either.js'
import { configureQueue, pauseQueue, resumeQueue } from '../../../domain/queue/index.js'
import type { QueueEngine } from '../../engine/queueEngine.js'
import { accepted } from '../acceptedOptions.js'
import { actorOf } from '../actor.js'
import { errorOf, errorOfFailure, withPublicErrors } from '../refusals.js'
import type { Actor, Queue, QueueView } from '../types/index.js'
import { locate, type ReadDeps } from './queueReads.js'

export const queueView = ({ name, entry, control }: QueueEngine): QueueView => ({
  queue: name,
  generation: entry.generation,
  paused: control.paused,
  config: control.config,
})

type ControlOperations = Pick<Queue<unknown>, 'pause' | 'resume' | 'configure' | 'view'>

export const controlOperations = (engine: QueueEngine): ControlOperations => ({
  pause: async (by) => {
    const actor = actorOf(by)
    await withPublicErrors(engine.changeControl((control) => pauseQueue(control, actor)))
  },
  resume: async (by) => {
    const actor = actorOf(by)
    await withPublicErrors(engine.changeControl((control) => resumeQueue(control, actor)))
  },
  configure: async (settings, by) => {
    accepted('settings', settings)
    const actor = actorOf(by)
    const change = engine.changeControl((control) => {
      const events = configureQueue(control, settings, actor)
      if (isLeft(events)) throw errorOf(events.left)
      return events.right
    })
    await withPublicErrors(change)
    return queueView(engine)
  },
  view: () => Promise.resolve(queueView(engine)),
})

export const operateOn = async (
  deps: ReadDeps,
  command: 'cancel' | 'discard',
  id: string,
  asked: Actor | undefined,
): Promise<void> => {
  const by = actorOf(asked)
  const located = await locate(deps, id)
  if (located === undefined) throw errorOf({ type: 'MessageNotFound' })
  const reply = await deps.engine.operate(located.ref.partition, command, [located.ordinal], by)
  if (isLeft(reply)) throw errorOfFailure(reply.left)
  const [result = right(undefined)] = reply.right.value
  if (isLeft(result)) throw errorOf(result.left)
}
