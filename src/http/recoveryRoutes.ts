// How the ledger came back from its log, and another start for partitions that have stopped (D12).
import type { RecoveryReport } from '../api/types/index.js'
import { NoQuery, OperatorBody } from './codecs.js'
import { gatheredRecovery } from './gathered.js'
import { ok, type Route, route } from './route.js'

/** Why a partition has stopped names files and errors of this machine, which its own log is for. */
const outside = (report: RecoveryReport): RecoveryReport => ({
  ...report,
  partitions: report.partitions.map((one) => ({
    ...one,
    reason: one.reason === undefined ? undefined : 'see the log of the server',
  })),
})

const report = route({
  method: 'GET',
  path: '/api/v1/recovery',
  gathers: gatheredRecovery,
  summary: 'What the last start of each partition replayed, and which attempts it ended',
  query: NoQuery,
  answer: async ({ ledger }) => ok(outside(await ledger.recovery())),
})

const recover = route({
  method: 'POST',
  path: '/api/v1/recovery',
  gathers: gatheredRecovery,
  summary: 'Opens the partitions once more that have stopped, and answers the report',
  body: OperatorBody,
  query: NoQuery,
  answer: async ({ ledger }) => ok(outside(await ledger.recover())),
})

export const recoveryRoutes: ReadonlyArray<Route> = [report, recover]
