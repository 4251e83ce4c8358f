// The client package, as all of ledgerq uses it: loaded when it is needed, silent, without the timer that it leaves running, and with
// a limit of ours on every call.
import { createRequire } from 'node:module'
import type { Kafka, KafkaConfig, SASLOptions } from 'kafkajs'
import { NoAnswer } from './errors.js'
import { takeRecordBytes } from './recordBytes.js'

export type KafkaAddress = Readonly<{
  /** `host:port` of some of the brokers. */
  brokers: ReadonlyArray<string>
  ssl?: KafkaConfig['ssl']
  sasl?: SASLOptions
  clientId?: string
  /** An answer that takes longer is none. Default 10 s. */
  requestTimeoutMs?: number
}>

export const REQUEST_TIMEOUT_MS = 10_000
const CONNECTION_TIMEOUT_MS = 3_000
// Of look-ups and first connections; what writes is never repeated by the client.
const RETRY = { initialRetryTime: 50, maxRetryTime: 1_000, retries: 5 } as const

type Queue = {
  pending: ReadonlyArray<unknown>
  throttledUntil: number
  scheduleCheckPendingRequests: () => void
}

/**
 * kafkajs 2.2.4 looks at its list of waiting requests every millisecond for as long as a connection lives, 8 % of a core for an idle
 * producer. Where nothing waits and the broker asks for no pause, there is nothing to look at: the answer that makes room, or the
 * next request, looks by itself.
 */
const withoutIdleTimer = (): void => {
  // A file of the package that has no types; the package's version is pinned, and a test holds the fault fast.
  const RequestQueue: unknown = createRequire(import.meta.url)('kafkajs/src/network/requestQueue')
  const { prototype } = RequestQueue as { prototype: Queue & { isQuiet?: true } }
  if (prototype.isQuiet === true) return
  const { scheduleCheckPendingRequests } = prototype
  prototype.scheduleCheckPendingRequests = function (this: Queue) {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) scheduleCheckPendingRequests.call(this)
  }
  prototype.isQuiet = true
}

export const kafkaClient = async (address: KafkaAddress): Promise<Kafka> => {
  const { default: kafkajs } = await import('kafkajs')
  withoutIdleTimer()
  takeRecordBytes()
  const { brokers, clientId = 'ledgerq', requestTimeoutMs = REQUEST_TIMEOUT_MS, ssl, sasl } = address
  return new kafkajs.Kafka({
    brokers: [...brokers],
    clientId,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    retry: RETRY,
    // Whatever it would log comes back as an error of a call as well.
    logLevel: kafkajs.logLevel.NOTHING,
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl }),
  })
}

/** Some calls of the client never settle. What comes after the limit is not listened to. */
export const within = async <A>(ms: number, what: string, call: Promise<A>): Promise<A> => {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NoAnswer(what, ms)), ms)
  })
  try {
    return await Promise.race([call, limit])
  } finally {
    clearTimeout(timer)
  }
}
