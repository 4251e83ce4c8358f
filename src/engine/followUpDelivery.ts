// Follow-ups into one queue that is open here: which of them it has already, and how the rest is enqueued. Asked for by the process
// that reads them from the log, in this process or in another node's.
import { isLeft } from 'fp-ts/lib/Either.js'
import type { FollowUp } from '../../domain/message/index.js'
import type { QueueEngine } from './queueEngine.js'
import type { Failure } from './replies.js'
import type { NewMessage } from './requests.js'
import { isFailure } from './routing.js'

export type NamedFollowUp = Readonly<{
  /** Its name, as the caller's id of the message that it becomes. */
  id: string
  /** The message that ended. */
  origin: string
  followUp: FollowUp
  /** It may be in its queue already. */
  isRepeat: boolean
}>

export type Delivered = Readonly<{
  /** Indexes of those that are in the queue now, durably. */
  done: ReadonlyArray<number>
  /** Of those that may be: they are repeats from now on. */
  unclear: ReadonlyArray<number>
  /** What keeps the rest from going in. */
  failure: string | undefined
}>

type Numbered = Readonly<{ index: number; one: NamedFollowUp }>
type Progress = { done: number[]; unclear: number[]; failure: string | undefined }

export const deliverFollowUps = async (
  engine: QueueEngine,
  followUps: ReadonlyArray<NamedFollowUp>,
): Promise<Delivered> => {
  const shares = new Map<number, Numbered[]>()
  for (const [index, one] of followUps.entries()) {
    const partition = engine.route(messageOf(one))
    const share = shares.get(partition)
    if (share === undefined) shares.set(partition, [{ index, one }])
    else share.push({ index, one })
  }
  const progress: Progress = { done: [], unclear: [], failure: undefined }
  await Promise.all([...shares].map(([partition, share]) => deliverShare(engine, partition, share, progress)))
  return progress
}

const deliverShare = async (
  engine: QueueEngine,
  partition: number,
  share: ReadonlyArray<Numbered>,
  progress: Progress,
): Promise<void> => {
  const missing = await missingOf(engine, share)
  if (typeof missing === 'string') {
    progress.failure ??= missing
    return
  }
  const isMissing = new Set(missing)
  for (const numbered of share) if (!isMissing.has(numbered)) progress.done.push(numbered.index)
  for (let rest = missing, size = rest.length; rest.length > 0; ) {
    const some = rest.slice(0, size)
    const routed = await engine.enqueueRouted(
      some.map(({ one }) => messageOf(one)),
      some.map(() => partition),
    )
    const refused: Numbered[] = []
    for (const [n, numbered] of some.entries()) {
      const one = routed[n]
      if (one === undefined || !isFailure(one)) progress.done.push(numbered.index)
      else if (one.kind === 'refused' && size > 1) refused.push(numbered)
      else {
        if (one.kind === 'unknown') progress.unclear.push(numbered.index)
        progress.failure ??= reasonOf(one)
      }
    }
    if (progress.failure !== undefined) return
    rest = [...refused, ...rest.slice(size)]
    // All or nothing: there may be room for some of them.
    if (refused.length > 0) size = size >> 1
  }
}

/** Those of which it is not known that they were enqueued before; a text when that cannot be told now. */
const missingOf = async (
  engine: QueueEngine,
  share: ReadonlyArray<Numbered>,
): Promise<ReadonlyArray<Numbered> | string> => {
  const found = new Set<Numbered>()
  for (const [partition, repeats] of homesOfRepeats(engine, share)) {
    if (!(await engine.partition(partition).finished.isReady()))
      return 'its register of finished messages lags'
    // First among the live, then among the finished: nobody else uses these names, so none can slip through between.
    const live = await engine.look(partition, (state) =>
      repeats.map(({ one }) => state.callerIds.get(one.id)),
    )
    if (isLeft(live)) return reasonOf(live.left)
    for (const [n, numbered] of repeats.entries()) {
      const isKnown =
        live.right.value[n] !== undefined || (await engine.hasFinished(partition, numbered.one.id))
      if (isKnown) found.add(numbered)
    }
  }
  return share.filter((numbered) => !found.has(numbered))
}

/** Registers know names for longer than partitions do: all layouts are asked, those too that have nothing to say to a message. */
const homesOfRepeats = (
  { layouts }: QueueEngine,
  share: ReadonlyArray<Numbered>,
): ReadonlyMap<number, Numbered[]> => {
  const homes = new Map<number, Numbered[]>()
  for (const numbered of share) {
    if (!numbered.one.isRepeat) continue
    for (const layout of layouts.inUse) {
      const home = layouts.homeIn(layout, numbered.one.id)
      const there = homes.get(home)
      if (there === undefined) homes.set(home, [numbered])
      else there.push(numbered)
    }
  }
  return homes
}

const messageOf = ({ id, origin, followUp }: NamedFollowUp): NewMessage => {
  const { payload, type, headers, delayMs = 0 } = followUp
  return {
    callerId: id,
    payload,
    priority: 0,
    delayMs,
    notBefore: 0,
    ttlMs: 0,
    attributes: {
      causationId: origin,
      ...(type === undefined ? {} : { type }),
      ...(headers === undefined ? {} : { headers }),
    },
  }
}

const reasonOf = (failure: Failure): string =>
  failure.kind === 'refused' ? failure.refusal.type : failure.reason
