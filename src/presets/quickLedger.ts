// A ledger in one line: from one text that says where the log is.
import { isAbsolute } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDatabaseAddress } from '../adapters/eventstoredb/address.js'
import { type LedgerOptions, openLedger } from '../api/openLedger.js'
import { errorOf } from '../api/refusals.js'
import type { Ledger } from '../api/types/index.js'

const SERVER = /^https?:\/\//i
const FILE_URL = /^file:\/\//i
const RELATIVE = /^\.\.?(?:[\\/]|$)/

const ACCEPTED =
  '"memory", a path that starts with "./", "../" or "/" (or a file: URL) for an embedded log, and an esdb:// address'

const refuse = (problem: string): never => {
  throw errorOf({ type: 'Invalid', field: 'log', problem })
}

const logOptionsOf = (where: string): LedgerOptions['log'] => {
  if (where === 'memory') return { kind: 'memory' }
  if (isDatabaseAddress(where)) return { kind: 'eventstoredb', connectionString: where }
  if (SERVER.test(where)) {
    return refuse(`a server is talked to with connectLedger({ url }); accepted here are ${ACCEPTED}`)
  }
  if (FILE_URL.test(where)) return { kind: 'embedded', path: fileURLToPath(where) }
  // A bare word may be a mistyped "memory", and would quietly become a folder of that name.
  if (RELATIVE.test(where) || isAbsolute(where)) return { kind: 'embedded', path: where }
  return refuse(`accepted are ${ACCEPTED}`)
}

/**
 * `quickLedger('memory')`, `quickLedger('./data')`, `quickLedger('esdb://…')`: `openLedger` with the defaults of everything.
 *
 * Rejects with RefusedError (`invalid`) when it is neither, and as `openLedger` does.
 */
export const quickLedger = async (where: string, options: Omit<LedgerOptions, 'log'> = {}): Promise<Ledger> =>
  openLedger({ ...options, log: logOptionsOf(where) })
