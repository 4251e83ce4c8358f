// Memory of this process after everything that can go has gone. RSS is what the system pays (all threads, free lists and
// code included); live bytes are what V8 knows to be in use: its heap and the buffers outside it.
import { setTimeout as after } from 'node:timers/promises'

const COLLECTIONS = 4
/** Between two collections: time for the sweeper and for finalizers, which run on later turns. */
const PAUSE_MS = 100
const BYTES_PER_MB = 1_048_576

export type Settled = Readonly<{ rssBytes: number; liveBytes: number }>

/** Needs `--expose-gc`. */
export const settledMemory = async (): Promise<Settled> => {
  const { gc } = globalThis
  if (gc === undefined) throw new Error('this step must run with --expose-gc')
  for (let i = 0; i < COLLECTIONS; i++) {
    gc()
    await after(PAUSE_MS)
  }
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rssBytes: rss, liveBytes: heapUsed + external }
}

export const megabytes = (bytes: number): number => Number((bytes / BYTES_PER_MB).toFixed(1))
export const rssMb = (): number => megabytes(process.memoryUsage().rss)
/** The kernel counts it in KiB. */
export const peakRssMb = (): number => megabytes(process.resourceUsage().maxRSS * 1024)
