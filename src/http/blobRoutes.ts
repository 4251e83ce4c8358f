// Large payloads: the collection of blobs that nothing names. They are sent and claimed with their messages.
import { accepting, closedRecord } from './closedRecord.js'
import { NoQuery } from './codecs.js'
import { ok, type Route, route } from './route.js'

const CollectBody = closedRecord(
  'a collection of blobs',
  {},
  {
    graceMs: accepting('a whole number of milliseconds', (value): value is number =>
      Number.isSafeInteger(value),
    ),
    dryRun: accepting('true or false', (value): value is boolean => typeof value === 'boolean'),
  },
)

const collect = route({
  method: 'POST',
  path: '/api/v1/blobs:collect',
  summary:
    'Removes blobs that no event in the log names, once they are older than graceMs; dryRun only counts',
  body: CollectBody,
  query: NoQuery,
  answer: async ({ ledger }, { body }) => ok(await ledger.collectBlobs(body)),
})

export const blobRoutes: ReadonlyArray<Route> = [collect]
