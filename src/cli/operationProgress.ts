// A bar for operations over many things, messages mostly: on stderr, while a person watches, and never otherwise.
import cliProgress from 'cli-progress'
import type { Context } from './context.js'
import { grouped } from './table.js'

export type OperationProgress = Readonly<{
  /** `total` when more is known of it than at the beginning. */
  update: (done: number, total?: number) => void
  stop: () => void
}>

export const operationProgress = (
  { terminal }: Context,
  total: number,
  things = 'messages',
): OperationProgress => {
  if (!terminal.isWatched || total === 0) return { update: () => undefined, stop: () => undefined }
  const bar = new cliProgress.SingleBar(
    {
      stream: terminal.stderr as NodeJS.WriteStream,
      format: `{bar} {percentage}% | {count} ${things} | {duration_formatted}`,
      clearOnComplete: true,
      hideCursor: true,
      gracefulExit: false,
    },
    cliProgress.Presets.shades_classic,
  )
  bar.start(total, 0, { count: '0' })
  return {
    update: (done, newTotal = total) => {
      bar.setTotal(newTotal)
      bar.update(Math.min(done, newTotal), { count: grouped(done) })
    },
    stop: () => bar.stop(),
  }
}
