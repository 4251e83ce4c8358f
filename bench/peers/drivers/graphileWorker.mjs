// graphile-worker, batched as its performance page advises: a local queue of 500 and completion
// batches without extra delay are the settings of its own published figures. Completions are then
// asynchronous, so "settled" asks the database instead of trusting the worker's events.
import { Logger, makeWorkerUtils, runTaskList } from 'graphile-worker'
import pg from 'pg'
import { untilTrue } from './untilTrue.mjs'

export const peer = {
  name: 'graphile-worker',
  server: 'postgres',
  packages: ['graphile-worker', 'pg'],
  settings: {
    concurrentJobs: 100,
    'localQueue.size': 500,
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
    poolConnections: 20,
  },
}

const TASK = 'bench'
const JOBS = 'graphile_worker._private_jobs'
const quiet = () => () => {}

export async function open({ connection, concurrency }) {
  const pool = new pg.Pool({ ...connection, max: peer.settings.poolConnections })
  const complain = (error) => process.stderr.write(`graphile-worker pool: ${error.message}\n`)
  pool.on('error', complain)
  pool.on('connect', (client) => client.on('error', complain))
  const logger = new Logger(quiet)
  const preset = {
    worker: {
      concurrentJobs: concurrency,
      localQueue: { size: peer.settings['localQueue.size'] },
      completeJobBatchDelay: peer.settings.completeJobBatchDelay,
      failJobBatchDelay: peer.settings.failJobBatchDelay,
      logger,
    },
  }
  const utils = await makeWorkerUtils({ pgPool: pool, preset })
  await utils.migrate()

  return {
    enqueue: (payload) => utils.addJob(TASK, payload),

    enqueueMany: (payloads) => utils.addJobs(payloads.map((payload) => ({ identifier: TASK, payload }))),

    async storedSequences() {
      const { rows } = await pool.query(`select (payload->>'seq')::int as seq from ${JOBS}`)
      return rows.map((row) => row.seq)
    },

    // Completed jobs are deleted; everything that is left is waiting, locked or failed.
    async unfinished() {
      const { rows } = await pool.query(`select count(*)::int as count from ${JOBS}`)
      return rows[0].count
    },

    async prepare() {
      await pool.query(`vacuum analyze ${JOBS}`)
      await pool.query('checkpoint')
    },

    async clear() {
      await pool.query(`truncate ${JOBS}`)
    },

    async openWorker(handler) {
      let workers
      return {
        start() {
          const tasks = { [TASK]: async (payload) => handler(payload.seq) }
          workers = runTaskList({ pgPool: pool, preset, noHandleSignals: true }, tasks, pool)
        },
        async settled(_count, handled) {
          await handled
          const anyLeft = `select exists (select 1 from ${JOBS}) as any_left`
          await untilTrue(async () => !(await pool.query(anyLeft)).rows[0].any_left)
        },
        stop: () => workers.gracefulShutdown(),
      }
    },

    async close() {
      await utils.release()
      await pool.end()
    },
  }
}
