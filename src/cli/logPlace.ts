// Where a log is, as it is typed: `log verify`, `log export`, `log import` and `message prove` take the same places. What looks like
// the address of something else is refused: it would be taken for a directory of that name, and import makes those.
import { isDatabaseAddress } from '../adapters/eventstoredb/address.js'
import type { Config } from '../config/index.js'
import { UsageError } from './exitCode.js'

const SOME_ADDRESS = /^[a-z][a-z0-9+.-]*:\/\//i

export const LOG_PLACE = 'a directory, or an esdb:// address (LEDGERQ_LOG, LEDGERQ_DATA, ./data)'

export const checkedPlace = (flag: string, typed: string): string => {
  if (typed !== '' && (isDatabaseAddress(typed) || !SOME_ADDRESS.test(typed))) return typed
  throw new UsageError(`${flag}: accepted are a directory and an esdb:// address.`)
}

/** What was typed, or what the configuration says. */
export const logPlace = (
  typed: string | undefined,
  { logAddress, dataDirectory }: Pick<Config, 'logAddress' | 'dataDirectory'>,
): string => (typed === undefined ? (logAddress ?? dataDirectory) : checkedPlace('--log', typed))
