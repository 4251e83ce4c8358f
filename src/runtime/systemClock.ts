// The real clock.
import { performance } from 'node:perf_hooks'
import type { Clock } from '../ports/clock.js'

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  tickMs: () => performance.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
  soon: (callback) => {
    setImmediate(callback)
  },
}
