// A configuration as people and programs may see it: each value with its source, and no secret.
import type { DeclaredQueue } from './declaredQueues.js'
import type { LoadedConfig, Source } from './loadConfig.js'
import { SETTING_NAMES, SETTINGS } from './settings.js'

export type ShownSetting = Readonly<{ key: string; value: unknown; source: string }>

/** As long for every secret: its length is nobody's business either. */
const MASK = '********'

const sourceText = (source: Source): string => (source.kind === 'default' ? 'default' : source.name)

/** `http://user:password@host` is a secret inside a value that is none. */
export const maskedAddress = (address: string): string =>
  address.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, `$1${MASK}@`)
const withoutCredentials = (value: unknown): unknown =>
  typeof value === 'string' ? maskedAddress(value) : value

const shownQueue = (
  { queue, preset, stated, settings, config }: DeclaredQueue,
  file: string,
  effective: boolean,
): ReadonlyArray<ShownSetting> => {
  const keys = Object.keys(effective ? config : settings) as ReadonlyArray<keyof typeof config>
  const sourceOf = (key: string): string =>
    Object.hasOwn(stated, key) ? file : Object.hasOwn(settings, key) ? `preset ${preset}` : 'default'
  const rows = keys.map((key) => ({
    key: `queues.${queue}.${key}`,
    value: effective ? config[key] : settings[key],
    source: sourceOf(key),
  }))
  // A queue that is declared without a setting is declared nevertheless.
  return rows.length === 0 ? [{ key: `queues.${queue}`, value: {}, source: file }] : rows
}

/** What is set anywhere; with `effective` everything, defaults included. */
export const shownConfig = (loaded: LoadedConfig, effective: boolean): ReadonlyArray<ShownSetting> => {
  const settings = SETTING_NAMES.flatMap((name): ReadonlyArray<ShownSetting> => {
    const source = loaded.sources[name]
    const value = loaded.config[name]
    if (source.kind === 'default' && !effective) return []
    const shown = SETTINGS[name].isSecret && value !== undefined ? MASK : withoutCredentials(value ?? null)
    return [{ key: SETTINGS[name].key, value: shown, source: sourceText(source) }]
  })
  const { queues } = loaded.config
  return [...settings, ...queues.flatMap((queue) => shownQueue(queue, loaded.file ?? '', effective))]
}
