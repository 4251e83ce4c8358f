// What a program may say of Kafka at the door of the library: each wrong thing is refused by its name.
import { describe, expect, it } from 'vitest'
import { acceptedKafka, isEncrypted, type KafkaOptions } from '../../src/api/kafkaOptions.js'

const brokers = ['kafka-1.example:9092']
const refused = (options: unknown): unknown => {
  try {
    acceptedKafka(options as KafkaOptions)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : error
  }
}

describe('options of the relay (F4)', () => {
  it('are taken as they are when they are right', () => {
    const sasl = { mechanism: 'plain', username: 'u', password: 'p' } as const
    const options = {
      brokers,
      topic: 'shop.events',
      partitions: 4,
      shards: 4,
      redact: ['payload.card'],
      sasl,
    }
    expect(acceptedKafka(options)).toEqual(options)
  })

  it.each([
    [{ brokers: [] }, /kafka\.brokers/],
    [{ brokers: ['no port'] }, /kafka\.brokers.*host:port/],
    [{ brokers, topic: 'no spaces' }, /kafka\.topic/],
    [{ brokers, partitions: 2, shards: 3 }, /kafka\.shards.*2/],
    [{ brokers, redact: ['ordinal'] }, /kafka\.redact/],
    [{ brokers, sasl: { mechanism: 'none', username: 'u', password: 'p' } }, /kafka\.sasl/],
    [{ brokers, toppic: 't' }, /topic/],
  ])('%j is refused by name', (options, problem) => {
    expect(refused(options)).toMatch(problem)
  })

  it('encrypt connections unless all brokers are on this machine, or somebody says otherwise', () => {
    expect(isEncrypted({ brokers })).toBe(true)
    expect(isEncrypted({ brokers: ['127.0.0.1:9092', 'localhost:9093', '[::1]:9094'] })).toBe(false)
    expect(isEncrypted({ brokers: ['127.0.0.1:9092', ...brokers] })).toBe(true)
    expect(isEncrypted({ brokers, tls: false })).toBe(false)
    expect(isEncrypted({ brokers: ['127.0.0.1:9092'], tls: true })).toBe(true)
  })
})
