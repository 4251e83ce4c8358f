// A message as its handler sees it. The payload is parsed, and decoded by the queue's codec, when it is first read.
import { isLeft } from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import { PathReporter } from 'io-ts/lib/PathReporter.js'
import type { Message } from '../api/types/index.js'
import type { Delivery } from '../engine/requests.js'
import { UndecodablePayload } from './attempt.js'

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({})
const PROBLEMS_MAX = 3

export class ReceivedMessage<A> implements Message<A> {
  private parsed: A | undefined
  private isParsed = false

  constructor(
    private readonly delivery: Delivery,
    private readonly idPrefix: string,
    private readonly codec: t.Type<A, unknown> | undefined,
  ) {}

  get id(): string {
    return this.delivery.enqueued.callerId ?? this.idPrefix + this.delivery.ordinal.toString(36)
  }
  get payload(): A {
    if (!this.isParsed) {
      const value: unknown = JSON.parse(this.delivery.enqueued.payload)
      this.parsed = this.codec === undefined ? (value as A) : this.decode(this.codec, value)
      this.isParsed = true
    }
    return this.parsed as A
  }
  get type(): string | undefined {
    return this.delivery.enqueued.attributes?.type
  }
  get topic(): string | undefined {
    return this.delivery.enqueued.attributes?.topic
  }
  get headers(): Readonly<Record<string, string>> {
    return this.delivery.enqueued.attributes?.headers ?? NO_HEADERS
  }
  get correlationId(): string | undefined {
    return this.delivery.enqueued.attributes?.correlationId
  }
  get causationId(): string | undefined {
    return this.delivery.enqueued.attributes?.causationId
  }
  get group(): string | undefined {
    return this.delivery.enqueued.attributes?.group
  }
  get priority(): number {
    return this.delivery.enqueued.priority
  }
  get enqueuedAt(): Date {
    return new Date(this.delivery.enqueuedAt)
  }

  private decode(codec: t.Type<A, unknown>, value: unknown): A {
    const decoded = codec.decode(value)
    if (isLeft(decoded)) {
      const problems = PathReporter.report(decoded).slice(0, PROBLEMS_MAX).join('; ')
      throw new UndecodablePayload(`the payload does not fit the queue's codec: ${problems}`)
    }
    return decoded.right
  }
}
