// A server as `ledgerq serve` runs it, but with small segments, frequent snapshots, and a fate of its own. Arguments: the
// directory and the port.
import { armFailpoints, fateOfThisProcess, meetFate } from './chaosFate.js'
import { say } from './chaosLines.js'
import { SEGMENT_BYTES } from './chaosMix.js'

const [, , path = '', port = '0'] = process.argv
const SNAPSHOT_EVERY_EVENTS = 150

const fate = fateOfThisProcess()
if (fate?.kind === 'failpoint') armFailpoints()
const { openLedger } = await import('../../src/api/openLedger.js')
const { startServer } = await import('../../src/http/server.js')

const stopping = new Promise((resolve) => process.once('SIGTERM', resolve))
const ledger = await openLedger({
  log: { kind: 'embedded', path, segmentBytes: SEGMENT_BYTES },
  snapshotEveryEvents: SNAPSHOT_EVERY_EVENTS,
  payloadCacheBytes: 20_000,
  blobs: 'files',
  logging: { enabled: false },
})
const server = await startServer(ledger, { port: Number(port) })
say({ say: 'ready' })
meetFate(fate)
await stopping
await server.close()
await ledger.close()
say({ say: 'closed' })
