// The presets: each is accepted, says on its page what it does, and runs a queue.
import { describe, expect, it } from 'vitest'
import { configure, DEFAULT_QUEUE_CONFIG } from '../../domain/queue/index.js'
import { delayForAttempt } from '../../domain/retry/index.js'
import { PRESET_NAMES, QUEUE_PRESETS } from '../../src/presets/queuePresets.js'
import { pageOf, tableAfter } from '../support/markdown.js'

const page = pageOf('docs/defaults.md')

/** The page gives two policies a name; here they get their value back. */
const NAMED: Readonly<Record<string, unknown>> = {
  patient: QUEUE_PRESETS.reliable.failures.UNKNOWN,
  'at once': QUEUE_PRESETS.test.failures.UNKNOWN,
}
const readValue = (written: string): unknown =>
  JSON.parse(written, (_key, value: unknown) => (typeof value === 'string' ? (NAMED[value] ?? value) : value))

describe('E11: presets of queues', () => {
  it.each(PRESET_NAMES)('%s is accepted over the defaults', (name) => {
    const { right } = configure(QUEUE_PRESETS[name]) as { right: object }
    const { failures: _failures, ...others } = QUEUE_PRESETS[name] as { failures?: unknown }
    expect(right).toMatchObject(others)
  })

  it('standard is the defaults', () => {
    expect(configure(QUEUE_PRESETS.standard)).toEqual({ _tag: 'Right', right: DEFAULT_QUEUE_CONFIG })
  })

  it.each(PRESET_NAMES.filter((name) => name !== 'standard'))('%s does what its page says', (name) => {
    const rows = tableAfter(page, `\`${name}\`:`)
    const documented = Object.fromEntries(
      rows.map(([setting = '', value = '']) => [setting, readValue(value)]),
    )
    expect(documented).toEqual(QUEUE_PRESETS[name])
    expect(Object.keys(documented)).toEqual(Object.keys(QUEUE_PRESETS[name]))
  })

  it('each setting of a preset differs from the default: what is the same is not repeated', () => {
    for (const name of PRESET_NAMES) {
      for (const [setting, value] of Object.entries(QUEUE_PRESETS[name])) {
        expect({ name, setting, value }).not.toEqual({
          name,
          setting,
          value: DEFAULT_QUEUE_CONFIG[setting as keyof typeof DEFAULT_QUEUE_CONFIG],
        })
      }
    }
  })

  it('reliable outlasts half an hour of trouble, and test waits for nothing', () => {
    const patient = QUEUE_PRESETS.reliable.failures.NETWORK
    const outlastedMs = (random: number): number =>
      Array.from({ length: patient.retriesMax }, (_, index) =>
        delayForAttempt(patient, index + 1, random),
      ).reduce((sum, delay) => sum + delay)
    expect(outlastedMs(0.5)).toBeGreaterThan(30 * 60_000)
    // The shortest that chance can make of it.
    expect(outlastedMs(0)).toBeGreaterThan(20 * 60_000)
    for (const policy of Object.values(QUEUE_PRESETS.test.failures))
      expect(policy.delaysMs).toEqual([0, 0, 0])
  })
})
