// BullMQ on Redis with appendfsync always: Redis answers only after the commands of that turn of its
// event loop are synced, so every reply below is durable and concurrent callers share one sync.
// Tuned: one pipelined connection for producers, one worker with concurrency 100 (its documented way
// to be fast with short handlers), completed jobs removed at once so that Redis stays small.
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'

export const peer = {
  name: 'bullmq',
  server: 'redis',
  packages: ['bullmq', 'ioredis'],
  settings: { concurrency: 100, removeOnComplete: true },
}

const QUEUE = 'bench'
const READ_PAGE = 1000

export async function open({ connection, concurrency }) {
  // Options, not a client: BullMQ closes only the connections that it made itself.
  const redis = { ...connection, maxRetriesPerRequest: null }
  const queue = new Queue(QUEUE, {
    connection: redis,
    defaultJobOptions: { removeOnComplete: true, removeOnFail: false },
  })
  await queue.waitUntilReady()
  const housekeeping = new Redis(redis)

  return {
    enqueue: (payload) => queue.add('job', payload),

    enqueueMany: (payloads) => queue.addBulk(payloads.map((data) => ({ name: 'job', data }))),

    async storedSequences() {
      const sequences = []
      const count = await queue.getWaitingCount()
      for (let from = 0; from < count; from += READ_PAGE) {
        const jobs = await queue.getWaiting(from, from + READ_PAGE - 1)
        for (const job of jobs) sequences.push(job.data.seq)
      }
      return sequences
    },

    // The counts hold waiting, active, delayed and failed jobs; completed ones are removed.
    async unfinished() {
      const counts = await queue.getJobCounts()
      return Object.values(counts).reduce((sum, count) => sum + count, 0)
    },

    async prepare() {},

    async clear() {
      await housekeeping.flushall()
    },

    async openWorker(handler) {
      let acknowledged = 0
      let onAcknowledged = () => {}
      const worker = new Worker(QUEUE, async (job) => handler(job.data.seq), {
        connection: redis,
        concurrency,
        autorun: false,
      })
      // "completed" is emitted when the script that moved the job has answered: after the sync.
      worker.on('completed', () => {
        acknowledged++
        onAcknowledged()
      })
      worker.on('error', (error) => process.stderr.write(`bullmq worker: ${error.message}\n`))
      await worker.waitUntilReady()
      return {
        start() {
          void worker.run()
        },
        settled: (count) =>
          new Promise((resolve) => {
            onAcknowledged = () => acknowledged >= count && resolve()
            onAcknowledged()
          }),
        stop: () => worker.close(),
      }
    },

    async close() {
      await queue.close()
      housekeeping.disconnect()
    },
  }
}
