// The configuration of a process; the only import path from outside this folder.
export type { DeclaredQueue } from './declaredQueues.js'
export {
  type Config,
  type ConfigFlags,
  type ConfigSources,
  type Environment,
  type LoadedConfig,
  loadConfig,
} from './loadConfig.js'
export { ConfigError } from './problems.js'
export { CONFIG_FILE_NAME, SETTING_NAMES, SETTINGS, type SettingName } from './settings.js'
export { maskedAddress, shownConfig } from './shownConfig.js'
