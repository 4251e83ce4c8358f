// Sends the messages of a file, however long, in batches and in order. A bad line is reported and left out; a full queue
// or a server that is away is waited for; an unknown outcome is repeated under the same keys, which changes nothing. The
// keys are made of the run's id and the line number, so a run that was interrupted can be taken up again.
import { isLeft } from 'fp-ts/lib/Either.js'
import { isLedgerqError, type LedgerqError, RefusedError, UnknownOutcomeError } from '../api/errors.js'
import type { BatchItem, BatchResult, Queue } from '../api/types/index.js'
import { itemOfLine, type LineFormat } from './fileLine.js'
import { LINE_BYTES_MAX, type NumberedLine, ndjsonLines } from './ndjsonLines.js'

const BATCH_MESSAGES_MAX = 500
/** Below the limit of a batch (900 kB of payloads) and of a body, with room for what surrounds a payload. */
const BATCH_BYTES_MAX = 512 * 1_024
const PAUSE_FIRST_MS = 200
const PAUSE_MAX_MS = 10_000

export type SendOptions = Readonly<{
  run: string
  format: LineFormat
  /** Lines before this one were sent by an earlier run. */
  fromLine: number
  /** Given up after so long without any progress. */
  patienceMs: number
}>

export type SendReport = Readonly<{
  /** Lines up to this one need not be sent again. */
  doneLine: number
  sent: number
  duplicates: number
  bad: number
  /** Why it ended before the end of the file. */
  gaveUp: LedgerqError | undefined
}>

export type SendEvents = Readonly<{
  onBadLine: (line: number, reason: string) => void
  onProgress: (report: SendReport, endOffset: number) => void
  /** Waiting before another try. */
  onWait: (reason: string, pauseMs: number) => void
  /** Resolves early when the signal fires. */
  pause: (ms: number) => Promise<void>
  stopping: AbortSignal
}>

type Line = Readonly<{ number: number; item: BatchItem<unknown> }>
type Tally = {
  doneLine: number
  sent: number
  duplicates: number
  bad: number
  gaveUp: LedgerqError | undefined
}

/** Asked again as it is, sooner or later. */
const isPassing = (code: string): boolean =>
  ['queue_full', 'load_shed', 'overloaded', 'unavailable', 'unknown_outcome', 'unknown'].includes(code)

export class FileSender {
  private readonly tally: Tally = { doneLine: 0, sent: 0, duplicates: 0, bad: 0, gaveUp: undefined }

  constructor(
    private readonly queue: Queue<unknown>,
    private readonly options: SendOptions,
    private readonly events: SendEvents,
  ) {}

  async send(chunks: AsyncIterable<Uint8Array>): Promise<SendReport> {
    let batch: Line[] = []
    let bytes = 0
    let last: NumberedLine | undefined
    const flush = async (): Promise<void> => {
      await this.sendBatch(batch)
      batch = []
      bytes = 0
      if (last === undefined || this.tally.gaveUp !== undefined) return
      this.tally.doneLine = last.number
      this.events.onProgress(this.tally, last.endOffset)
    }
    for await (const line of ndjsonLines(chunks)) {
      if (line.number < this.options.fromLine) continue
      const lineBytes = line.bytes?.length ?? 0
      if (batch.length >= BATCH_MESSAGES_MAX || (batch.length > 0 && bytes + lineBytes > BATCH_BYTES_MAX))
        await flush()
      if (this.tally.gaveUp !== undefined || this.events.stopping.aborted) return this.tally
      last = line
      const read = this.read(line)
      if (read === undefined) continue
      batch.push(read)
      bytes += lineBytes
    }
    await flush()
    return this.tally
  }

  private read({ number, bytes }: NumberedLine): Line | undefined {
    if (bytes === undefined) return this.badLine(number, `longer than ${LINE_BYTES_MAX} bytes`)
    // Blank lines are how people separate groups, and how files end.
    if (bytes.every((byte) => byte === 0x20 || byte === 0x09)) return undefined
    const item = itemOfLine(bytes, this.options.format)
    if (isLeft(item)) return this.badLine(number, item.left)
    return { number, item: { idempotencyKey: `${this.options.run}/${number}`, ...item.right } }
  }

  private badLine(number: number, reason: string): undefined {
    this.tally.bad += 1
    this.events.onBadLine(number, reason)
  }

  /**
   * Until every line of it is in the log or refused for good. A queue that has room for a few only refuses the whole
   * batch: it is cut in halves until the first part fits, and waited for when there is no room for one.
   */
  private async sendBatch(lines: ReadonlyArray<Line>): Promise<void> {
    let left = lines
    let size = left.length
    let pauseMs = PAUSE_FIRST_MS
    let waitedMs = 0
    while (left.length > 0) {
      const part = left.slice(0, size)
      const { again, error } = await this.tryOnce(part)
      left = [...again, ...left.slice(size)]
      if (again.length < part.length) {
        pauseMs = PAUSE_FIRST_MS
        waitedMs = 0
      }
      if (error === undefined) {
        size = Math.min(size * 2, lines.length)
        continue
      }
      if (error.code === 'queue_full' && size > 1) {
        size = Math.ceil(size / 2)
        continue
      }
      if (waitedMs >= this.options.patienceMs || this.events.stopping.aborted) {
        this.tally.gaveUp = error
        this.tally.doneLine = (left[0]?.number ?? 1) - 1
        return
      }
      this.events.onWait(error.message, pauseMs)
      await this.events.pause(pauseMs)
      waitedMs += pauseMs
      pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)
    }
  }

  private async tryOnce(
    lines: ReadonlyArray<Line>,
  ): Promise<{ again: ReadonlyArray<Line>; error: LedgerqError | undefined }> {
    let results: ReadonlyArray<BatchResult>
    try {
      results = await this.queue.enqueueBatch(lines.map(({ item }) => item))
    } catch (error) {
      if (!isLedgerqError(error)) throw error
      if (isPassing(error.code)) return { again: lines, error }
      const [only] = lines
      // Refused as a whole for the sake of one: each is asked alone, and the bad one found.
      const isWhole = error.code === 'queue_not_found' || error.code === 'unauthorized'
      if (lines.length === 1 && only !== undefined && !isWhole) {
        this.badLine(only.number, error.message)
        return { again: [], error: undefined }
      }
      if (isWhole) throw error
      return this.oneByOne(lines)
    }
    const again: Line[] = []
    let error: LedgerqError | undefined
    for (const [index, line] of lines.entries()) {
      const result = results[index]
      if (result === undefined) again.push(line)
      else if (!('error' in result)) this.tally[result.duplicate ? 'duplicates' : 'sent'] += 1
      else if (result.error.unknown || isPassing(result.error.code)) {
        again.push(line)
        const { code, message, unknown } = result.error
        error ??= unknown ? new UnknownOutcomeError(message) : new RefusedError(code, message)
      } else this.badLine(line.number, result.error.message)
    }
    return { again, error }
  }

  private async oneByOne(
    lines: ReadonlyArray<Line>,
  ): Promise<{ again: ReadonlyArray<Line>; error: LedgerqError | undefined }> {
    for (const [index, line] of lines.entries()) {
      const { again, error } = await this.tryOnce([line])
      if (again.length > 0) return { again: lines.slice(index), error }
    }
    return { again: [], error: undefined }
  }
}
