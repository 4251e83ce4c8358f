// The one configuration of a process, and where each value of it comes from: flags win over the environment, the
// environment over the file, the file over the defaults. Each source is checked as a whole, also where another one wins.
// The only reader of process.env.
import { isLeft } from 'fp-ts/lib/Either.js'
import { type ConfigFile, fromFolderOf, readConfigFile } from './configFile.js'
import { type DeclaredQueue, declaredQueues } from './declaredQueues.js'
import { type Problems, problems, shortName, unknownName } from './problems.js'
import type { AnySetting } from './setting.js'
import {
  CONFIG_FLAG,
  CONFIG_VARIABLE,
  DEFAULT_HOST,
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
  type SettingValues,
} from './settings.js'

export type Environment = Readonly<Record<string, string | undefined>>
/** As they were typed; `config` names the file. */
export type ConfigFlags = Readonly<Partial<Record<SettingName | 'config', string>>>

export type Source =
  | Readonly<{ kind: 'flag' | 'variable' | 'file'; name: string }>
  | Readonly<{ kind: 'default' }>

export type Config = SettingValues & Readonly<{ queues: ReadonlyArray<DeclaredQueue> }>

export type LoadedConfig = Readonly<{
  config: Config
  sources: Readonly<Record<SettingName, Source>>
  /** The file that was read. */
  file: string | undefined
  /** What works, and should be looked at. */
  warnings: ReadonlyArray<string>
}>

export type ConfigSources = Readonly<{
  flags?: ConfigFlags
  environment?: Environment
  /** Where `ledgerq.json` is looked for. */
  directory?: string
}>

const PREFIX = 'LEDGERQ_'
/**
 * What Kubernetes sets in every container when a Service is called ledgerq, or ledgerq-something. `LEDGERQ_PORT` is one
 * of them, and then holds an address: neither is ours.
 */
const SERVICE_LINK = /_SERVICE_(?:HOST|PORT)(?:_\w+)?$|_PORT_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?$/
const SERVICE_ADDRESS = /^(?:tcp|udp|sctp):\/\//
const isServiceLink = (name: string, value: string): boolean =>
  SERVICE_LINK.test(name) || (name.endsWith('_PORT') && SERVICE_ADDRESS.test(value))

const ownVariables = (environment: Environment): ReadonlyMap<string, string> => {
  const own = new Map<string, string>()
  for (const [name, value] of Object.entries(environment)) {
    if (name.startsWith(PREFIX) && value !== undefined && !isServiceLink(name, value)) own.set(name, value)
  }
  return own
}

const refuseUnknownVariables = (variables: ReadonlyMap<string, string>, found: Problems): void => {
  const known = [...SETTING_NAMES.map((name) => SETTINGS[name].variable as string), CONFIG_VARIABLE]
  for (const name of variables.keys()) {
    if (!known.includes(name)) found.add(shortName(name), unknownName('variable', name, known))
  }
}

type Given = Readonly<{ source: Source; place: string; value: unknown }>

const decoded = (of: AnySetting, { place, value }: Given, found: Problems): unknown => {
  const result = of.codec.decode(value)
  if (!isLeft(result)) return result.right
  found.add(place, `accepted is ${of.codec.name}`)
  return undefined
}

/** Every source that states the setting, the winner first. */
const statedBy = (
  name: SettingName,
  flags: ConfigFlags,
  variables: ReadonlyMap<string, string>,
  file: ConfigFile | undefined,
): ReadonlyArray<Given> => {
  const of: AnySetting = SETTINGS[name]
  const given: Given[] = []
  const flag = flags[name]
  if (flag !== undefined)
    given.push({ source: { kind: 'flag', name: of.flag }, place: of.flag, value: of.ofText(flag) })
  const variable = variables.get(of.variable)
  if (variable !== undefined) {
    const source = { kind: 'variable', name: of.variable } as const
    given.push({ source, place: of.variable, value: of.ofText(variable) })
  }
  if (file?.values.has(of.key) === true) {
    const value = file.values.get(of.key)
    const path = of.isPath && typeof value === 'string' && value.trim() !== ''
    given.push({
      source: { kind: 'file', name: file.path },
      place: `${file.path}: ${of.key}`,
      value: path ? fromFolderOf(file, value) : value,
    })
  }
  return given
}

/** The file that is named, if one is: a flag wins here, too. */
const namedFile = (
  flags: ConfigFlags,
  variables: ReadonlyMap<string, string>,
  found: Problems,
): string | undefined => {
  for (const [place, name] of [
    [CONFIG_FLAG, flags.config],
    [CONFIG_VARIABLE, variables.get(CONFIG_VARIABLE)],
  ] as const) {
    if (name === undefined) continue
    if (name.trim() !== '') return name
    found.add(place, 'accepted is the path of a file')
  }
  return undefined
}

/** @throws ConfigError that names source, key and what is accepted of everything that is wrong, and no value */
export const loadConfig = (given: ConfigSources = {}): LoadedConfig => {
  const { flags = {}, environment = process.env, directory = process.cwd() } = given
  const found = problems()
  const variables = ownVariables(environment)
  refuseUnknownVariables(variables, found)
  const file = readConfigFile(directory, namedFile(flags, variables, found), found)
  const values: Partial<Record<SettingName, unknown>> = {}
  const sources: Partial<Record<SettingName, Source>> = {}
  for (const name of SETTING_NAMES) {
    const of: AnySetting = SETTINGS[name]
    values[name] = of.fallback
    sources[name] = { kind: 'default' }
    // The winner is applied last.
    for (const one of [...statedBy(name, flags, variables, file)].reverse()) {
      values[name] = decoded(of, one, found)
      sources[name] = one.source
    }
  }
  const queues = declaredQueues(file?.queues, `${file?.path}: queues`, found)
  found.throwIfAny()
  values.url ??= `http://${DEFAULT_HOST}:${values.port}`
  // A file that is named and not written would be the greater surprise.
  if (sources.logTo?.kind === 'default' && sources.logFile?.kind !== 'default') values.logTo = 'file'
  return {
    config: { ...(values as SettingValues), queues },
    sources: sources as Record<SettingName, Source>,
    file: file?.path,
    warnings: warningsOf(file),
  }
}

const warningsOf = (file: ConfigFile | undefined): ReadonlyArray<string> => {
  if (file?.isOpenToOthers !== true) return []
  const secrets = SETTING_NAMES.filter(
    (name) => SETTINGS[name].isSecret && file.values.has(SETTINGS[name].key),
  )
  return secrets.map(
    (name) =>
      `${file.path}: ${SETTINGS[name].key}: other users of this machine can read it; chmod 600, or use ${SETTINGS[name].variable}`,
  )
}
