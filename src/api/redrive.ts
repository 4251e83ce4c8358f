// Dead letters back into their queue, oldest first, in steps that leave room for other work.
import { isLeft, isRight } from 'fp-ts/lib/Either.js'
import { UnknownOutcomeError } from './errors.js'
import { locate, type ReadDeps } from './queueReads.js'
import { errorOf, errorOfFailure } from './refusals.js'
import type { Redriven, RedriveOptions } from './types.js'

/** Messages redriven in one append. */
const STEP = 500

export const redriveDeadLetters = async (deps: ReadDeps, options: RedriveOptions): Promise<Redriven> => {
  const { engine } = deps
  const { dryRun = false, limit = Number.POSITIVE_INFINITY } = options
  if (options.limit !== undefined && !(Number.isInteger(options.limit) && options.limit >= 1)) {
    throw errorOf({ type: 'Invalid', field: 'limit', problem: 'accepted is a whole number from 1' })
  }
  const chosen = options.ids === undefined ? await allDead(deps) : await theseDead(deps, options.ids)
  let redriven = 0
  let refused = chosen.missing
  for (const [partition, all] of chosen.ordinals) {
    const ordinals = all.slice(0, Math.max(0, limit - redriven))
    if (dryRun) {
      redriven += ordinals.length
      continue
    }
    for (let from = 0; from < ordinals.length; from += STEP) {
      const reply = await engine.operate(partition, 'redrive', ordinals.slice(from, from + STEP), options.by)
      if (isLeft(reply)) {
        const error = errorOfFailure(reply.left)
        if (redriven === 0) throw error
        // Part of it is recorded: asking again is safe, those that are dead letters no more are refused.
        throw new UnknownOutcomeError(`${redriven} were redriven, then: ${error.message}`, { redriven })
      }
      const done = reply.right.value.filter(isRight).length
      redriven += done
      refused += reply.right.value.length - done
    }
  }
  return { redriven, refused, dryRun }
}

type Chosen = Readonly<{ ordinals: ReadonlyMap<number, number[]>; missing: number }>

const allDead = async ({ engine }: ReadDeps): Promise<Chosen> => {
  const ordinals = new Map<number, number[]>()
  for (const { ref } of engine.partitions) {
    const dead = await engine.look(ref.partition, (state) => [...state.deadLetters])
    if (isLeft(dead)) throw errorOfFailure(dead.left)
    ordinals.set(ref.partition, dead.right.value)
  }
  return { ordinals, missing: 0 }
}

const theseDead = async (deps: ReadDeps, ids: ReadonlyArray<string>): Promise<Chosen> => {
  const ordinals = new Map<number, number[]>()
  let missing = 0
  for (const id of ids) {
    const located = await locate(deps, id)
    if (located === undefined) {
      missing++
      continue
    }
    const { partition } = located.ref
    const share = ordinals.get(partition) ?? []
    const dead = await deps.engine.look(partition, (state) => state.deadLetters.has(located.ordinal))
    if (isLeft(dead)) throw errorOfFailure(dead.left)
    if (dead.right.value) share.push(located.ordinal)
    else missing++
    ordinals.set(partition, share)
  }
  return { ordinals, missing }
}
