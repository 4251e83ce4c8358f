// How late the event loop comes to its timers. Node's monitor arms a timer each millisecond and records the time between
// two of its firings, so an idle loop shows a little over 1 ms, and every figure holds that millisecond.
import { monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 1
const NANOS_PER_MS = 1e6

export type LoopDelay = Readonly<{ p50Ms: number; p99Ms: number; maxMs: number }>

/** Begins to watch; the returned function ends it and says what was seen. */
export const watchLoopDelay = (): (() => LoopDelay) => {
  const monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  monitor.enable()
  const ms = (nanos: number): number => Number((nanos / NANOS_PER_MS).toFixed(2))
  return () => {
    monitor.disable()
    return { p50Ms: ms(monitor.percentile(50)), p99Ms: ms(monitor.percentile(99)), maxMs: ms(monitor.max) }
  }
}
