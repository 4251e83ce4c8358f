// The log thread waits for commands and is woken from its wait. A wake-up call that comes late must not be taken for another
// command: the frame that is durable already would be sealed and written once more, and the next one answered too early.
import { expect, it } from 'vitest'
import { NO_REVISION } from '../../../domain/batch.js'
import { batchOf, enqueued, run } from '../../contract/eventLog.contract.js'
import { proved } from '../../support/embedded/failpointCheck.js'
import { openLog, withDirectory } from '../../support/embedded/ledgerDirectory.js'

const lateWaking = new URL('../../support/embedded/lateWakingLogThread.js', import.meta.url)

it('a wake-up call that comes late commits nothing a second time', () =>
  withDirectory(async (directory) => {
    const log = await openLog(directory, { logThreadProgram: lateWaking, segmentBytes: 1024 * 1024 })
    let head = NO_REVISION
    for (let n = 0; n < 30; n++)
      head = (await run(log.append('partition-a~1.0', head, batchOf([enqueued(head + 1)])))).lastRevision
    await log.close()
    expect(await proved(directory)).toMatchObject({ frames: 30, events: 30, unfinishedBytes: 0 })
  }))
