// Two shortcuts past the client package, held to what they shorten; an update of the package tells when one has gone.
import { createRequire } from 'node:module'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kafkaClient } from '../../../src/adapters/kafka/connection.js'
import { messageOf, takeRecordBytes } from '../../../src/adapters/kafka/recordBytes.js'

const require = createRequire(import.meta.url)
const PATH = 'kafkajs/src/protocol/recordBatch/record/v0'
type Encode = (message: object) => Readonly<{ buffer: Buffer }>
const clients: Encode = require(PATH)
takeRecordBytes()
const ours: Encode = require(PATH)

const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 300 }), fc.string({ maxLength: 20 }))
const record = fc.record({
  partition: fc.nat(9),
  key: text,
  value: text,
  headers: fc.dictionary(fc.string({ minLength: 1, maxLength: 20 }), text, { noNullPrototype: true }),
  bytes: fc.nat(),
})
const whole = (records: ReadonlyArray<object>, encode: Encode): Buffer =>
  Buffer.concat(
    records.map((message, offsetDelta) => encode({ ...message, offsetDelta, timestampDelta: 0 }).buffer),
  )

describe('records as bytes (F4)', () => {
  it('are the bytes that the client itself would send', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 70 }), (records) => {
        const messages = records.map(messageOf)
        const plain = records.map(({ key, value, headers }) => ({ key, value, headers }))
        expect(whole(messages, ours).equals(whole(plain, clients))).toBe(true)
      }),
      { numRuns: 50 },
    )
  })

  it('are so for large ones, too', () => {
    const large = { partition: 0, key: 'k', value: 'ž'.repeat(200_000), headers: { a: 'b' }, bytes: 0 }
    expect(whole([messageOf(large)], ours).equals(whole([large], clients))).toBe(true)
  })

  it('leave records of others as they are', () => {
    const message = { key: Buffer.from('k'), value: null, headers: { a: ['b', 'c'] } }
    expect(whole([message], ours).equals(whole([message], clients))).toBe(true)
  })
})

describe('an idle connection', () => {
  it('has no timer running; the client itself would look at its empty list every millisecond', async () => {
    type Queue = {
      pending: unknown[]
      throttledUntil: number
      throttleCheckTimeoutId?: NodeJS.Timeout | null
    }
    type Schedule = (this: Queue) => void
    const {
      prototype,
    }: { prototype: { scheduleCheckPendingRequests: Schedule } } = require('kafkajs/src/network/requestQueue')
    const schedules = (schedule: Schedule, queue: Queue): boolean => {
      schedule.call(queue)
      const isScheduled = queue.throttleCheckTimeoutId !== undefined
      clearTimeout(queue.throttleCheckTimeoutId ?? undefined)
      return isScheduled
    }
    const idle = (): Queue => ({ pending: [], throttledUntil: -1 })
    const clientsOwn = prototype.scheduleCheckPendingRequests
    await kafkaClient({ brokers: ['127.0.0.1:1'] })
    const quiet = prototype.scheduleCheckPendingRequests
    expect(schedules(clientsOwn, idle())).toBe(true)
    expect(schedules(quiet, idle())).toBe(false)
    expect(schedules(quiet, { ...idle(), pending: [{}] })).toBe(true)
    expect(schedules(quiet, { ...idle(), throttledUntil: Date.now() + 60_000 })).toBe(true)
  })
})
