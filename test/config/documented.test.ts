// docs/configuration.md and the table of settings say the same, and the example in it is sound.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { declaredQueues } from '../../src/config/declaredQueues.js'
import { SETTING_NAMES, SETTINGS } from '../../src/config/index.js'
import { problems } from '../../src/config/problems.js'

const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')

const documented = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')))

describe('E19: docs/configuration.md', () => {
  it('lists every setting with its key, variable, flag, default and what is accepted', () => {
    const ours = SETTING_NAMES.map((name) => {
      const { key, variable, flag, fallback, codec } = SETTINGS[name]
      return {
        key,
        variable,
        flag,
        fallback: fallback === undefined ? undefined : String(fallback),
        accepted: codec.name,
      }
    })
    const theirs = documented.map(([, key, variable, flag, fallback, accepted], index) => ({
      key,
      variable,
      flag,
      // What is no constant is described in words.
      fallback: ours[index]?.fallback === undefined ? undefined : fallback,
      accepted,
    }))
    expect(theirs).toEqual(ours)
  })

  it('has an example whose queues are accepted', () => {
    const example = JSON.parse(/```json\n([\s\S]*?)```/.exec(page)?.[1] ?? '') as { queues: unknown }
    const found = problems()
    expect(declaredQueues(example.queues, 'queues', found)).toHaveLength(2)
    expect(() => found.throwIfAny()).not.toThrow()
  })
})
