// A log file: bounded in size and number, continued by the next process, and no reason to stop when it cannot be written.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openLogger } from '../../src/logging/index.js'
import { type LineSink, openRotatingFile } from '../../src/logging/rotatingFile.js'

let directory: string
let troubles: string[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ledgerq-log-'))
  troubles = []
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const path = (): string => join(directory, 'queue.log')
const open = (over: Partial<Parameters<typeof openRotatingFile>[0]> = {}): LineSink =>
  openRotatingFile({
    path: path(),
    bytesMax: 100,
    filesMax: 3,
    onTrouble: (reason) => troubles.push(reason),
    ...over,
  })
const contents = (name: string): string[] => readFileSync(join(directory, name), 'utf8').trimEnd().split('\n')
const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `line ${String(from + index).padStart(4, '0')}`)

describe('E18: a log file', () => {
  it('never grows above its bound, and no more files are kept than asked for, the newest lines in order', () => {
    const file = open()
    // 10 bytes each: ten to a file.
    for (const line of numbered(1, 95)) file.write(line)
    file.close()
    expect(readdirSync(directory).sort()).toEqual(['queue.log', 'queue.log.1', 'queue.log.2'])
    for (const name of readdirSync(directory))
      expect(statSync(join(directory, name)).size).toBeLessThanOrEqual(100)
    expect([...contents('queue.log.2'), ...contents('queue.log.1'), ...contents('queue.log')]).toEqual(
      numbered(71, 95),
    )
    expect(troubles).toEqual([])
  })

  it('may be a single one', () => {
    const file = open({ filesMax: 1 })
    for (const line of numbered(1, 15)) file.write(line)
    file.close()
    expect(readdirSync(directory)).toEqual(['queue.log'])
    expect(contents('queue.log')).toEqual(numbered(11, 15))
  })

  it('is continued by the next process, bound included', () => {
    const first = open()
    for (const line of numbered(1, 9)) first.write(line)
    first.close()
    const second = open()
    for (const line of numbered(10, 12)) second.write(line)
    second.close()
    expect(contents('queue.log.1')).toEqual(numbered(1, 10))
    expect(contents('queue.log')).toEqual(numbered(11, 12))
  })

  it('takes a line that is longer than the bound, alone', () => {
    const file = open()
    file.write('short')
    file.write('x'.repeat(300))
    file.write('short again')
    file.close()
    expect(contents('queue.log.1')).toEqual(['x'.repeat(300)])
    expect(contents('queue.log')).toEqual(['short again'])
  })

  it('makes its folder, and cannot be read by everybody', () => {
    const deep = join(directory, 'a', 'b', 'queue.log')
    open({ path: deep }).close()
    expect(existsSync(deep)).toBe(true)
    expect(statSync(deep).mode & 0o007).toBe(0)
  })

  it('that cannot be opened at the start says so', () => {
    mkdirSync(path())
    expect(() => open()).toThrow(/EISDIR/)
  })

  it('that cannot be written loses the lines, says so once, and goes on when it can', () => {
    const file = open({ filesMax: 2 })
    for (const line of numbered(1, 10)) file.write(line)
    // The next line rotates, and there is a folder where the file is to go.
    mkdirSync(join(directory, 'queue.log.1', 'full'), { recursive: true })
    file.write('lost')
    file.write('lost')
    expect(troubles).toHaveLength(1)
    rmSync(join(directory, 'queue.log.1'), { recursive: true })
    file.write('written')
    file.close()
    expect(contents('queue.log')).toEqual(['written'])
  })
})

describe('E18: the logger of the options', () => {
  it('writes lines of its format to queue.log, and nothing when it is off', () => {
    const file = join(directory, 'own.log')
    const opened = openLogger({ file, format: 'text', level: 'warn' }, () => 0)
    opened?.logger.info('ledger opened', {})
    opened?.logger.error('partition stopped', { queue: 'orders', reason: 'a\nb' })
    opened?.close()
    expect(contents('own.log')).toEqual([
      '1970-01-01T00:00:00.000Z ERROR partition stopped  queue=orders  reason="a\\nb"',
    ])
    expect(openLogger({ enabled: false, file: join(directory, 'none.log') })).toBeUndefined()
    expect(existsSync(join(directory, 'none.log'))).toBe(false)
  })

  it('handed on to a ledger escapes once, not twice', () => {
    const file = join(directory, 'own.log')
    const opened = openLogger({ file }, () => 0)
    const again = openLogger({ logger: opened?.logger ?? expect.fail('it is on') })
    again?.logger.warn('dead letter', { id: 'a\u001bb' })
    opened?.close()
    expect(JSON.parse(contents('own.log')[0] ?? '')).toMatchObject({ id: 'a\u001bb' })
  })
})
