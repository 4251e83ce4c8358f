// Who asks, checked before anything is decided for them.
import { isLeft } from 'fp-ts/lib/Either.js'
import { checkedActor } from '../door/actor.js'
import { errorOf } from './refusals.js'
import type { Actor } from './types/index.js'

/** @throws LedgerqError */
export const actorOf = (by: unknown): Actor | undefined => {
  const actor = checkedActor(by)
  if (isLeft(actor)) throw errorOf(actor.left)
  return actor.right
}
