// Queues that the file declares: for each a preset, if any, and settings over it. What is accepted for a setting is asked of
// the domain, so the file can never accept what the door of the ledger would refuse.
import { isLeft } from 'fp-ts/lib/Either.js'
import { QUEUE_NAME_RULE, QueueNameCodec } from '../../domain/ids.js'
import {
  configure,
  DEFAULT_QUEUE_CONFIG,
  type QueueConfig,
  type QueueSettings,
  QueueSettingsCodec,
} from '../../domain/queue/index.js'
import { isPresetName, PRESET_NAMES, type PresetName, QUEUE_PRESETS } from '../presets/queuePresets.js'
import { type Problems, shortName, unknownName } from './problems.js'

export type DeclaredQueue = Readonly<{
  queue: string
  preset: PresetName | undefined
  /** What the file states beside the preset. */
  stated: QueueSettings
  /** Preset and stated together: what the queue is created with, or changed to. */
  settings: QueueSettings
  /** What a new queue gets: the rest from the defaults. */
  config: QueueConfig
}>

type Fields = Readonly<Record<string, unknown>>
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const SETTING_KEYS = Object.keys(DEFAULT_QUEUE_CONFIG) as ReadonlyArray<keyof QueueConfig>
const isSettingKey = (key: string): key is keyof QueueConfig => Object.hasOwn(DEFAULT_QUEUE_CONFIG, key)

/** Where inside the setting, and what is accepted there; undefined when the value is accepted. */
const problemOfSetting = (
  key: keyof QueueConfig,
  value: unknown,
): Readonly<{ field: string; problem: string }> | undefined => {
  // The domain says best what it accepts, so it is asked before the types are proved.
  const configured = configure({ [key]: value } as QueueSettings)
  if (isLeft(configured)) {
    return { field: configured.left.field, problem: `accepted is ${configured.left.accepted}` }
  }
  const decoded = QueueSettingsCodec.decode({ [key]: value })
  if (!isLeft(decoded)) return undefined
  const error = decoded.left.at(-1)
  const accepted = error?.context.at(-1)?.type.name ?? 'another value'
  return { field: key, problem: error?.message ?? `accepted is ${accepted}` }
}

const declaredQueue = (
  queue: string,
  declared: unknown,
  place: string,
  found: Problems,
): DeclaredQueue | undefined => {
  const at = `${place}.${shortName(queue)}`
  if (!QueueNameCodec.is(queue)) {
    found.add(at, `accepted as name of a queue are ${QUEUE_NAME_RULE}`)
    return undefined
  }
  if (!isFields(declared)) {
    found.add(at, 'accepted is an object of settings')
    return undefined
  }
  const { preset, ...stated } = declared
  if (preset !== undefined && !isPresetName(preset)) {
    found.add(`${at}.preset`, `accepted is one of ${PRESET_NAMES.join(', ')}`)
    return undefined
  }
  let sound = true
  for (const [key, value] of Object.entries(stated)) {
    const wrong = isSettingKey(key)
      ? problemOfSetting(key, value)
      : { field: shortName(key), problem: unknownName('setting', key, ['preset', ...SETTING_KEYS]) }
    if (wrong === undefined) continue
    found.add(`${at}.${wrong.field}`, wrong.problem)
    sound = false
  }
  if (!sound) return undefined
  const settings = { ...(preset === undefined ? {} : QUEUE_PRESETS[preset]), ...(stated as QueueSettings) }
  const config = configure(settings)
  if (isLeft(config)) {
    // Each setting is sound, but two of them do not go together.
    found.add(`${at}.${config.left.field}`, `accepted is ${config.left.accepted}`)
    return undefined
  }
  return { queue, preset, stated: stated as QueueSettings, settings, config: config.right }
}

export const declaredQueues = (
  declared: unknown,
  place: string,
  found: Problems,
): ReadonlyArray<DeclaredQueue> => {
  if (declared === undefined) return []
  if (!isFields(declared)) {
    found.add(place, 'accepted is an object with a queue per name')
    return []
  }
  return Object.entries(declared).flatMap(
    ([queue, settings]) => declaredQueue(queue, settings, place, found) ?? [],
  )
}
