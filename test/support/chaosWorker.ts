// A worker in a process of its own, for a ledger behind HTTP. Arguments: where the server is, and how much it does at once.
import { connectLedger } from '../../src/client/connectLedger.js'
import { jobHandler } from './chaosJobs.js'
import { say } from './chaosLines.js'

const [, , url = '', concurrency = '4'] = process.argv
const ledger = connectLedger({ url, timeoutMs: 2_000 })
const worker = ledger.knownQueue('jobs').process(jobHandler() as never, { concurrency: Number(concurrency) })
say({ say: 'ready' })
process.once('SIGTERM', () => {
  void worker.stop({ graceMs: 100 }).then(() => ledger.close())
})
