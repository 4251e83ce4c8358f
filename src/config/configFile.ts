// The configuration file: one JSON object, read as strictly as a payload (no key twice, no number that would change), with
// exactly the keys that are known.
import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { isLeft } from 'fp-ts/lib/Either.js'
import { checkJsonBytes, DEFAULT_PAYLOAD_LIMITS, describePayloadRefusal } from '../../domain/payload/index.js'
import { ConfigError, type Problems, shortName, unknownName } from './problems.js'
import { CONFIG_FILE_NAME, SETTING_NAMES, SETTINGS } from './settings.js'

export type ConfigFile = Readonly<{
  path: string
  /** By dotted key, decoded by nobody yet. */
  values: ReadonlyMap<string, unknown>
  queues: unknown
  /** Others than its owner can read it. */
  isOpenToOthers: boolean
}>

const QUEUES_KEY = 'queues'
const FILE_BYTES_MAX = 1_048_576
const OTHERS_MAY_READ = 0o044

const KEYS: ReadonlyArray<string> = SETTING_NAMES.map((name) => SETTINGS[name].key)

/** What may stand at a level of the file: `logging` at the top, `level` inside it. */
const namesBelow = (prefix: string): ReadonlyArray<string> => {
  const below = KEYS.filter((key) => key.startsWith(prefix)).map(
    (key) => key.slice(prefix.length).split('.')[0] ?? '',
  )
  return [...new Set(prefix === '' ? [...below, QUEUES_KEY] : below)]
}

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const collect = (
  fields: Readonly<Record<string, unknown>>,
  prefix: string,
  values: Map<string, unknown>,
  path: string,
  found: Problems,
): void => {
  const known = namesBelow(prefix)
  for (const [name, value] of Object.entries(fields)) {
    const key = `${prefix}${name}`
    if (!known.includes(name))
      found.add(`${path}: ${prefix}${shortName(name)}`, unknownName('key', name, known))
    else if (KEYS.includes(key)) values.set(key, value)
    else if (key === QUEUES_KEY) continue
    else if (isFields(value)) collect(value, `${key}.`, values, path, found)
    else found.add(`${path}: ${key}`, `accepted is an object with ${namesBelow(`${key}.`).join(', ')}`)
  }
}

/** Nothing is wrong when nobody has named a file and there is none. */
const readNamed = (path: string, isNamed: boolean): { bytes: Uint8Array; mode: number } | undefined => {
  try {
    const { size, mode } = statSync(path)
    if (size > FILE_BYTES_MAX)
      throw new ConfigError([`${path}: accepted is a file of at most ${FILE_BYTES_MAX} bytes`])
    return { bytes: readFileSync(path), mode }
  } catch (error) {
    if (error instanceof ConfigError) throw error
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' && !isNamed) return undefined
    throw new ConfigError([`${path}: cannot be read: ${code ?? 'unknown reason'}`])
  }
}

/**
 * `named`: a path from the flag or the environment; without one, the file in the directory if there is one.
 *
 * @throws ConfigError when it cannot be read or is no JSON object
 */
export const readConfigFile = (
  directory: string,
  named: string | undefined,
  found: Problems,
): ConfigFile | undefined => {
  const path = resolve(directory, named ?? CONFIG_FILE_NAME)
  const file = readNamed(path, named !== undefined)
  if (file === undefined) return undefined
  const json = checkJsonBytes(file.bytes, { ...DEFAULT_PAYLOAD_LIMITS, bytesMax: FILE_BYTES_MAX })
  if (isLeft(json)) {
    // Its sentence would quote a number, and that number may be a token without its quotes.
    const sentence =
      json.left.type === 'NumberNotKept'
        ? `the number at ${json.left.path} would change when read; accepted are finite doubles (write others as text)`
        : describePayloadRefusal(json.left).replace('Payload: ', '').replace('Payload at', 'at')
    throw new ConfigError([`${path}: ${sentence}`])
  }
  if (!isFields(json.right)) throw new ConfigError([`${path}: accepted is one JSON object`])
  const values = new Map<string, unknown>()
  collect(json.right, '', values, path, found)
  return {
    path,
    values,
    queues: json.right[QUEUES_KEY],
    isOpenToOthers: process.platform !== 'win32' && (file.mode & OTHERS_MAY_READ) !== 0,
  }
}

/** A path in the file is meant from the folder of the file. */
export const fromFolderOf = (file: ConfigFile, path: string): string => resolve(dirname(file.path), path)
