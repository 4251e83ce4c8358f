// Reads and subscriptions of the emulator. A subscription sends what is there, says that it has caught up, and goes on with what is
// written; it resumes nothing by itself, as the server's do not.

import type { ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js'
import type { ServerWritableStream } from '@grpc/grpc-js'
import { status } from '@grpc/grpc-js'
import type { FaultRule } from './faults.js'
import type { EmulatedStore, Kept } from './store.js'
import {
  caughtUpAnswer,
  checkpointAnswer,
  confirmationAnswer,
  eventAnswer,
  faultOf,
  notFoundAnswer,
  type ReadWish,
  streamDeleted,
} from './wire.js'

/** Events that do not fit, between two words of how far the search has come; a reader may ask for another number. */
const CHECKPOINT_EVERY = 1_024

export type ReadCall = ServerWritableStream<ReadReq, ReadResp>

const fail = (call: ReadCall, error: Error): void => void call.emit('error', error)

/** Waits while the reader has no room: a real server does not buffer more than a few dozen events either. */
const send = async (call: ReadCall, answer: ReadResp): Promise<void> => {
  if (call.cancelled || call.destroyed) return
  if (call.write(answer)) return
  await new Promise<void>((resolve) => {
    const go = (): void => {
      for (const event of ['drain', 'cancelled', 'close'] as const) call.removeListener(event, go)
      resolve()
    }
    for (const event of ['drain', 'cancelled', 'close'] as const) call.once(event, go)
  })
}

/** What the read covers, in its direction. undefined = the position is none that the log has. */
const covered = (
  store: EmulatedStore,
  wish: ReadWish,
  visible: ReadonlyArray<Kept>,
): ReadonlyArray<Kept> | undefined => {
  const { from, isForward, stream } = wish
  const placeOf = (kept: Kept): number => (stream === undefined ? kept.commit : kept.revision)
  if (isForward) {
    if (from === 'start') return visible
    if (from === 'end') return []
    if (stream === undefined && !isPlace(store, from)) return undefined
    return visible.slice(firstIndex(visible, (kept) => placeOf(kept) >= from))
  }
  if (from === 'start') return []
  if (from === 'end') return [...visible].reverse()
  if (stream === undefined && !isPlace(store, from)) return undefined
  // Backwards a position is exclusive in the whole log, and a revision is inclusive in a stream.
  const to = firstIndex(visible, (kept) =>
    stream === undefined ? kept.commit >= from : kept.revision > from,
  )
  return visible.slice(0, to).reverse()
}

const firstIndex = (events: ReadonlyArray<Kept>, isAt: (kept: Kept) => boolean): number => {
  let low = 0
  let high = events.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isAt(events[middle] as Kept)) high = middle
    else low = middle + 1
  }
  return low
}

/** Where a record begins. A scavenged one still counts: the server finds the next record that is left. */
const isPlace = (store: EmulatedStore, from: number): boolean => store.isRecordStart(from)

export const answerRead = async (
  store: EmulatedStore,
  wish: ReadWish,
  call: ReadCall,
  fault: FaultRule | undefined,
): Promise<void> => {
  const visible = wish.stream === undefined ? store.all : store.readStream(wish.stream)
  if (visible === 'deleted') return fail(call, streamDeleted(wish.stream ?? ''))
  if (visible === undefined) {
    await send(call, notFoundAnswer(wish.stream ?? ''))
    call.end()
    return
  }
  const events = covered(store, wish, visible)
  if (events === undefined) return fail(call, faultOf(status.UNKNOWN, 'invalid position'))
  let left = wish.count
  let sent = 0
  for (const kept of events) {
    if (left === 0 || call.cancelled) break
    if (!wish.fits(kept)) continue
    if (fault?.do === 'stall' && sent >= (fault.events ?? 0)) return
    left--
    if (++sent % 2 === 0 && fault?.do === 'skip') continue
    store.shown++
    await send(call, eventAnswer(kept))
  }
  call.end()
}

export class Subscription {
  private next: number
  private isSending = false
  private sentLast = 0
  private passedOver = 0
  private hasCaughtUp = false

  constructor(
    private readonly store: EmulatedStore,
    private readonly wish: ReadWish,
    private readonly call: ReadCall,
    private readonly fault: FaultRule | undefined,
    private readonly saysCaughtUp: boolean,
  ) {
    const { from } = wish
    // Where a subscription begins is exclusive.
    if (from === 'start') this.next = 0
    else if (from === 'end') this.next = Number.NaN
    else this.next = from + 1
  }

  async start(id: string): Promise<void> {
    const { call, store, wish } = this
    if (Number.isNaN(this.next)) this.next = this.endNow()
    if (wish.stream === undefined && typeof wish.from === 'number' && !store.isRecordStart(wish.from))
      return fail(call, faultOf(status.UNKNOWN, 'invalid position'))
    await send(call, confirmationAnswer(id))
    const stop = store.onWritten(() => void this.pump())
    for (const event of ['cancelled', 'close', 'error'] as const) call.once(event, stop)
    await this.pump()
  }

  private endNow(): number {
    const last = this.events().at(-1)
    return last === undefined ? 0 : this.placeOf(last) + 1
  }

  private placeOf(kept: Kept): number {
    return this.wish.stream === undefined ? kept.commit : kept.revision
  }

  private events(): ReadonlyArray<Kept> {
    if (this.wish.stream === undefined) return this.store.all
    const found = this.store.readStream(this.wish.stream)
    return found === undefined || found === 'deleted' ? [] : found
  }

  private async pump(): Promise<void> {
    if (this.isSending) return
    this.isSending = true
    try {
      for (;;) {
        const events = this.events()
        const first = firstIndex(events, (kept) => this.placeOf(kept) >= this.next)
        if (first >= events.length) break
        for (const kept of events.slice(first)) {
          if (this.call.cancelled || !(await this.one(kept))) return
        }
      }
      if (!this.hasCaughtUp && this.saysCaughtUp) {
        this.hasCaughtUp = true
        await send(this.call, caughtUpAnswer())
      }
    } finally {
      this.isSending = false
    }
  }

  /** False = nothing more is sent. */
  private async one(kept: Kept): Promise<boolean> {
    const { fault, call } = this
    this.next = this.placeOf(kept) + 1
    if (!this.wish.fits(kept)) {
      if (this.wish.stream === undefined && ++this.passedOver % CHECKPOINT_EVERY === 0)
        await send(call, checkpointAnswer(kept.commit))
      return true
    }
    const isDue = this.sentLast >= (fault?.events ?? 0)
    if (fault?.do === 'stall' && isDue) return false
    if (fault?.do === 'drop' && isDue) {
      fail(call, faultOf(status.UNAVAILABLE, 'the subscription was dropped'))
      return false
    }
    this.sentLast++
    if (fault?.do === 'skip' && this.sentLast % 2 === 0) return true
    this.store.shown++
    await send(call, eventAnswer(kept))
    if (fault?.do === 'duplicate') await send(call, eventAnswer(kept))
    return true
  }
}
