// ledgerq config: each value with its source, no secret, and every problem at once.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SETTING_NAMES, SETTINGS } from '../../src/config/index.js'
import { runInProcess, type Spoken } from './inProcess.js'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ledgerq-config-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const SECRET = 'hunter2-hunter2'
const FILE = {
  token: SECRET,
  port: 7000,
  url: 'http://me:hunter2-hunter2@queues.example',
  queues: { orders: { preset: 'production', maxSize: 7 } },
}
const inFile = (content: unknown): string => {
  const path = join(directory, 'ledgerq.json')
  writeFileSync(path, JSON.stringify(content), { mode: 0o600 })
  return path
}
const ledgerq = (...args: string[]): Promise<Spoken> =>
  runInProcess(args, { directory, environment: { LEDGERQ_HOST: '::1' } })
const shown = async (...args: string[]): Promise<ReadonlyMap<string, readonly [unknown, string]>> => {
  const { out } = await ledgerq('--json', 'config', 'show', ...args)
  const { settings } = JSON.parse(out) as { settings: { key: string; value: unknown; source: string }[] }
  return new Map(settings.map(({ key, value, source }) => [key, [value, source]]))
}

describe('E19: ledgerq config show', () => {
  it('shows what is set, with its source', async () => {
    const path = inFile(FILE)
    expect(await shown('--data', '/d')).toEqual(
      new Map<string, readonly [unknown, string]>([
        ['url', ['http://********@queues.example', path]],
        ['token', ['********', path]],
        ['data', ['/d', '--data']],
        ['host', ['::1', 'LEDGERQ_HOST']],
        ['port', [7000, path]],
        ['queues.orders.maxSize', [7, path]],
        ['queues.orders.shedAbovePercent', [90, 'preset production']],
        ['queues.orders.dedupWindowMs', [3_600_000, 'preset production']],
        ['queues.orders.concurrency', [25, 'preset production']],
        ['queues.orders.completionObjective', [0.99, 'preset production']],
      ]),
    )
  })

  it('with --effective shows everything, defaults and what a new queue gets included', async () => {
    inFile(FILE)
    const settings = await shown('--effective')
    for (const name of SETTING_NAMES) expect(settings.has(SETTINGS[name].key)).toBe(true)
    expect(settings.get('strict')).toEqual([false, 'default'])
    expect(settings.get('queues.orders.ttlMs')).toEqual([0, 'default'])
  })

  it('masks the token wherever it comes from, as text and as JSON', async () => {
    inFile(FILE)
    for (const args of [[], ['--effective']]) {
      for (const before of [[], ['--json'], ['--token', `${SECRET}-flag`]]) {
        const { out, err } = await ledgerq(...before, 'config', 'show', ...args)
        expect(out).toContain('********')
        expect(out + err).not.toContain(SECRET)
      }
    }
    const environment = { LEDGERQ_TOKEN: SECRET }
    const { out } = await runInProcess(['config', 'show'], { directory, environment })
    expect(out).toMatch(/token +\*{8} +LEDGERQ_TOKEN/)
    expect(out).not.toContain(SECRET)
  })

  it('says so when nothing is set, and shows that a token is not', async () => {
    const bare = (...args: string[]): Promise<Spoken> =>
      runInProcess(['config', 'show', ...args], { directory })
    expect((await bare()).out).toMatch(/^Nothing is set/)
    expect((await bare('--effective')).out).toMatch(/token +– +default/)
  })
})

describe('E19: ledgerq config check', () => {
  it('lists every problem on a line of its own and ends with the code for usage', async () => {
    inFile({ port: 'many', tokne: SECRET, queues: { orders: { leaseMs: 1 } } })
    const { code, out, err } = await ledgerq('config', 'check')
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err.split('\n')).toHaveLength(3)
    expect(err).toMatch(/the nearest known one is token/)
    expect(err).not.toContain(SECRET)
    const asJson = await ledgerq('--json', 'config', 'check')
    expect(JSON.parse(asJson.out)).toMatchObject({ ok: false, problems: { length: 3 } })
    expect(asJson.code).toBe(2)
  })

  it('is content with a sound file', async () => {
    const path = inFile(FILE)
    expect(await ledgerq('config', 'check')).toEqual({ code: 0, out: `Sound: ${path}`, err: '' })
  })
})

describe('E19: other commands', () => {
  it('refuse a bad configuration with one line and the code for usage, before they do anything', async () => {
    inFile({ port: -1, prot: 1 })
    const { code, err } = await ledgerq('queue', 'list')
    expect(code).toBe(2)
    expect(err.split('\n')).toHaveLength(1)
    expect(err).toMatch(/more: ledgerq config check lists them/)
  })
})
