// A bar for operations over many messages: on stderr, while a person watches, and never otherwise.
import cliProgress from 'cli-progress'
import type { Context } from './context.js'
import { grouped } from './table.js'

export type OperationProgress = Readonly<{ update: (done: number) => void; stop: () => void }>

export const operationProgress = ({ terminal }: Context, total: number): OperationProgress => {
  if (!terminal.isWatched || total === 0) return { update: () => undefined, stop: () => undefined }
  const bar = new cliProgress.SingleBar(
    {
      stream: terminal.stderr as NodeJS.WriteStream,
      format: '{bar} {percentage}% | {messages} messages | {duration_formatted}',
      clearOnComplete: true,
      hideCursor: true,
      gracefulExit: false,
    },
    cliProgress.Presets.shades_classic,
  )
  bar.start(total, 0, { messages: '0' })
  return {
    update: (done) => bar.update(Math.min(done, total), { messages: grouped(done) }),
    stop: () => bar.stop(),
  }
}
