// A12: a large payload lies beside the log. What an event names was put there first, durably, and is what somebody asked for;
// a message fails for want of its payload only when the store had lost it, or could not be reached.
import { createHash } from 'node:crypto'
import type { LedgerEvent } from '../../domain/batch.js'
import type { MessageAttributes } from '../../domain/message/index.js'
import type { Calls } from './checkersCalls.js'

type Must = (holds: boolean, rule: string) => void

export class Blobs {
  private readonly payloads = new Map<string, string>()

  constructor(
    private readonly calls: Calls,
    private readonly must: Must,
  ) {
    const { blobs } = calls
    if (blobs === undefined) return
    for (const { messages } of calls.enqueues)
      for (const { payload } of messages)
        if (payload.length > blobs.aboveBytes)
          this.payloads.set(createHash('sha256').update(payload).digest('hex'), payload)
  }

  /** The event with the payload that was accepted, wherever that lies. */
  resolved(event: LedgerEvent): LedgerEvent {
    if (event.type !== 'MessageEnqueued' && event.type !== 'MessageEdited') return event
    const { ordinal, payload, attributes } = event
    const { blobs } = this.calls
    if (attributes?.blob === undefined) {
      const isByOperator = event.type === 'MessageEdited' && event.cause === 'operator'
      const isSmall = payload.length <= (blobs?.aboveBytes ?? Number.POSITIVE_INFINITY)
      this.must(isSmall || isByOperator, `A12 message ${ordinal} has its ${payload.length} bytes in the log`)
      return event
    }
    // With real processes the store is one of files, and nobody notes what is put there.
    if (blobs === undefined) return event
    const { sha256, bytes } = attributes.blob
    const asked = this.payloads.get(sha256)
    this.must(payload === 'null', `A12 message ${ordinal} has a blob, and ${payload} in the log`)
    this.must(blobs.put.has(sha256), `A12 message ${ordinal} names a blob that was never put`)
    this.must(asked?.length === bytes, `A12 message ${ordinal} names a blob that nobody asked for`)
    return { ...event, payload: asked ?? payload }
  }

  /** True: the attempt may have ended for want of the payload, and nobody else had to ask for that. */
  mayBeMissing({ blob }: MessageAttributes, failureType: string): boolean {
    const { blobs } = this.calls
    if (blob === undefined || blobs === undefined) return false
    return (failureType === 'SYSTEM' ? blobs.damaged : blobs.outOfReach).has(blob.sha256)
  }
}
