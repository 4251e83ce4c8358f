// Retry policies as users write them into settings: what they leave out is filled in, what is wrong is named.
import { isLeft, right } from 'fp-ts/lib/Either.js'
import { expect, it } from 'vitest'
import { configure, DEFAULT_QUEUE_CONFIG, QueueSettingsCodec } from '../../../domain/queue/index.js'

it('A14, C2: a policy that leaves fields out is the same one in a program and over HTTP', () => {
  const stated = { failures: { NETWORK: { kind: 'fixed', delayMs: 7, retriesMax: 2 } } }
  const whole = { kind: 'fixed', delayMs: 7, retriesMax: 2, jitter: 'none' }
  expect(QueueSettingsCodec.decode(stated)).toEqual(right({ failures: { NETWORK: whole } }))
  expect(configure(stated as never)).toEqual(
    right({ ...DEFAULT_QUEUE_CONFIG, failures: { ...DEFAULT_QUEUE_CONFIG.failures, NETWORK: whole } }),
  )
})

it.each([
  [{ NETWORK: { kind: 'fixed', delayMs: -1 } }, 'failures.NETWORK.delayMs', /^a whole number from 0 to /],
  [{ NETWORK: { kind: 'slow' } }, 'failures.NETWORK.kind', /^one of fixed, /],
  [{ NETWORK: undefined }, 'failures.NETWORK', /^an object$/],
  [{ network: { kind: 'fixed' } }, 'failures', /^as the name of a failure type a capital letter/],
  ['none', 'failures', /^an object with a retry policy for each failure type$/],
])('C1: %j is refused at %s', (failures, field, accepted) => {
  const refused = configure({ failures } as never)
  expect(isLeft(refused) && refused.left).toMatchObject({ field, accepted: expect.stringMatching(accepted) })
})

it('C6: a circuit that is none is refused with both forms that are accepted', () => {
  const refused = QueueSettingsCodec.decode({ circuit: false })
  expect(isLeft(refused) && refused.left.map(({ message }) => message)).toEqual([
    'expected an object of circuit settings, or null for no circuits',
  ])
})
