// How many connections the server may hold so that the log still gets the descriptors it needs (R10).
import { readFileSync } from 'node:fs'
import { CONNECTIONS_MAX } from './limits.js'

/** Segments, snapshots, views and modules of this process, and some for the program around it. */
const DESCRIPTORS_KEPT = 128
/** However low the limit is. */
const CONNECTIONS_MIN = 16

/** `limits`: the text of /proc/self/limits, where there is such a thing. */
export const connectionsWithin = (limits: string): number => {
  const descriptors = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
  return Math.min(CONNECTIONS_MAX, Math.max(CONNECTIONS_MIN, descriptors - DESCRIPTORS_KEPT))
}

export const connectionsMax = (): number => {
  try {
    return connectionsWithin(readFileSync('/proc/self/limits', 'latin1'))
  } catch {
    return CONNECTIONS_MAX
  }
}
