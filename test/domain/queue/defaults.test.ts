// The one table of defaults (A14): the page says what the code does, setting by setting, and both say what was promised.
import { describe, expect, it } from 'vitest'
import { DEFAULT_FAILURE_RULES } from '../../../domain/failure/index.js'
import { configure, DEFAULT_QUEUE_CONFIG, type QueueSettings } from '../../../domain/queue/index.js'
import { DEFAULT_RETRY_POLICY } from '../../../domain/retry/index.js'
import { pageOf, tableAfter } from '../../support/markdown.js'

const page = pageOf('docs/defaults.md')
const documented = (heading: string): Record<string, unknown> =>
  Object.fromEntries(
    tableAfter(page, heading).map(([name = '', value = '']) => [
      name,
      value === 'see below' ? value : JSON.parse(value),
    ]),
  )

describe('A14: the table of defaults', () => {
  const table = documented('## A queue')

  it('has a row for every setting, in the order of the code, and no other', () => {
    expect(Object.keys(table)).toEqual(Object.keys(DEFAULT_QUEUE_CONFIG))
  })

  it.each(Object.entries(DEFAULT_QUEUE_CONFIG).filter(([name]) => name !== 'failures'))(
    'says of %s what the code says',
    (name, value) => {
      expect(table[name]).toEqual(value)
    },
  )

  it('has the policy of every failure type', () => {
    expect(documented('## Retries')).toEqual(DEFAULT_QUEUE_CONFIG.failures)
    expect(DEFAULT_QUEUE_CONFIG.failures).toBe(DEFAULT_FAILURE_RULES)
  })

  it('keeps the numbers that were promised', () => {
    expect(DEFAULT_QUEUE_CONFIG).toMatchObject({
      maxSize: 10_000,
      concurrency: 10,
      order: 'priority',
      batching: true,
      maxBatchSize: 10,
      batchTimeoutMs: 1_000,
      messageTimeoutMs: 300_000,
      handlerTimeoutMs: 30_000,
      dedup: 'key',
      dedupWindowMs: 300_000,
      deadLetters: true,
    })
    expect(DEFAULT_RETRY_POLICY.retriesMax).toBe(3)
    expect(DEFAULT_FAILURE_RULES.UNKNOWN).toEqual(DEFAULT_RETRY_POLICY)
  })

  it('is accepted by the door, and is what a queue without settings gets', () => {
    const none: QueueSettings = {}
    expect(configure(none)).toEqual({ _tag: 'Right', right: DEFAULT_QUEUE_CONFIG })
    expect(configure(DEFAULT_QUEUE_CONFIG as QueueSettings)).toEqual({
      _tag: 'Right',
      right: DEFAULT_QUEUE_CONFIG,
    })
  })
})
