// pg-boss in batches: several local workers that each claim a batch and fetch again at once while
// batches come back full (burstWhenBatchFull). For the latency scenario the queue opts in to
// LISTEN/NOTIFY; for throughput it does not, because a NOTIFY serialises the commits of PostgreSQL.
// Its own maintenance (supervise, schedule) is off: nothing of it is wanted in a measured window.
import pg from 'pg'
import { PgBoss } from 'pg-boss'
import { untilTrue } from './untilTrue.mjs'

export const peer = {
  name: 'pg-boss',
  server: 'postgres',
  packages: ['pg-boss', 'pg'],
  settings: {
    throughput: { localConcurrency: 2, batchSize: 500, burstWhenBatchFull: true },
    latency: { localConcurrency: 2, batchSize: 50, burstWhenBatchFull: true, notify: true },
    pollingIntervalSeconds: 0.5,
    poolConnections: 50,
  },
}

const JOBS = 'pgboss.job_common'

export async function open({ connection, mode }) {
  const { notify = false, ...work } = peer.settings[mode]
  // A queue of its own per mode: creating a queue that exists would keep its old `notify`.
  const queueName = `bench-${mode}`
  const boss = new PgBoss({
    ...connection,
    max: peer.settings.poolConnections,
    useListenNotify: notify,
    supervise: false,
    schedule: false,
  })
  boss.on('error', (error) => process.stderr.write(`pg-boss: ${error.message}\n`))
  await boss.start()
  await boss.createQueue(queueName, { notify })
  const pool = new pg.Pool({ ...connection, max: 2 })
  pool.on('error', (error) => process.stderr.write(`pg-boss pool: ${error.message}\n`))
  const options = { ...work, pollingIntervalSeconds: peer.settings.pollingIntervalSeconds }

  return {
    enqueue: (payload) => boss.send(queueName, payload),

    enqueueMany: (payloads) =>
      boss.insert(
        queueName,
        payloads.map((data) => ({ data })),
      ),

    async storedSequences() {
      const waiting = `select (data->>'seq')::int as seq from ${JOBS} where name = $1 and state = 'created'`
      return (await pool.query(waiting, [queueName])).rows.map((row) => row.seq)
    },

    // Completed jobs stay in the table until they are archived, so they are told apart by state.
    async unfinished() {
      const left = `select count(*)::int as count from ${JOBS} where name = $1 and state <> 'completed'`
      return (await pool.query(left, [queueName])).rows[0].count
    },

    async prepare() {
      await pool.query(`vacuum analyze ${JOBS}`)
      await pool.query('checkpoint')
    },

    async clear() {
      await pool.query(`truncate ${JOBS}`)
    },

    async openWorker(handler) {
      return {
        start() {
          void boss.work(queueName, options, async (jobs) => {
            await Promise.all(jobs.map(async (job) => handler(job.data.seq)))
          })
        },
        async settled(_count, handled) {
          await handled
          const left = `select exists (select 1 from ${JOBS} where name = $1 and state <> 'completed') as any_left`
          await untilTrue(async () => !(await pool.query(left, [queueName])).rows[0].any_left)
        },
        stop: () => boss.offWork(queueName),
      }
    },

    async close() {
      await boss.stop({ graceful: false, close: true })
      await pool.end()
    },
  }
}
