// Dead letters dropped by their ids: one append for those of a partition, and an answer for each.
import { isLeft } from 'fp-ts/lib/Either.js'
import { actorOf } from '../actor.js'
import type { LedgerqError } from '../errors.js'
import { errorOf, errorOfFailure } from '../refusals.js'
import type { Actor, NamedResult } from '../types/index.js'
import { locate, type ReadDeps } from './queueReads.js'
import { STEP_MESSAGES } from './sweep.js'

/** By ordinal, as one message may be named by both of its ids. */
type Share = Map<number, string[]>

const failed = (id: string, { code, message }: LedgerqError): NamedResult => ({
  id,
  ok: false,
  code,
  message,
})

const sharesOf = async (deps: ReadDeps, ids: ReadonlySet<string>): Promise<ReadonlyMap<number, Share>> => {
  const shares = new Map<number, Share>()
  for (const id of ids) {
    const located = await locate(deps, id)
    if (located === undefined) continue
    const { partition } = located.ref
    const share: Share = shares.get(partition) ?? new Map()
    share.set(located.ordinal, [...(share.get(located.ordinal) ?? []), id])
    shares.set(partition, share)
  }
  return shares
}

export const discardEach = async (
  deps: ReadDeps,
  ids: ReadonlyArray<string>,
  asked: Actor | undefined,
): Promise<ReadonlyArray<NamedResult>> => {
  if (!Array.isArray(ids) || ids.some((id) => typeof id !== 'string'))
    throw errorOf({ type: 'Invalid', field: 'ids', problem: 'accepted is a list of ids' })
  const by = actorOf(asked)
  const results = new Map<string, NamedResult>()
  for (const [partition, share] of await sharesOf(deps, new Set(ids))) {
    const all = [...share]
    for (let from = 0; from < all.length; from += STEP_MESSAGES) {
      const step = all.slice(from, from + STEP_MESSAGES)
      const ordinals = step.map(([ordinal]) => ordinal)
      const reply = await deps.engine.operate(partition, 'discard', ordinals, by)
      // What is recorded already must not be told as a failure of the call.
      if (isLeft(reply) && results.size === 0) throw errorOfFailure(reply.left)
      step.forEach(([, names], index) => {
        const one = isLeft(reply) ? undefined : reply.right.value[index]
        for (const id of names) {
          if (isLeft(reply)) results.set(id, failed(id, errorOfFailure(reply.left)))
          else if (one !== undefined && isLeft(one)) results.set(id, failed(id, errorOf(one.left)))
          else results.set(id, { id, ok: true })
        }
      })
    }
  }
  return ids.map((id) => results.get(id) ?? failed(id, errorOf({ type: 'MessageNotFound' })))
}
