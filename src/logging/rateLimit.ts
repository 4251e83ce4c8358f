// Lines of one kind, so many in a window at most. How many were left out is told when the window ends, also when nothing
// more comes.
import type { Clock } from '../ports/clock.js'

export type RateLimit = Readonly<{
  /** True when the line may be written. */
  admits: (kind: string) => boolean
  close: () => void
}>

type Window = { readonly since: number; written: number; leftOut: number; cancel: (() => void) | undefined }

export const rateLimit = (
  clock: Clock,
  { linesMax, windowMs }: Readonly<{ linesMax: number; windowMs: number }>,
  tellLeftOut: (kind: string, count: number) => void,
): RateLimit => {
  const windows = new Map<string, Window>()
  const end = (kind: string, window: Window): void => {
    window.cancel?.()
    windows.delete(kind)
    if (window.leftOut > 0) tellLeftOut(kind, window.leftOut)
  }
  return {
    admits: (kind) => {
      const now = clock.tickMs()
      const last = windows.get(kind)
      if (last !== undefined && now - last.since >= windowMs) end(kind, last)
      const window = windows.get(kind) ?? { since: now, written: 0, leftOut: 0, cancel: undefined }
      windows.set(kind, window)
      if (window.written < linesMax) {
        window.written += 1
        return true
      }
      window.leftOut += 1
      window.cancel ??= clock.after(windowMs - (now - window.since), () => end(kind, window))
      return false
    },
    close: () => {
      for (const [kind, window] of [...windows]) end(kind, window)
    },
  }
}
