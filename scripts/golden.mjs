// Golden logs: `npm run golden` writes those of this version that are not there yet, `npm run golden -- --name everything` one of
// them. One that is there is never written again: it stands for what a version of the past has written (docs/reliability.md).
// `--label` names another version than that of package.json; `--hashes` adds today's state hash after its definition changed.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const repository = fileURLToPath(new URL('..', import.meta.url))
const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'))
const { values } = parseArgs({
  options: {
    name: { type: 'string', multiple: true, default: [] },
    label: { type: 'string', default: version },
    folder: { type: 'string', default: join(repository, 'test/golden/logs') },
    hashes: { type: 'boolean', default: false },
  },
})
const { label, folder } = values
const load = (file) => import(pathToFileURL(join(repository, 'dist/test/support/golden', file)))
const { STORIES, writeGolden, addHashes } = await load('goldenStories.js')
const { goldenNames } = await load('goldenFiles.js')

const isThere = (story) => existsSync(join(folder, `${label}-${story}.ledger.gz`))
const unwritten = () => Object.keys(STORIES).filter((story) => !isThere(story))

try {
  if (values.hashes) {
    for (const name of await goldenNames(folder))
      console.log(
        `${name}: ${(await addHashes(folder, name)) ? 'has a new hash' : 'has today’s hash already'}`,
      )
  } else {
    const stories = values.name.length > 0 ? values.name : unwritten()
    if (stories.length === 0) console.log(`every story of ${label} is written`)
    for (const story of stories) console.log(`wrote ${await writeGolden(folder, story, label)}`)
  }
} catch (error) {
  console.error(error.message)
  // A story that breaks off may leave its ledger open.
  process.exit(1)
}
