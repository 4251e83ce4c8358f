// I6: a configuration has one stored text, in whatever order its parts were written.
import { expect, it } from 'vitest'
import { StoredQueueConfigCodec } from '../../../domain/queue/codecs.js'
import { DEFAULT_QUEUE_CONFIG } from '../../../domain/queue/index.js'

it('I6: equal gates for failure types have one stored text', () => {
  const textOf = (waitFor: Readonly<Record<string, string>>): string =>
    JSON.stringify(StoredQueueConfigCodec.encode({ ...DEFAULT_QUEUE_CONFIG, waitFor }))
  const sorted = textOf({ CRASH: 'c', NETWORK: 'n', TIMEOUT: 't' })
  expect(sorted).toContain('{"CRASH":"c","NETWORK":"n","TIMEOUT":"t"}')
  expect(textOf({ TIMEOUT: 't', CRASH: 'c', NETWORK: 'n' })).toBe(sorted)
  expect(textOf({ NETWORK: 'n', TIMEOUT: 't', CRASH: 'c' })).toBe(sorted)
  expect(textOf({ TIMEOUT: 't', NETWORK: 'n', CRASH: 'c' })).toBe(sorted)
})
