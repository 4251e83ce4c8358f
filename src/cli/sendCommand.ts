// ledgerq message send: one message from the command line, or the messages of a file.
import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import cliProgress from 'cli-progress'
import { isLeft } from 'fp-ts/lib/Either.js'
import { checkJsonSource, describePayloadRefusal } from '../../domain/payload/index.js'
import type { EnqueueOptions } from '../api/types/index.js'
import type { Context } from './context.js'
import { CommandFailed, EXIT, UsageError } from './exitCode.js'
import { FileSender, type SendReport } from './sendFile.js'
import { duration, grouped } from './table.js'
import { printable } from './terminal.js'

export type SendCommandOptions = Readonly<{
  file?: string
  payloadOnly?: boolean
  run?: string
  fromLine?: number
  patience?: number
  id?: string
  type?: string
  topic?: string
  priority?: string
  delayMs?: number
  notBefore?: string
  group?: string
  dedupKey?: string
  idempotencyKey?: string
  ttlMs?: number
  timeoutMs?: number
  leaseMs?: number
  correlationId?: string
  tenant?: string
  zone?: string
  fallbackZone?: ReadonlyArray<string>
  gate?: string
  dedupMode?: string
  fireAndForget?: boolean
  notRetryable?: boolean
  notBatchable?: boolean
  notCancelable?: boolean
  onSuccess?: string
  onFailure?: string
  header?: ReadonlyArray<string>
}>

const TEXT_OPTIONS = [
  'id',
  'type',
  'topic',
  'group',
  'dedupKey',
  'idempotencyKey',
  'correlationId',
  'notBefore',
  'tenant',
  'zone',
  'gate',
  'dedupMode',
] as const
const NUMBER_OPTIONS = ['delayMs', 'ttlMs', 'timeoutMs', 'leaseMs'] as const

export const priorityOf = (text: string, flag = '--priority'): number | 'high' | 'normal' | 'low' => {
  if (text === 'high' || text === 'normal' || text === 'low') return text
  if (/^-?\d{1,4}$/.test(text)) return Number(text)
  throw new UsageError(`${flag}: accepted are high, normal, low and whole numbers from -1000 to 1000`)
}

export const headersOf = (pairs: ReadonlyArray<string>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    pairs.map((pair) => {
      const cut = pair.indexOf('=')
      if (cut <= 0) throw new UsageError('--header: accepted is NAME=VALUE')
      return [pair.slice(0, cut), pair.slice(cut + 1)]
    }),
  )

const enqueueOptionsOf = (options: SendCommandOptions): EnqueueOptions => ({
  ...Object.fromEntries(
    [...TEXT_OPTIONS, ...NUMBER_OPTIONS].flatMap((key) =>
      options[key] === undefined ? [] : [[key, options[key]]],
    ),
  ),
  ...(options.priority === undefined ? {} : { priority: priorityOf(options.priority) }),
  ...(options.fallbackZone === undefined ? {} : { fallbackZones: options.fallbackZone }),
  ...(options.fireAndForget === true ? { guarantee: 'fireAndForget' as const } : {}),
  ...(options.notRetryable === true ? { retryable: false } : {}),
  ...(options.notBatchable === true ? { batchable: false } : {}),
  ...(options.notCancelable === true ? { cancelable: false } : {}),
  ...(options.onSuccess === undefined ? {} : { onSuccess: { queue: options.onSuccess } }),
  ...(options.onFailure === undefined ? {} : { onFailure: { queue: options.onFailure } }),
  ...(options.header === undefined ? {} : { headers: headersOf(options.header) }),
})

export const sendOne = async (
  context: Context,
  name: string,
  payload: string,
  options: SendCommandOptions,
): Promise<void> => {
  const value = checkJsonSource(payload)
  if (isLeft(value)) throw new UsageError(describePayloadRefusal(value.left))
  const enqueued = await context.ledger.knownQueue(name).enqueue(value.right, enqueueOptionsOf(options))
  context.show(enqueued, () => {
    const how = enqueued.duplicate ? 'was there already' : 'is in the log'
    return `${enqueued.id} ${how} (position ${grouped(enqueued.position)})`
  })
}

const DEFAULT_PATIENCE_SECONDS = 300

type Source = Readonly<{ chunks: AsyncIterable<Uint8Array>; bytes: number | undefined }>

const sourceOf = async (file: string): Promise<Source> => {
  if (file === '-') return { chunks: process.stdin, bytes: undefined }
  try {
    const found = await stat(file)
    if (found.isDirectory()) throw new UsageError(`--file: ${file} is a directory`)
    return { chunks: createReadStream(file), bytes: found.isFile() ? found.size : undefined }
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new CommandFailed(
      EXIT.notFound,
      `The file ${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? error}.`,
    )
  }
}

/** Draws on stderr while a person watches it, and never otherwise. */
const progressBar = ({ terminal }: Context, bytes: number | undefined): cliProgress.SingleBar | undefined => {
  if (!terminal.isWatched || bytes === undefined || bytes === 0) return undefined
  const bar = new cliProgress.SingleBar(
    {
      stream: terminal.stderr as NodeJS.WriteStream,
      format: '{bar} {percentage}% | {messages} messages | {rate}/s | {duration_formatted}',
      clearOnComplete: true,
      hideCursor: true,
      gracefulExit: false,
    },
    cliProgress.Presets.shades_classic,
  )
  bar.start(bytes, 0, { messages: '0', rate: '0' })
  return bar
}

export const sendFile = async (
  context: Context,
  name: string,
  file: string,
  options: SendCommandOptions,
): Promise<void> => {
  const { terminal } = context
  const source = await sourceOf(file)
  const run = options.run ?? randomBytes(9).toString('base64url')
  const stopping = context.process.stopping()
  const bar = progressBar(context, source.bytes)
  const startedMs = performance.now()
  // A line of talk would tear the bar; it is drawn again with the next progress.
  const say = (line: string): void => {
    if (bar !== undefined) terminal.stderr.write('\r\u001b[K')
    terminal.say(line)
  }
  const sender = new FileSender(
    context.ledger.knownQueue(name),
    {
      run,
      format: options.payloadOnly === true ? 'payload' : 'message',
      fromLine: options.fromLine ?? 1,
      patienceMs: (options.patience ?? DEFAULT_PATIENCE_SECONDS) * 1_000,
    },
    {
      onBadLine: (line, reason) => say(`line ${line}: ${printable(reason)}`),
      onProgress: ({ sent, duplicates }, endOffset) => {
        const rate = Math.round(
          (sent + duplicates) / Math.max(0.001, (performance.now() - startedMs) / 1_000),
        )
        bar?.update(endOffset, { messages: grouped(sent + duplicates), rate: grouped(rate) })
      },
      onWait: (reason, pauseMs) => say(`${printable(reason)}; trying again in ${duration(pauseMs)}`),
      pause: (ms) => pauseUnlessStopped(ms, stopping),
      stopping,
    },
  )
  let report: SendReport
  try {
    report = await sender.send(source.chunks)
  } finally {
    bar?.stop()
  }
  summarise(context, name, { run, file, report, isStopped: stopping.aborted })
}

const pauseUnlessStopped = (ms: number, stopping: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer)
      stopping.removeEventListener('abort', over)
      resolve()
    }
    const timer = setTimeout(over, ms)
    stopping.addEventListener('abort', over)
    if (stopping.aborted) over()
  })

type Sent = Readonly<{ run: string; file: string; report: SendReport; isStopped: boolean }>

const summarise = (context: Context, name: string, { run, file, report, isStopped }: Sent): void => {
  const { sent, duplicates, bad, doneLine, gaveUp } = report
  const isWhole = gaveUp === undefined && !isStopped
  context.show({ queue: name, run, sent, duplicates, bad, doneLine, complete: isWhole }, () => {
    const again = duplicates === 0 ? '' : `, ${grouped(duplicates)} were there already`
    const left = bad === 0 ? '' : `, ${grouped(bad)} bad ${bad === 1 ? 'line' : 'lines'} left out`
    return `${grouped(sent)} ${sent === 1 ? 'message' : 'messages'} sent to ${name}${again}${left}.`
  })
  if (!isWhole) {
    if (gaveUp !== undefined) context.terminal.say(`Gave up: ${gaveUp.message}`)
    const from = file === '-' ? '' : ` --file ${file}`
    context.terminal.say(
      `To go on: ledgerq message send ${name}${from} --run ${run} --from-line ${doneLine + 1}`,
    )
  }
  if (!isWhole || bad > 0) throw new CommandFailed(EXIT.failed)
}
