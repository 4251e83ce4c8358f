// A process that works on the ledger named by its first argument until its failpoint kills it, and says in lines of JSON
// what was answered. Batch ids begin with its second argument. It ends by itself, with exit code 3, when it has done so much
// that the failpoint must have been missed.
import { writeSync } from 'node:fs'
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { openEmbeddedLog } from '../../../src/adapters/embedded/eventLog.js'
import type { EventLog } from '../../../src/ports/eventLog.js'
import { KillSwitch } from './failpoints.js'
import { batchAt, chunksOf, type Line, STREAMS, snapshotAt } from './failpointWork.js'
import { killInFileCalls } from './killingFiles.js'
import { SMALL_SEGMENTS } from './ledgerDirectory.js'

const [, , directory = '', round = ''] = process.argv
const APPENDS_MAX = 400
const MISSED = 3

// Written at once: a line that waited in a buffer would die with the process.
const say = (line: Line): void => {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

const answered = async <F, A>(task: TaskEither<F, A>): Promise<A> => {
  const answer = await task()
  if (E.isLeft(answer)) throw new Error(JSON.stringify(answer.left))
  return answer.right
}

const append = async (log: EventLog, stream: string, expected: number, batchId: string): Promise<number> => {
  say({ say: 'appending', stream, batchId, expected })
  const answer = await log.append(stream, expected, batchAt(batchId, expected))()
  if (E.isLeft(answer)) {
    say({ say: 'failed', batchId, fault: answer.left.type })
    return expected
  }
  const { lastRevision, position } = answer.right
  say({ say: 'acked', batchId, lastRevision, position })
  return lastRevision
}

const work = async (log: EventLog, stream: string): Promise<void> => {
  let head = await answered(log.head(stream))
  for (let n = 0; n < APPENDS_MAX; n++) {
    const batchId = `${round}-${stream}-${n}`
    const before = head
    // Now and then two want the same place: the second one fails for good.
    const rival = n % 5 === 4 ? append(log, stream, before, `${batchId}-rival`) : undefined
    head = Math.max(await append(log, stream, before, batchId), (await rival) ?? before)
    if (n % 7 === 6 && rival === undefined) await append(log, stream, before, batchId)
    if (n % 3 === 2) {
      await answered(log.saveSnapshot(stream, head, chunksOf(snapshotAt(stream, head))))
      say({ say: 'saved', stream, revision: head })
    }
    if (n % 4 === 3) {
      const cut = { stream, revision: head - 2 }
      say({ say: 'truncating', ...cut })
      await answered(log.truncateBefore(stream, cut.revision))
      say({ say: 'truncated', ...cut })
    }
  }
}

killInFileCalls(new KillSwitch('main thread'))
const opened = await openEmbeddedLog({
  directory,
  segmentBytes: SMALL_SEGMENTS,
  logThreadProgram: new URL('./killingLogThread.js', import.meta.url),
})
if (E.isLeft(opened)) throw new Error(JSON.stringify(opened.left))
say({ say: 'opened' })
await Promise.all(STREAMS.map((stream) => work(opened.right, stream)))
process.exit(MISSED)
