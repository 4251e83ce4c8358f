// plainjob on better-sqlite3. It sets synchronous = NORMAL itself, which does not sync a commit in
// WAL mode, so FULL is set after it and read back: only then is an answer durable. Every call is
// synchronous and a worker runs one job at a time; 100 worker loops in the process stand for
// concurrency 100, although they cannot overlap their commits.
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { better, defineQueue, defineWorker, JobStatus } from 'plainjob'

export const peer = {
  name: 'plainjob',
  server: 'none',
  packages: ['plainjob', 'better-sqlite3'],
  settings: {
    journal_mode: 'WAL',
    synchronous: 'FULL',
    throughput: { pollIntervalMs: 1 },
    latency: { pollIntervalMs: 1, workers: 1 },
  },
}

const TYPE = 'bench'
const FULL = 2
const silent = { error() {}, warn() {}, info() {}, debug() {} }

export async function open({ directory, concurrency, mode }) {
  const database = new Database(join(directory, `plainjob-${mode}.db`))
  const queue = defineQueue({ connection: better(database), logger: silent })
  database.pragma('synchronous = FULL')
  if (database.pragma('synchronous', { simple: true }) !== FULL) {
    throw new Error('SQLite did not take synchronous = FULL')
  }
  const { pollIntervalMs, workers = concurrency } = peer.settings[mode]

  return {
    enqueue: async (payload) => queue.add(TYPE, payload),

    enqueueMany: async (payloads) => queue.addMany(TYPE, payloads),

    async storedSequences() {
      const waiting = database.prepare('select data from plainjob_jobs where status = ?')
      return waiting.all(JobStatus.Pending).map((row) => JSON.parse(row.data).seq)
    },

    async unfinished() {
      return queue.countJobs() - queue.countJobs({ status: JobStatus.Done })
    },

    async prepare() {
      database.exec('analyze')
      database.pragma('wal_checkpoint(TRUNCATE)')
    },

    async clear() {
      database.exec('delete from plainjob_jobs')
    },

    async openWorker(handler) {
      let acknowledged = 0
      let onAcknowledged = () => {}
      const onCompleted = () => {
        acknowledged++
        onAcknowledged()
      }
      const options = { queue, logger: silent, pollIntervall: pollIntervalMs, onCompleted }
      const run = async (job) => handler(JSON.parse(job.data).seq)
      const loops = Array.from({ length: workers }, () => defineWorker(TYPE, run, options))
      return {
        start() {
          for (const loop of loops) void loop.start()
        },
        settled: (count) =>
          new Promise((resolve) => {
            onAcknowledged = () => acknowledged >= count && resolve()
            onAcknowledged()
          }),
        async stop() {
          await Promise.all(loops.map((loop) => loop.stop()))
        },
      }
    },

    async close() {
      queue.close()
    },
  }
}
