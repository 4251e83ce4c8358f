// The one table of settings of a process: file key, variable and flag of each, what is accepted, and the default.
import { accepted, booleanOf, numberOf, setting, text, wholeNumber, yesOrNo } from './setting.js'

export const DEFAULT_PORT = 7654
export const DEFAULT_HOST = '127.0.0.1'
const PORT_MAX = 65_535

const isHttpUrl = (value: unknown): value is string =>
  typeof value === 'string' && /^https?:\/\//i.test(value) && URL.canParse(value)

export const SETTINGS = {
  url: setting({
    key: 'url',
    variable: 'LEDGERQ_URL',
    flag: '--url',
    meaning: 'server that commands talk to',
    codec: accepted('an http:// or https:// address', isHttpUrl),
  }),
  token: setting({
    key: 'token',
    variable: 'LEDGERQ_TOKEN',
    flag: '--token',
    meaning: 'bearer token: sent by commands, asked for by the server',
    codec: text,
    isSecret: true,
  }),
  dataDirectory: setting({
    key: 'data',
    variable: 'LEDGERQ_DATA',
    flag: '--data',
    meaning: 'directory of the log',
    codec: text,
    fallback: './data',
    isPath: true,
  }),
  host: setting({
    key: 'host',
    variable: 'LEDGERQ_HOST',
    flag: '--host',
    meaning: 'address the server listens on; others than loopback need a token',
    codec: text,
    fallback: DEFAULT_HOST,
  }),
  port: setting({
    key: 'port',
    variable: 'LEDGERQ_PORT',
    flag: '--port',
    meaning: 'port the server listens on; 0 = any free one',
    codec: wholeNumber(0, PORT_MAX),
    ofText: numberOf,
    fallback: DEFAULT_PORT,
  }),
  strict: setting({
    key: 'strict',
    variable: 'LEDGERQ_STRICT',
    flag: '--strict',
    meaning: 'sync the head mark with every commit, too',
    codec: yesOrNo,
    ofText: booleanOf,
    fallback: false,
  }),
} as const

export type SettingName = keyof typeof SETTINGS
type ValueOf<Name extends SettingName> = (typeof SETTINGS)[Name]['codec']['_A']

/** What has no default may be missing. */
type Optional = 'token'
export type SettingValues = Readonly<
  { [Name in Exclude<SettingName, Optional>]: ValueOf<Name> } & {
    [Name in Optional]: ValueOf<Name> | undefined
  }
>

export const SETTING_NAMES = Object.keys(SETTINGS) as ReadonlyArray<SettingName>

export const CONFIG_VARIABLE = 'LEDGERQ_CONFIG'
export const CONFIG_FLAG = '--config'
export const CONFIG_FILE_NAME = 'ledgerq.json'
