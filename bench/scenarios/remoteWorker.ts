// The process of the remote scenario's worker: says that it is there, gets its orders, works until each job was handled and
// settled, and reports what it saw.
import { connectLedger } from '../../src/client/connectLedger.js'
import { Calls, drain, type Job } from './jobs.js'

export type RemoteOrders = Readonly<{ url: string; queue: string; count: number; concurrency: number }>
export type RemoteReport = Readonly<{ problems: ReadonlyArray<string> }>

process.once('message', async ({ url, queue, count, concurrency }: RemoteOrders) => {
  const ledger = connectLedger({ url })
  const calls = new Calls(count)
  await drain(await ledger.queue<Job>(queue), calls, concurrency)
  await ledger.close()
  process.send?.({ problems: calls.problems() } satisfies RemoteReport, () => process.disconnect())
})
process.send?.('ready')
