// Prints, as one line of JSON, the state hash of each partition in the ledgers whose directories are its arguments, replayed
// from the first event, and who it is that has computed them (R66).
import { basename } from 'node:path'
import { isLeft } from 'fp-ts/lib/Either.js'
import { parsePartitionStream } from '../../domain/ids.js'
import { stateHash } from '../../projections/partition/index.js'
import { openEmbeddedLog } from '../../src/adapters/embedded/eventLog.js'
import { recoverPartition } from '../../src/engine/recovery.js'
import type { EventLog } from '../../src/ports/eventLog.js'

export type Hashes = Readonly<{
  node: string
  timeZone: string
  /** An instant and two words as this process writes and sorts them: its zone and locale are not just names. */
  seen: string
  /** By ledger and stream. */
  hashes: Readonly<Record<string, string>>
}>

const partitionsOf = async (log: EventLog): Promise<ReadonlyArray<string>> => {
  const streams = new Set<string>()
  for (let from = 0; ; ) {
    const page = await log.readAll(from, 4_000_000)()
    if (isLeft(page)) throw new Error(JSON.stringify(page.left))
    for (const { stream } of page.right.batches) streams.add(stream)
    from = page.right.next
    if (page.right.atEnd) break
  }
  return [...streams].filter((stream) => parsePartitionStream(stream) !== undefined).sort()
}

const hashes: Record<string, string> = {}
for (const directory of process.argv.slice(2)) {
  const opened = await openEmbeddedLog({ directory, segmentBytes: 64 * 1024 })
  if (isLeft(opened)) throw new Error(JSON.stringify(opened.left))
  const log = opened.right
  for (const stream of await partitionsOf(log)) {
    const { state } = await recoverPartition(log, stream, { useSnapshots: false })
    hashes[`${basename(directory)} ${stream}`] = stateHash(state)
  }
  await log.close()
}

const INSTANT = new Date(1_790_000_000_000)
const told: Hashes = {
  node: process.version,
  timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  seen: `${INSTANT.getHours()}:${INSTANT.getMinutes()} ${(1234.5).toLocaleString()} ${['z', 'ä', 'a'].sort((a, b) => a.localeCompare(b)).join('')}`,
  hashes,
}
process.stdout.write(`${JSON.stringify(told)}\n`)
