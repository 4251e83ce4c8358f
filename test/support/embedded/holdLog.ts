// A process that opens the ledger named by its first argument and says how that went, in lines of JSON. With a second
// argument it then appends to one stream until it is killed, and says each revision that was answered as durable.
import * as E from 'fp-ts/lib/Either.js'
import { NO_REVISION } from '../../../domain/batch.js'
import { openEmbeddedLog } from '../../../src/adapters/embedded/eventLog.js'

const [, , directory = '', stream] = process.argv
const say = (line: unknown): boolean => process.stdout.write(`${JSON.stringify(line)}\n`)

const opened = await openEmbeddedLog({ directory, segmentBytes: 64 * 1024 })
if (E.isLeft(opened)) {
  say(opened.left)
  process.exitCode = 1
} else {
  const log = opened.right
  say({ type: 'Opened' })
  if (stream !== undefined) {
    const found = await log.head(stream)()
    let head = E.isRight(found) ? found.right : NO_REVISION
    for (;;) {
      const answer = await log.append(stream, head, {
        batchId: `${process.pid}-${head}`,
        at: 1_790_000_000_000,
        epoch: process.pid,
        events: [
          {
            type: 'AttemptSucceeded',
            followUps: undefined,
            reconciled: undefined,
            ordinal: head + 1,
            callerId: undefined,
            fence: 1,
            result: undefined,
          },
        ],
        previous: [NO_REVISION],
      })()
      if (E.isLeft(answer)) throw new Error(JSON.stringify(answer.left))
      head = answer.right.lastRevision
      say({ acked: head })
    }
  }
}
