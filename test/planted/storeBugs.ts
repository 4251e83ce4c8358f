// Mistakes of the log in EventStoreDB: what is told of an append, where a batch is cut, by what a repeat is known.
import type { PlantedBug } from './bug.js'

const LOG = 'src/adapters/eventstoredb/eventLog.ts'
const STORED = 'src/adapters/eventstoredb/storedEvents.ts'

export const STORE_BUGS: ReadonlyArray<PlantedBug> = [
  {
    name: 'any-conflict-taken-for-our-own',
    breaks: 'I2, R37: who finds another batch in its place has not appended',
    edits: [{ file: LOG, from: 'return isOurs ? right(', to: 'return isOurs || actual > expected ? right(' }],
    foundBy: 'simulation',
  },
  {
    name: 'own-batch-taken-for-a-conflict',
    breaks: 'I1, R38: a definite failure never shows up in the log',
    edits: [{ file: LOG, from: 'return isOurs ? right(', to: 'return isOurs && actual < expected ? right(' }],
    foundBy: 'simulation',
  },
  {
    name: 'half-a-batch-told-as-a-failure',
    breaks: 'I1, R42: a batch of which a part is in the log is neither there nor not there',
    edits: [
      {
        file: LOG,
        from: "return number === 0 ? answer : left(outcomeUnknown('a part of the batch is in the log'))",
        to: 'return answer',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'lost-append-told-as-refused',
    breaks: 'I1, R34: what may have arrived is unknown',
    edits: [
      {
        file: LOG,
        from: "      case 'unclear':\n        return outcomeUnknown(reason)",
        to: "      case 'unclear':\n        return { type: 'LogUnavailable', reason }",
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'event-ids-from-the-place',
    breaks: 'I2, R37: two writers never share an id',
    edits: [
      {
        file: STORED,
        from: 'const idOf = eventIdsOf(batch.batchId)',
        to: 'const idOf = eventIdsOf(stream + String(firstRevision))',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'digest-that-stands-on-nothing',
    breaks: 'F5: each digest stands on the one before it',
    edits: [
      {
        file: LOG,
        from: 'if (head?.revision === revision) return head.digest',
        to: 'if (head?.revision === revision) return GENESIS_DIGEST',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'batch-cut-inside-of-a-call',
    breaks: 'R42: what one call asked for is appended in one piece',
    edits: [{ file: STORED, from: 'cuts[cut] === index) {', to: 'index > 0) {' }],
    foundBy: 'simulation',
  },
  {
    name: 'positions-counted-one-by-one',
    breaks: 'F1: positions of a log that others write to have gaps',
    edits: [
      { file: 'domain/batch.ts', from: 'positions?.[index] ?? position + index', to: 'position + index' },
    ],
    foundBy: 'test/api/logEvents.test.ts',
  },
]
