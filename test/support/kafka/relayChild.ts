// A relay in a process of its own, on a log that every such process makes alike: to be killed, frozen and let go on. Prints `told`
// when there is nothing left to tell, and each trouble.
import { parseArgs } from 'node:util'
import { madeLog } from './madeLog.js'
import { allTold, startRelay } from './relayRun.js'

const { values } = parseArgs({
  options: {
    brokers: { type: 'string', default: '' },
    topic: { type: 'string', default: '' },
    streams: { type: 'string', default: '1' },
    batches: { type: 'string', default: '1' },
    shards: { type: 'string', default: '1' },
    'transaction-timeout-ms': { type: 'string', default: '30000' },
  },
})

const log = await madeLog(Number(values.streams), Number(values.batches))
const started = await startRelay(log, values.brokers, values.topic, {
  partitions: Number(values.shards),
  shards: Number(values.shards),
  transactionTimeoutMs: Number(values['transaction-timeout-ms']),
  // Small transactions, so that there are many moments to end it in.
  recordBatchBytesMax: 20_000,
  times: { standbyMs: 1_000, parkedMs: 1_000 },
  onTrouble: (message) => process.stdout.write(`trouble: ${message}\n`),
})
await allTold(started)
process.stdout.write('told\n')
process.on('SIGTERM', () => void started.relay.stop().then(() => process.exit(0)))
// It lives for as long as whoever started it.
process.stdin.on('end', () => process.exit(1)).resume()
