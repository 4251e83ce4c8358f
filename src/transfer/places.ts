// What the words for an end of a move mean: an address of EventStoreDB or KurrentDB, a ledger's directory, or an export file.
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { clientAddress, isDatabaseAddress } from '../adapters/eventstoredb/address.js'
import { ChainFault } from '../chain/chainedBatch.js'
import { directorySource, directoryTarget, directoryToLook } from './directorySide.js'
import { fileSource } from './fileSide.js'
import type { ChainSource, ChainTarget } from './sides.js'

export type Place = Readonly<{
  where: string
  /** Of the names of a ledger's streams in a database. */
  prefix?: string
  /** How it is spoken of: without a password. */
  spoken: string
  /** Of a directory that is written; default as for any ledger. */
  segmentBytes?: number
}>

const kindOf = async (path: string): Promise<'directory' | 'file' | 'missing'> => {
  try {
    return (await stat(path)).isDirectory() ? 'directory' : 'file'
  } catch {
    return 'missing'
  }
}

export const isDirectory = async ({ where }: Place): Promise<boolean> =>
  !isDatabaseAddress(where) && (await kindOf(resolve(where))) === 'directory'

const databasePlace = ({ where, prefix, spoken }: Place) => ({
  place: spoken,
  options: { connectionString: clientAddress(where), ...(prefix === undefined ? {} : { prefix }) },
})

const missing = (path: string): ChainFault => new ChainFault('notFound', `${path}: there is nothing`)

export const openSource = async (place: Place): Promise<ChainSource> => {
  if (isDatabaseAddress(place.where)) {
    // The package behind it is loaded only here: nobody else pays for it.
    const { databaseSource } = await import('./databaseSide.js')
    return databaseSource(databasePlace(place))
  }
  const path = resolve(place.where)
  switch (await kindOf(path)) {
    case 'directory':
      return directorySource(path)
    case 'file':
      return fileSource(path)
    case 'missing':
      throw missing(path)
  }
}

/** A store a ledger can live in; a directory that is not there yet is made. */
export const openTarget = async (place: Place): Promise<ChainTarget> => {
  if (isDatabaseAddress(place.where)) {
    const { databaseTarget } = await import('./databaseSide.js')
    return databaseTarget(databasePlace(place))
  }
  const path = resolve(place.where)
  if ((await kindOf(path)) !== 'file') return directoryTarget(path, place.segmentBytes)
  throw new ChainFault('refused', `${path} is a file: accepted are a directory and an esdb:// address`)
}

/** For a dry run: what is there can be asked, and nothing is made. */
export const openTargetToLook = async (place: Place): Promise<ChainTarget> => {
  try {
    if (isDatabaseAddress(place.where)) {
      const { databaseToLook } = await import('./databaseSide.js')
      return await databaseToLook(databasePlace(place))
    }
    return await directoryToLook(resolve(place.where))
  } catch (error) {
    if (error instanceof ChainFault && error.kind === 'notFound') return nothing(place)
    throw error
  }
}

const nothing = ({ where, spoken }: Place): ChainTarget => ({
  place: spoken,
  kind: isDatabaseAddress(where) ? 'database' : 'directory',
  head: async () => undefined,
  firstBatch: async () => undefined,
  write: async () => undefined,
  ...(isDatabaseAddress(where) ? {} : { blobs: { has: async () => false, put: async () => undefined } }),
  note: async () => undefined,
  finish: async () => undefined,
  close: async () => undefined,
})
