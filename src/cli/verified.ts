// What is shown while a log is proved, and of its hash chains afterwards: the same for each kind of log.
import cliProgress from 'cli-progress'
import { table } from './table.js'
import type { Terminal } from './terminal.js'

const MIB = 1_048_576
const inMib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`

export type ByteBar = Readonly<{
  onProgress: (bytesDone: number, bytesTotal: number) => void
  stop: () => void
}>

/** Drawn only where somebody watches. */
export const byteBar = (terminal: Terminal): ByteBar => {
  if (!terminal.isWatched) return { onProgress: () => undefined, stop: () => undefined }
  const bar = new cliProgress.SingleBar(
    {
      stream: terminal.stderr as NodeJS.WriteStream,
      format: '{bar} {percentage}% | {done} of {all} | {duration_formatted}',
      clearOnComplete: true,
      hideCursor: true,
      gracefulExit: false,
    },
    cliProgress.Presets.shades_classic,
  )
  bar.start(1, 0, { done: inMib(0), all: '?' })
  return {
    onProgress: (bytesDone, bytesTotal) => {
      bar.setTotal(bytesTotal)
      bar.update(bytesDone, { done: inMib(bytesDone), all: inMib(bytesTotal) })
    },
    stop: () => bar.stop(),
  }
}

export const chainHeads = (
  streams: ReadonlyArray<Readonly<{ stream: string; head: number; digest: string }>>,
): string =>
  table(streams, [
    { title: 'stream', cell: ({ stream }) => stream },
    { title: 'head', cell: ({ head }) => head, align: 'right' },
    { title: 'hash chain', cell: ({ digest }) => digest },
  ])
