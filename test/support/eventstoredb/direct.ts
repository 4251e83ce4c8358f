// The calls of the EventStoreDB log on an emulated server in the same process, without a wire: every answer is there in the next
// microtask, so that virtual time and seeded schedulers decide what happens when. Appends to partitions fail by plan.
import type { StoreCalls } from '../../../src/adapters/eventstoredb/connection.js'
import type { FoundEvent } from '../../../src/adapters/eventstoredb/storedEvents.js'
import type { EmulatedStore, Kept } from './store.js'

export type DirectFault =
  /** Written, and the answer is lost. */
  | 'replyLost'
  /** Not written, and nobody knows. */
  | 'requestLost'
  /** Not written yet: it arrives when it is released, whatever became of the caller. */
  | 'late'
  /** Written, and answered when it is released. */
  | 'held'
  /** Written, and answered with a wrong revision, as by a server that no longer knows the ids. */
  | 'forgotten'
  /** For certain not written. */
  | 'refused'

type Append = Parameters<StoreCalls['append']>
type Wish = Parameters<StoreCalls['read']>[0]

/** Of gRPC, whose package need not be loaded for this. */
const status = { UNKNOWN: 2, INVALID_ARGUMENT: 3, FAILED_PRECONDITION: 9, UNAVAILABLE: 14 } as const

const failed = (exception: string, code: number): Error =>
  Object.assign(new Error(exception), { code, metadata: { getMap: () => ({ exception }) } })
const lost = (): Error =>
  Object.assign(new Error('the connection was lost by plan'), { code: status.UNAVAILABLE })

const fits = (wish: Extract<Wish, { prefix: string }>, { stream }: Kept): boolean =>
  stream.startsWith(wish.prefix)

export class DirectCalls {
  private readonly planned: DirectFault[] = []
  private plannedBehindPart: DirectFault | undefined
  private readonly waiting: Array<() => void> = []
  private readonly subscribed = new Set<() => void>()

  constructor(
    private readonly store: EmulatedStore,
    /** Streams whose appends fail by plan. */
    private readonly prefix: string,
    /** Before each append; whether it is a part of a batch that was cut, and not the first. */
    private readonly onAppend: (isLaterPart: boolean) => void = () => undefined,
  ) {}

  plan(fault: DirectFault): void {
    this.planned.push(fault)
  }

  /** For the next append that goes on with a batch of which a part is in the log. */
  planBehindPart(fault: DirectFault): void {
    this.plannedBehindPart = fault
  }

  heal(): void {
    this.planned.length = 0
    this.plannedBehindPart = undefined
  }

  release(): void {
    for (const go of this.waiting.splice(0)) go()
  }

  get calls(): StoreCalls {
    return {
      append: (...append) => this.append(...append),
      read: async (wish, show) => this.read(wish, show),
      subscribe: async (wish, onAnswer) => this.subscribe(wish, onAnswer),
      delete: async (stream) => void this.store.delete(stream, false),
      serverVersion: async () => '24.10.0.0',
      close: async () => {
        for (const stop of this.subscribed) stop()
      },
    }
  }

  private async append(...[stream, expected, events]: Append): ReturnType<StoreCalls['append']> {
    const isLaterPart = /"batch":"[^"]*\/\d+"/.test(Buffer.from(events[0]?.metadata ?? []).toString('latin1'))
    this.onAppend(isLaterPart)
    const fault = stream.startsWith(this.prefix) ? this.next(isLaterPart) : undefined
    const write = (): Awaited<ReturnType<StoreCalls['append']>> => {
      const done = this.store.append(stream, expected < 0 ? 'no_stream' : expected, events)
      if (done.outcome === 'wrong') return { outcome: 'conflict', actual: done.actual }
      if (done.outcome === 'deleted') throw failed('stream-deleted', status.FAILED_PRECONDITION)
      if (done.outcome === 'tooLarge') throw failed('maximum-append-size-exceeded', status.INVALID_ARGUMENT)
      return { outcome: 'written', lastRevision: done.lastRevision, commit: done.commit }
    }
    switch (fault) {
      case undefined:
        return write()
      case 'replyLost':
        write()
        throw lost()
      case 'requestLost':
        throw lost()
      case 'late':
        this.waiting.push(() => {
          // Whatever comes of it: nobody hears it any more.
          write()
        })
        throw lost()
      case 'held':
        await new Promise<void>((resolve) => this.waiting.push(resolve))
        return write()
      case 'forgotten': {
        const done = write()
        return done.outcome === 'written' ? { outcome: 'conflict', actual: done.lastRevision } : done
      }
      case 'refused':
        throw new Error('No leader info available in response')
    }
  }

  private next(isLaterPart: boolean): DirectFault | undefined {
    const { plannedBehindPart } = this
    if (!isLaterPart || plannedBehindPart === undefined) return this.planned.shift()
    this.plannedBehindPart = undefined
    return plannedBehindPart
  }

  private read(wish: Wish, show: (event: FoundEvent) => boolean): Awaited<ReturnType<StoreCalls['read']>> {
    const visible = 'stream' in wish ? this.store.readStream(wish.stream) : this.store.all
    if (visible === 'deleted') throw failed('stream-deleted', status.FAILED_PRECONDITION)
    if (visible === undefined) return 'notFound'
    const { from, isBackward = false, count = Number.POSITIVE_INFINITY } = wish
    const placeOf = (kept: Kept): number => ('stream' in wish ? kept.revision : kept.commit)
    if (!('stream' in wish) && typeof from === 'number' && !this.store.isRecordStart(from))
      throw Object.assign(new Error('invalid position'), { code: status.UNKNOWN })
    const covered = visible.filter((kept) => {
      if ('prefix' in wish && !fits(wish, kept)) return false
      if (typeof from !== 'number') return true
      return isBackward ? placeOf(kept) <= from : placeOf(kept) >= from
    })
    if (isBackward) covered.reverse()
    for (const [index, kept] of covered.entries()) {
      if (index >= count) break
      if (!show(kept)) return 'stopped'
    }
    return 'end'
  }

  private subscribe(wish: Wish, onAnswer: (event: FoundEvent) => void): () => void {
    if (!('prefix' in wish)) throw new Error('only the whole log is followed')
    let next = wish.from === 'start' ? 0 : Number(wish.from) + 1
    let isOver = false
    let isPlanned = false
    const send = (): void => {
      isPlanned = false
      for (const kept of this.store.all) {
        if (isOver) return
        if (kept.commit < next) continue
        next = kept.commit + 1
        if (fits(wish, kept)) onAnswer(kept)
      }
    }
    const soon = (): void => {
      if (isPlanned) return
      isPlanned = true
      queueMicrotask(send)
    }
    const stopListening = this.store.onWritten(soon)
    const stop = (): void => {
      isOver = true
      stopListening()
      this.subscribed.delete(stop)
    }
    this.subscribed.add(stop)
    soon()
    return stop
  }
}
