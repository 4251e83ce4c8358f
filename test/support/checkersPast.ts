// I6, for a prefix: what the state of a partition says of each live message as of a revision is what the log told until then.
import { ABSENT, type Message } from '../../domain/message/index.js'
import type { Live } from './checkersLive.js'

type State = Readonly<{
  counts: Readonly<{ scheduled: number; pending: number; retrying: number; processing: number; dead: number }>
  messageAt: (ordinal: number) => Message
}>

const TAGS = { waiting: 'Waiting', leased: 'Leased', dead: 'Dead' } as const

/** As the log tells it; what a situation has no use for is left out. */
const told = (one: Live): Record<string, unknown> => {
  const { situation, callerId, priority, enqueuedAt, expiresAt, attempts, firstStartedAt, attributes } = one
  const { group, tenant, zone } = attributes
  const all = { tag: TAGS[situation], callerId, priority, enqueuedAt, expiresAt, attempts, firstStartedAt }
  const wishes = { group, tenant, zone, gate: one.gate, failureType: one.failureType }
  if (situation === 'waiting') return { ...all, ...wishes, dueAt: one.dueAt, inDoubt: one.inDoubt }
  if (situation === 'dead') return { ...all, ...wishes }
  const { fence, leaseMs, startedAt, worker, inDoubt, cancelRequested } = one
  return { ...all, ...wishes, fence, leaseMs, startedAt, worker, inDoubt, cancelRequested }
}

const kept = (message: Message): Record<string, unknown> => {
  if (message.tag === 'Absent' || message.tag === 'Finished') return { tag: message.tag }
  const { wishes, ordinal: _, previousDelayMs: __, ...facts } = message
  const { group, tenant, zone, gate } = wishes
  const { deadAt: ___, ...rest } = { deadAt: 0, ...facts }
  const asked = 'cancelRequested' in message ? { cancelRequested: message.cancelRequested !== undefined } : {}
  return { ...rest, group, tenant, zone, gate, ...asked }
}

/** In words, what differs; empty when both agree. */
export const disagreements = (
  live: ReadonlyMap<number, Live>,
  state: State,
  ordinals: ReadonlyArray<number>,
): ReadonlyArray<string> => {
  const broken: string[] = []
  const numbers = { Waiting: 0, Leased: 0, Dead: 0 }
  for (const ordinal of ordinals) {
    const one = live.get(ordinal)
    const message = state.messageAt(ordinal)
    if (one === undefined) {
      if (message.tag !== ABSENT.tag && message.tag !== 'Finished')
        broken.push(`message ${ordinal} is ${message.tag} although it has ended`)
      continue
    }
    numbers[TAGS[one.situation]]++
    const [inLog, inState] = [told(one), kept(message)]
    for (const [name, value] of Object.entries(inLog))
      if (inState[name] !== value)
        broken.push(
          `${name} of message ${ordinal} is ${String(inState[name])}, the log says ${String(value)}`,
        )
  }
  const { counts } = state
  const counted = {
    Waiting: counts.scheduled + counts.pending + counts.retrying,
    Leased: counts.processing,
    Dead: counts.dead,
  }
  for (const tag of ['Waiting', 'Leased', 'Dead'] as const)
    if (numbers[tag] !== counted[tag])
      broken.push(`${counted[tag]} are counted as ${tag}, the log has ${numbers[tag]}`)
  return broken
}
