// One line per event whatever users have written into it, in both formats and for loggers that are brought.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LOG_FORMATS, lineFormat } from '../../src/logging/format.js'
import { harmless } from '../../src/logging/harmless.js'
import {
  consoleLogger,
  guarded,
  LOG_LEVELS,
  type Logger,
  levelled,
  pinoLogger,
  winstonLogger,
} from '../../src/logging/logger.js'
import { collectingLogger } from './collected.js'

const AT_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 6)
/** What ends a line, moves a cursor, or turns text around. */
const UNFIT = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/u

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom(
    'first\nlevel=error forged',
    'carriage\rreturn',
    '\u001b[2J\u001b[31mred',
    '\u009b31m',
    'a\u2028b\u2029c',
    'user\u202egnp.exe',
    '\u0000',
    '\ud800',
    '"quoted" \\ back\\',
  ),
)
const fields = fc.dictionary(hostile, fc.oneof(hostile, fc.integer(), fc.array(hostile, { maxLength: 3 })), {
  maxKeys: 4,
  noNullPrototype: true,
})

describe('E18, log injection: a line', () => {
  it('stays one line without control characters, whatever stands in fields and keys', () => {
    fc.assert(
      fc.property(fields, fc.constantFrom(...LOG_FORMATS), (given, format) => {
        const line = lineFormat(format)(AT_MS, 'warn', 'dead letter', given)
        expect(line).not.toMatch(UNFIT)
      }),
    )
  })

  it('as JSON gives texts back as they were', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const line = lineFormat('json')(AT_MS, 'info', 'queue created', { queue: text })
        expect(JSON.parse(line)).toEqual({
          at: '2026-01-02T03:04:05.006Z',
          level: 'info',
          event: 'queue created',
          queue: text,
        })
      }),
    )
  })

  it('as text cannot be mistaken for another field', () => {
    const line = lineFormat('text')(AT_MS, 'warn', 'dead letter', {
      id: 'orders.0.1',
      reason: 'a" level=error x="',
      count: 3,
      nothing: undefined,
    })
    expect(line).toBe(
      '2026-01-02T03:04:05.006Z WARN  dead letter  id=orders.0.1  reason="a\\" level=error x=\\""  count=3',
    )
  })

  it('is bounded: long texts are cut and say how long they were, deep and wide values end', () => {
    const deep = Array.from({ length: 100 }).reduce<unknown>((inner) => [inner], 'x')
    const line = lineFormat('json')(AT_MS, 'info', 'x', {
      text: 'y'.repeat(1_000_000),
      deep,
      wide: Array(9_999),
    })
    expect(line.length).toBeLessThan(3_000)
    expect(line).toContain('(1000000 characters)')
  })

  it('is written also for values that JSON does not know', () => {
    const given = { big: 5n, when: new Date(AT_MS), never: new Date(Number.NaN), error: new Error('a\nb') }
    const line = lineFormat('json')(AT_MS, 'error', 'x', given)
    expect(JSON.parse(line)).toMatchObject({ big: '5', never: null, error: 'a\nb' })
    expect(line).not.toContain('\n')
  })
})

describe('E18, log injection: a logger that is brought', () => {
  it('gets no control characters, in no field and no key', () => {
    fc.assert(
      fc.property(fields, (given) => {
        const { logger, told } = collectingLogger()
        guarded(logger).warn('dead letter', given)
        const written = JSON.stringify(told[0]?.fields).replaceAll(/\\u[0-9a-f]{4}/g, '')
        expect(written).not.toMatch(UNFIT)
        expect(JSON.stringify(told)).not.toMatch(/(?<!\\)\\[nr]/)
      }),
    )
    expect(harmless({ a: 'x\ny' })).toEqual({ a: 'x\\u000ay' })
  })

  it('that throws costs nobody anything but the line', () => {
    const broken = (): never => {
      throw new Error('no space')
    }
    const logger: Logger = { debug: broken, info: broken, warn: broken, error: broken }
    expect(() => levelled(logger, 'info').error('x', {})).not.toThrow()
  })
})

describe('E18: levels', () => {
  it('tell what is asked for and nothing below', () => {
    for (const from of LOG_LEVELS) {
      const { logger, told } = collectingLogger()
      const limited = levelled(logger, from)
      for (const level of LOG_LEVELS) limited[level]('x', {})
      const expected = LOG_LEVELS.slice(LOG_LEVELS.indexOf(from))
      expect(told.map(({ level }) => level)).toEqual(expected)
      expect(LOG_LEVELS.filter(limited.tells)).toEqual(expected)
    }
  })
})

describe('E18: adapters', () => {
  const calls: unknown[][] = []
  const method =
    (level: string) =>
    (...args: unknown[]): void => {
      calls.push([level, ...args])
    }
  const fake = { debug: method('debug'), info: method('info'), warn: method('warn'), error: method('error') }

  it.each([
    ['console', consoleLogger(fake), ['queue full', { size: 1 }]],
    ['winston', winstonLogger(fake), ['queue full', { size: 1 }]],
    ['pino', pinoLogger(fake), [{ size: 1 }, 'queue full']],
  ] as const)('%s gets each level with its own order of arguments', (_name, logger, args) => {
    calls.length = 0
    for (const level of LOG_LEVELS) logger[level]('queue full', { size: 1 })
    expect(calls).toEqual(LOG_LEVELS.map((level) => [level, ...args]))
  })

  it('keeps the methods bound to what they belong to', () => {
    class Counting {
      count = 0
      debug(): void {
        this.count += 1
      }
      info = this.debug
      warn = this.debug
      error = this.debug
    }
    const counting = new Counting()
    for (const adapt of [consoleLogger, winstonLogger, pinoLogger]) adapt(counting).debug('x', {})
    expect(counting.count).toBe(3)
  })
})
