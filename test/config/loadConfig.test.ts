// One configuration from four sources: which of them wins, what none of them may say, and that a secret is never repeated.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DEFAULT_QUEUE_CONFIG } from '../../domain/queue/index.js'
import {
  CONFIG_FILE_NAME,
  ConfigError,
  type ConfigSources,
  type LoadedConfig,
  loadConfig,
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
} from '../../src/config/index.js'
import { isPresetName, QUEUE_PRESETS } from '../../src/presets/queuePresets.js'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ledgerq-config-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const inFile = (content: unknown, name = CONFIG_FILE_NAME): string => {
  const path = join(directory, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 })
  return path
}
const load = (sources: ConfigSources = {}): LoadedConfig =>
  loadConfig({ environment: {}, directory, ...sources })
const problemsOf = (sources: ConfigSources = {}): ReadonlyArray<string> => {
  try {
    load(sources)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('E19: the configuration', () => {
  it('has defaults for everything but the token', () => {
    expect(load().config).toMatchObject({
      url: 'http://127.0.0.1:7654',
      token: undefined,
      dataDirectory: './data',
      logAddress: undefined,
      viewsDirectory: undefined,
      host: '127.0.0.1',
      port: 7654,
      strict: false,
      queues: [],
    })
    expect(load().file).toBeUndefined()
  })

  it('takes each value from its variable, and the port also for the default url', () => {
    const environment = {
      LEDGERQ_TOKEN: 't',
      LEDGERQ_DATA: '/d',
      LEDGERQ_HOST: '::',
      LEDGERQ_PORT: '80',
      LEDGERQ_STRICT: 'true',
      OTHER: '',
    }
    const { config } = load({ environment })
    expect(config).toMatchObject({
      url: 'http://127.0.0.1:80',
      token: 't',
      dataDirectory: '/d',
      host: '::',
      port: 80,
      strict: true,
    })
  })

  it('for every setting flags win over the environment, the environment over the file, the file over defaults', () => {
    // Four values of each setting that its codec accepts, as they are written in the file.
    const written = (name: SettingName, from: number): unknown => {
      const { codec } = SETTINGS[name]
      const candidates = [
        `http://h${from}`,
        `esdb://h${from}`,
        `text${from}`,
        `host${from}:9092`,
        `payload.field${from}`,
        1_000_000 + from,
        1_000 + from,
        from,
        from % 2 === 0,
      ]
      const words = /^one of (.*)$/.exec(codec.name)?.[1]?.split(', ') ?? []
      const fitting = [words[from % Math.max(1, words.length)], ...candidates].filter((value) =>
        codec.is(value),
      )
      return fitting[0]
    }
    const property = fc.property(
      fc.constantFrom(...SETTING_NAMES),
      fc.record({ flag: fc.boolean(), variable: fc.boolean(), file: fc.boolean() }),
      (name, states) => {
        const { key, variable } = SETTINGS[name]
        const [flag, ofVariable, ofFile] = [2, 3, 4].map((from) => written(name, from))
        const nested = key.split('.').reduceRight<unknown>((value, part) => ({ [part]: value }), ofFile)
        const path = inFile(states.file ? nested : {})
        const loaded = load({
          flags: states.flag ? { [name]: String(flag) } : {},
          environment: states.variable ? { [variable]: String(ofVariable) } : {},
        })
        const winner = states.flag
          ? { kind: 'flag', name: SETTINGS[name].flag }
          : states.variable
            ? { kind: 'variable', name: variable }
            : states.file
              ? { kind: 'file', name: path }
              : { kind: 'default' }
        expect(loaded.sources[name]).toEqual(winner)
        const fromFile = SETTINGS[name].isPath ? join(directory, String(ofFile)) : ofFile
        if (states.flag) expect(loaded.config[name]).toEqual(flag)
        else if (states.variable) expect(loaded.config[name]).toEqual(ofVariable)
        else if (states.file) expect(loaded.config[name]).toEqual(fromFile)
        else if (name !== 'url') expect(loaded.config[name]).toEqual(SETTINGS[name].fallback)
      },
    )
    fc.assert(property, { numRuns: 150 })
  })

  it('names file, variable and flag of the file in the same order, and insists on a file that is named', () => {
    inFile({ port: 1 })
    const named = inFile({ port: 2 }, 'other.json')
    const flagged = inFile({ port: 3 }, 'third.json')
    expect(load().config.port).toBe(1)
    const environment = { LEDGERQ_CONFIG: 'other.json' }
    expect(load({ environment })).toMatchObject({ config: { port: 2 }, file: named })
    expect(load({ environment, flags: { config: flagged } }).config.port).toBe(3)
    const gone = join(directory, 'gone.json')
    expect(problemsOf({ flags: { config: 'gone.json' } })).toEqual([`${gone}: cannot be read: ENOENT`])
    expect(problemsOf({ environment: { LEDGERQ_CONFIG: ' ' } })).toEqual([
      'LEDGERQ_CONFIG: accepted is the path of a file',
    ])
  })

  it('means paths of the file from the folder of the file', () => {
    const path = inFile({ data: 'log' }, 'named.json')
    const { config } = loadConfig({ environment: {}, directory: tmpdir(), flags: { config: path } })
    expect(config.dataDirectory).toBe(join(directory, 'log'))
  })
})

describe('E18: the log file', () => {
  it('is written when it is named, and queue.log is its name when only the target is', () => {
    expect(load().config).toMatchObject({ logTo: 'stderr', logFile: 'queue.log' })
    expect(load({ flags: { logFile: '/l' } }).config).toMatchObject({ logTo: 'file', logFile: '/l' })
    const environment = { LEDGERQ_LOG_TO: 'stdout', LEDGERQ_LOG_FILE: '/l' }
    expect(load({ environment }).config).toMatchObject({ logTo: 'stdout' })
    expect(load({ flags: { logTo: 'file' } }).config).toMatchObject({ logTo: 'file', logFile: 'queue.log' })
  })
})

describe('E19: what is refused', () => {
  it.each([
    ['LEDGERQ_PORT', '65536', 'a whole number from 0 to 65535'],
    ['LEDGERQ_PORT', '-1', 'a whole number from 0 to 65535'],
    ['LEDGERQ_PORT', '0x10', 'a whole number from 0 to 65535'],
    ['LEDGERQ_TOKEN', '  ', 'text that is not empty'],
    ['LEDGERQ_URL', '', 'an http:// or https:// address'],
    ['LEDGERQ_URL', 'ftp://x', 'an http:// or https:// address'],
    ['LEDGERQ_STRICT', 'yes', 'true or false'],
  ])('%s=%j is refused by its name and with what is accepted', (name, value, sentence) => {
    expect(problemsOf({ environment: { [name]: value } })).toEqual([`${name}: accepted is ${sentence}`])
  })

  it('a wrong value is refused also where another source wins', () => {
    inFile({ port: 'many' })
    expect(problemsOf({ flags: { port: '80' } })).toEqual([
      `${join(directory, CONFIG_FILE_NAME)}: port: accepted is a whole number from 0 to 65535`,
    ])
  })

  it('unknown keys of the file and unknown variables are refused with the nearest known name', () => {
    const path = inFile({ prot: 80, queues: { orders: { maxsize: 5 } } })
    expect(problemsOf({ environment: { LEDGERQ_TOKNE: 'x' } })).toEqual([
      expect.stringMatching(
        /^LEDGERQ_TOKNE: unknown variable; the nearest known one is LEDGERQ_TOKEN; accepted are/,
      ),
      expect.stringMatching(/: prot: unknown key; the nearest known one is port; accepted are url, token/),
      expect.stringMatching(/: queues\.orders\.maxsize: unknown setting; the nearest known one is maxSize;/),
    ])
    expect(problemsOf()[0]).toContain(path)
  })

  it.each([
    ['{"port": 1,', /ledgerq\.json: the text is not JSON/],
    ['[]', /accepted is one JSON object/],
    ['{"port":1,"port":2}', /the key port appears twice/],
    ['{"__proto__":{}}', /the key __proto__ is not accepted/],
    ['{"queues":[]}', /queues: accepted is an object with a queue per name/],
    ['{"queues":{"no spaces":{}}}', /queues\.no spaces: accepted as name of a queue/],
    [
      '{"queues":{"orders":{"preset":"fast"}}}',
      /orders\.preset: accepted is one of standard, highThroughput/,
    ],
    [
      '{"queues":{"orders":{"maxSize":"5"}}}',
      /orders\.maxSize: accepted is a whole number from 1 to 100000000/,
    ],
    ['{"queues":{"orders":{"maxSize":0}}}', /orders\.maxSize: accepted is a whole number from 1 to/],
    ['{"queues":{"orders":{"order":"newest"}}}', /orders\.order: accepted is one of priority, fifo/],
    ['{"queues":{"orders":{"circuit":{"openMs":0}}}}', /orders\.circuit\.openMs: accepted is a whole number/],
    ['{"queues":{"orders":{"limits":{"rate":5}}}}', /orders\.limits\.rate: accepted is an object with count/],
    ['{"queues":{"orders":{"failures":5}}}', /orders\.failures: /],
    ['{"queues":{"orders":{"waitFor":[]}}}', /orders\.waitFor: accepted is at most/],
    ['{"queues":{"orders":{"batching":"yes"}}}', /orders\.batching: accepted is true or false/],
  ])('the file %s is refused', (text, sentence) => {
    inFile(text)
    expect(problemsOf()).toEqual([expect.stringMatching(sentence)])
  })

  it('no refusal repeats a value, wherever a secret was put', () => {
    const secret = 'hunter2-hunter2'
    const wrong: ReadonlyArray<ConfigSources> = [
      { environment: { LEDGERQ_PORT: secret } },
      { environment: { LEDGERQ_TOKEN: secret, LEDGERQ_PORT: 'x' } },
      { flags: { port: secret, token: secret } },
    ]
    for (const sources of wrong) expect(problemsOf(sources).join('\n')).not.toContain(secret)
    const number = '12345678901234567890123'
    const files = [
      `{"token": "${secret}", "port": x}`,
      `{"token": ${number}}`,
      `{"port": "${secret}"}`,
      `{"token": {"a": "${secret}"}}`,
      `{"queues": {"orders": {"preset": "${secret}", "maxSize": "${secret}"}}}`,
    ]
    for (const file of files) {
      inFile(file)
      expect(problemsOf()).not.toEqual([])
      expect(problemsOf().join('\n')).not.toMatch(new RegExp(`${secret}|${number}`))
    }
  })

  it('says everything at once', () => {
    inFile({ port: -1, url: 5 })
    const sources = { environment: { LEDGERQ_HOST: '', LEDGERQ_STRICT: '1' } }
    expect(problemsOf(sources)).toHaveLength(4)
    expect(() => load(sources)).toThrow(/\(3 more: ledgerq config check lists them\)/)
  })

  it('variables that Kubernetes sets for a service called ledgerq are not ours', () => {
    const environment = {
      LEDGERQ_SERVICE_HOST: '10.0.0.7',
      LEDGERQ_SERVICE_PORT: '7654',
      LEDGERQ_PORT: 'tcp://10.0.0.7:7654',
      LEDGERQ_PORT_7654_TCP_ADDR: '10.0.0.7',
      LEDGERQ_REPLICA_SERVICE_PORT_HTTP: '80',
    }
    expect(load({ environment }).config.port).toBe(7654)
  })
})

describe('E19: any file', () => {
  it('is a configuration or is refused with sentences; nothing in it ends the program otherwise', () => {
    const keys = [...SETTING_NAMES.map((name) => SETTINGS[name].key.split('.')[0] ?? ''), 'queues', 'other']
    const value = fc.jsonValue({ maxDepth: 3 })
    const setting = fc.constantFrom(...Object.keys(DEFAULT_QUEUE_CONFIG), 'preset', 'other')
    const queues = fc.dictionary(
      fc.constantFrom('orders', 'mail', 'no spaces', 'constructor'),
      fc.oneof(value, fc.dictionary(setting, value, { maxKeys: 4, noNullPrototype: true })),
      { noNullPrototype: true },
    )
    const file = fc.dictionary(fc.constantFrom(...keys), fc.oneof(value, queues), { noNullPrototype: true })
    fc.assert(
      fc.property(file, (content) => {
        const path = inFile(content)
        for (const problem of problemsOf()) {
          expect(problem.startsWith(`${path}: `)).toBe(true)
          expect(problem.slice(path.length)).toMatch(/(?:accepted| is | are )/)
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('E19: queues of the file', () => {
  it('take a preset, and what is stated wins over it', () => {
    inFile({ queues: { orders: { preset: 'reliable', maxSize: 7 }, mail: {} } })
    const [orders, mail] = load().config.queues
    expect(orders).toMatchObject({ queue: 'orders', preset: 'reliable', stated: { maxSize: 7 } })
    expect(orders?.settings).toEqual({ ...QUEUE_PRESETS.reliable, maxSize: 7 })
    expect(orders?.config).toMatchObject({ ...QUEUE_PRESETS.reliable, maxSize: 7 })
    expect(mail).toMatchObject({
      queue: 'mail',
      preset: undefined,
      settings: {},
      config: DEFAULT_QUEUE_CONFIG,
    })
  })

  it('know every preset by its name, and nothing that every object inherits', () => {
    for (const name of Object.keys(QUEUE_PRESETS)) expect(isPresetName(name)).toBe(true)
    expect(isPresetName('constructor')).toBe(false)
  })
})

describe('E19: a token in the file', () => {
  it('draws a warning when others can read the file', () => {
    const path = inFile({ token: 'secret' })
    expect(load().warnings).toEqual([])
    chmodSync(path, 0o644)
    expect(load().warnings).toEqual([expect.stringMatching(/token: other users .* LEDGERQ_TOKEN$/)])
    expect(load().warnings.join()).not.toContain('"secret"')
  })
})
