// Signs of life of nodes in one process: for tests and for simulation.
import { right } from 'fp-ts/lib/Either.js'
import type { Beat, Heartbeats } from '../../ports/heartbeats.js'

export const memoryHeartbeats = (): Heartbeats => {
  const beats = new Map<string, Beat>()
  return {
    beat: (node, beat) => async () => {
      beats.set(node, beat)
      return right(undefined)
    },
    last: (node) => async () => right(beats.get(node)),
  }
}
