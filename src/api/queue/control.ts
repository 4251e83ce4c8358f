// A queue as a whole: its settings and its pause, and what an operator asks of one message.
import { type Either, isLeft, right } from 'fp-ts/lib/Either.js'
import {
  type ControlEvent,
  configureQueue,
  pauseQueue,
  type QueueControl,
  type QueueRefusal,
  type ResizeRefusal,
  resizeQueue,
  resumeQueue,
} from '../../../domain/queue/index.js'
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

type ControlOperations = Pick<Queue<unknown>, 'pause' | 'resume' | 'configure' | 'resize' | 'view'>

/** From this level of a cluster on all of its nodes understand queues that were resized (R65). */
const RESIZE_LEVEL = 2

export type ControlDeps = Readonly<{
  engine: QueueEngine
  /** Of the cluster that this node is in. */
  clusterLevel?: (() => number) | undefined
}>

const changed = async (
  engine: QueueEngine,
  decide: (control: QueueControl) => Either<QueueRefusal | ResizeRefusal, ReadonlyArray<ControlEvent>>,
): Promise<QueueView> => {
  const change = engine.changeControl((control) => {
    const events = decide(control)
    if (isLeft(events)) throw errorOf(events.left)
    return events.right
  })
  await withPublicErrors(change)
  return queueView(engine)
}

export const controlOperations = ({ engine, clusterLevel }: ControlDeps): ControlOperations => ({
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
    return changed(engine, (control) => configureQueue(control, settings, actor))
  },
  resize: async (partitions, by) => {
    const actor = actorOf(by)
    const level = clusterLevel?.() ?? RESIZE_LEVEL
    if (level < RESIZE_LEVEL) throw errorOf({ type: 'ClusterTooOld', level, needed: RESIZE_LEVEL })
    const view = await changed(engine, (control) => resizeQueue(control, partitions, actor))
    // It is recorded, and goes on by itself where a partition does not answer now.
    await engine.layouts.advance().catch(() => undefined)
    return view
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
