// What a handler threw is read without failing, whatever it is: which of its fields count, and what caused it.
import { describe, expect, it } from 'vitest'
import { failureMessage, isFailureType } from '../../../domain/failure/index.js'
import { CAUSES_MAX, causesOf, fieldOf, textOf } from '../../../domain/failure/thrown.js'

describe('a field of what was thrown', () => {
  it('is one of an object or a function, and none of anything else', () => {
    const thrower = Object.assign(() => undefined, { code: 'E1' })
    expect([fieldOf({ code: 'E1' }, 'code'), fieldOf(thrower, 'code')]).toEqual(['E1', 'E1'])
    for (const thrown of ['a text', 5, true, 5n, null, undefined, Symbol('s')]) {
      for (const field of ['length', '0', 'constructor', 'code'])
        expect(fieldOf(thrown, field)).toBeUndefined()
    }
  })

  it('that cannot be read is none', () => {
    const odd = {
      get code(): string {
        throw new Error('no')
      },
    }
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect([fieldOf(odd, 'code'), textOf(odd, 'code'), fieldOf(proxy, 'code')]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  it('says something only as a text that is not empty', () => {
    const values = ['x', '', 5, {}, undefined]
    expect(values.map((code) => textOf({ code }, 'code'))).toEqual([
      'x',
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })
})

describe('the causes of what was thrown', () => {
  it('are found one in the other, and in the first of several errors', () => {
    const [root, second] = [new Error('root'), new Error('second')]
    const wrapped = new Error('outer', { cause: root })
    expect(causesOf(wrapped)).toEqual([wrapped, root])
    const several = new AggregateError([root, second])
    expect(causesOf(several)).toEqual([several, root])
    expect(causesOf('a text')).toEqual(['a text'])
  })

  it('are none where there is nothing that could be one', () => {
    for (const thrown of [{ errors: 'a text' }, { errors: [] }, { errors: [null] }, { cause: null }, {}]) {
      expect(causesOf(thrown)).toEqual([thrown])
    }
  })

  it('end after eight, also where they point at each other', () => {
    const loop: { cause?: unknown } = {}
    loop.cause = loop
    expect(causesOf(loop)).toHaveLength(CAUSES_MAX)
  })
})

describe('the message of a failure', () => {
  it('is that of an object without a name, as it stands', () => {
    expect(failureMessage({ message: 'no route' })).toBe('no route')
  })

  it('has a sign for each half of a character that came alone', () => {
    expect(failureMessage(new Error('a\ud800b\udc00'))).toBe('a\ufffdb\ufffd')
  })
})

describe('the name of a failure type', () => {
  it('is a text, not what only looks like one when it is written out', () => {
    expect([
      isFailureType('NETWORK'),
      isFailureType(['NETWORK']),
      isFailureType({ toString: () => 'NETWORK' }),
    ]).toEqual([true, false, false])
  })
})
