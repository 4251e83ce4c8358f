// The golden logs there are, by name, and how one is written: a story runs on an empty directory, and what it leaves is packed
// and described. `npm run golden -- --name x` writes those that are not there yet; one that is there is never written again.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { STATE_HASH_VERSION } from '../../../projections/partition/index.js'
import {
  described,
  type GoldenPartition,
  goldenNames,
  pack,
  readManifest,
  replaceManifest,
  unpack,
  writeManifest,
} from './goldenFiles.js'
import {
  storyOfACutPrefix,
  storyOfAKill,
  storyOfAnUnmarkedCommit,
  storyOfATornCommit,
} from './storiesOfEnds.js'
import { storyOfAResize } from './storyOfAResize.js'
import { storyOfEverything } from './storyOfEverything.js'
import { storyOfOldVersions } from './storyOfOldVersions.js'

type Story = (directory: string) => Promise<void>

export const STORIES: Readonly<Record<string, Story>> = {
  everything: storyOfEverything,
  killed: storyOfAKill,
  torn: storyOfATornCommit,
  unmarked: storyOfAnUnmarkedCommit,
  cut: storyOfACutPrefix,
  'old-versions': storyOfOldVersions,
  resized: storyOfAResize,
}

/** Writes the story as a golden log of what the label names, a version of the product: `0.1.0-everything`. */
export const writeGolden = async (folder: string, story: string, label: string): Promise<string> => {
  const write = STORIES[story]
  if (write === undefined)
    throw new Error(`there is no story ${story}; there are ${Object.keys(STORIES).join(', ')}`)
  const name = `${label}-${story}`
  if ((await goldenNames(folder)).includes(name))
    throw new Error(`${name} is there: a golden log is never written anew, a later version writes its own`)
  await inCopy(async (directory) => {
    await write(directory)
    await pack(directory, folder, name)
    await writeManifest(folder, await described(directory, name, label))
  })
  return name
}

/**
 * After a change of the hash's definition: the hash that the log has by the new one, beside the old. Everything else on the
 * page has to be found as it stands there, the messages word for word.
 */
export const addHashes = async (folder: string, name: string): Promise<boolean> => {
  const manifest = await readManifest(folder, name)
  let isNew = false
  await inCopy(async (directory) => {
    await unpack(folder, name, directory)
    const found = await described(directory, name, manifest.version)
    const partitions = manifest.partitions.map((before, n): GoldenPartition => {
      const now = found.partitions[n]
      // Snapshots are caches, and those of an older form are passed over.
      const others = { stateHashes: {}, snapshots: [] }
      const isSame = now !== undefined && isDeepStrictEqual({ ...now, ...others }, { ...before, ...others })
      if (!isSame)
        throw new Error(`${name}: ${before.stream} is no longer what it was, so it gets no new hash`)
      isNew ||= before.stateHashes[STATE_HASH_VERSION] === undefined
      return { ...before, stateHashes: { ...now.stateHashes, ...before.stateHashes } }
    })
    if (isNew) await replaceManifest(folder, { ...manifest, partitions })
  })
  return isNew
}

const inCopy = async (act: (directory: string) => Promise<void>): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), 'ledgerq-golden-'))
  try {
    await act(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
