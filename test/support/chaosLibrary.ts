// A program that has the ledger in its own process, as users of the library do: it enqueues, and works, and says each answer,
// until its fate or SIGTERM. Arguments: the directory, and the seed of what it enqueues.
import { armFailpoints, fateOfThisProcess, meetFate } from './chaosFate.js'
import { jobHandler } from './chaosJobs.js'
import { type Job, say } from './chaosLines.js'
import { jobOf, SEGMENT_BYTES } from './chaosMix.js'
import { Dice } from './simulationSwarm.js'

const [, , path = '', seed = '1', firstNumber = '1'] = process.argv
const PRODUCERS = 4
const CONCURRENCY = 5

const fate = fateOfThisProcess()
if (fate?.kind === 'failpoint') armFailpoints()
const { openLedger } = await import('../../src/api/openLedger.js')
const { UnknownOutcomeError } = await import('../../src/api/errors.js')

let isOver = false
const stopping = new Promise((resolve) => process.once('SIGTERM', resolve))
const ledger = await openLedger({
  log: { kind: 'embedded', path, segmentBytes: SEGMENT_BYTES },
  snapshotEveryEvents: 100,
  blobs: 'files',
  logging: { enabled: false },
})
const queue = await ledger.openQueue<Job>('jobs')
say({ say: 'ready' })
meetFate(fate)

const dice = new Dice(Number(seed))
let last = Number(firstNumber)
const produce = async (): Promise<void> => {
  while (!isOver) {
    const job = jobOf(dice, last++)
    const payload = JSON.stringify(job)
    say({ say: 'asking', payload })
    try {
      const { id, duplicate } = await queue.enqueue(job, { priority: dice.pick([0, 0, 5]) })
      say({ say: 'told', payload, id, duplicate })
    } catch (error) {
      say({ say: 'failed', payload, isUnknown: error instanceof UnknownOutcomeError })
    }
    // Its workers have to keep up, more or less.
    await new Promise((turn) => setTimeout(turn, dice.pick([0, 1, 3])))
  }
}
queue.process(jobHandler(), { concurrency: CONCURRENCY })
const producing = Promise.all(Array.from({ length: PRODUCERS }, produce))
await stopping
isOver = true
await producing
await ledger.close()
say({ say: 'closed' })
