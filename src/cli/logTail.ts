// ledgerq log tail: events as they stand in the log, of a running server or of a directory that none uses. Following asks
// again at an interval, so that a reader who hangs costs the server nothing.
import { setTimeout as after } from 'node:timers/promises'
import { UnavailableError } from '../api/errors.js'
import type { EventsPage, LogEvent } from '../api/types/index.js'
import type { Context } from './context.js'
import { UsageError } from './exitCode.js'
import { printable } from './terminal.js'

export type TailOptions = Readonly<{
  data?: string
  from?: number
  limit: number
  follow?: boolean
  queue?: string
  stream?: string
}>

export type EventSource = Readonly<{
  /** Position after the last event. */
  end: () => Promise<number>
  page: (from: number, limit: number) => Promise<EventsPage>
}>

const PAGE_EVENTS = 500
const FOLLOW_INTERVAL_MS = 500

export const tailLog = async (context: Context, options: TailOptions): Promise<void> => {
  const { ledger } = context
  if (options.data === undefined) {
    await tail(context, options, {
      end: async () => (await ledger.stats()).log.position + 1,
      page: (from, limit) => ledger.events({ from, limit }),
    })
    return
  }
  if (options.follow === true)
    throw new UsageError('--follow: a directory that no server uses gets no new events; leave out --data.')
  const { withLogOf } = await import('./logFiles.js')
  await withLogOf(options.data, (events) => tail(context, options, events))
}

/** A window is fixed at the start: on a busy server the end runs away. */
const tail = async (context: Context, options: TailOptions, source: EventSource): Promise<void> => {
  const end = await source.end()
  const from = options.from ?? Math.max(0, end - options.limit)
  if (options.follow === true) {
    await follow(context, options, source, from)
    return
  }
  const until = Math.min(end, from + options.limit)
  for (let next = from; next < until; ) {
    const page = await source.page(next, Math.min(PAGE_EVENTS, until - next))
    await print(
      context,
      options,
      page.events.filter(({ position }) => position < until),
    )
    if (page.atEnd || page.next <= next) return
    next = page.next
  }
}

const follow = async (
  context: Context,
  options: TailOptions,
  source: EventSource,
  from: number,
): Promise<void> => {
  const stopping = context.process.stopping()
  let next = from
  let isCutOff = false
  while (!stopping.aborted) {
    let atEnd = true
    try {
      const page = await source.page(next, PAGE_EVENTS)
      await print(context, options, page.events)
      if (isCutOff) context.terminal.say('The server answers again.')
      isCutOff = false
      next = page.next
      atEnd = page.atEnd
    } catch (error) {
      // A server that starts anew goes on with the same log, and positions stay.
      if (!(error instanceof UnavailableError)) throw error
      if (!isCutOff) context.terminal.say(`${printable(error.message)}; trying again until it is back`)
      isCutOff = true
    }
    if (atEnd) await after(FOLLOW_INTERVAL_MS, undefined, { signal: stopping }).catch(() => undefined)
  }
}

const print = async (
  context: Context,
  { queue, stream }: TailOptions,
  events: ReadonlyArray<LogEvent>,
): Promise<void> => {
  for (const event of events) {
    if (stream !== undefined && event.stream !== stream) continue
    if (queue !== undefined && event.queue !== queue) continue
    await context.terminal.outSlowly(context.json ? JSON.stringify(event) : lineOf(event))
  }
}

const lineOf = ({ position, at, stream, revision, type, id, data }: LogEvent): string => {
  const subject = id === undefined ? '' : `  ${id}`
  return printable(`${position}  ${at}  ${stream}@${revision}  ${type}${subject}  ${JSON.stringify(data)}`)
}
