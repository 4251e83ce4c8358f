// Mistakes that show over time: in what is read back later, in settings that change, in what is rebuilt; and in decisions on
// what nobody expected. Named tests find them; the simulation draws none of it.
import type { PlantedBug } from './bug.js'

const SNAPSHOTS = 'src/adapters/embedded/snapshots.ts'
const DAMAGED_SNAPSHOTS = 'test/engine/recoveryFromDamagedSnapshots.test.ts'
const TOTALITY = 'test/model/totality.test.ts'
const POLICY_CHANGE = 'test/engine/policyChange.test.ts'

export const TIME_BUGS: ReadonlyArray<PlantedBug> = [
  {
    name: 'snapshot-of-another-ledger',
    breaks: 'I6: a snapshot that is not ours is passed over (R62)',
    edits: [{ file: SNAPSHOTS, from: 'manifest.ledger !== this.ledger || ', to: '' }],
    foundBy: DAMAGED_SNAPSHOTS,
  },
  {
    name: 'snapshot-chunks-unchecked',
    breaks: 'I6: a snapshot that is damaged is passed over (R62)',
    edits: [
      {
        file: SNAPSHOTS,
        from: 'return crc32(chunk) === record.readUInt32LE(4) ? record : undefined',
        to: 'return record',
      },
    ],
    foundBy: DAMAGED_SNAPSHOTS,
  },
  {
    name: 'older-snapshot-not-tried',
    breaks: 'I6: behind a damaged snapshot there is an older one (R62)',
    edits: [
      {
        file: 'src/engine/recovery.ts',
        from: '    if (state !== undefined) return state\n',
        to: '    return state\n',
      },
    ],
    foundBy: DAMAGED_SNAPSHOTS,
  },
  {
    name: 'settings-adopted-only-at-a-start',
    breaks: '§4.2: a change is adopted before the next decision (R67)',
    edits: [
      {
        file: 'src/engine/partitionWriter.ts',
        from: '    const tick = this.deps.clock.tickMs()\n    adoptControl(batch, this.state, this.control)\n',
        to: '    const tick = this.deps.clock.tickMs()\n',
      },
    ],
    foundBy: POLICY_CHANGE,
  },
  {
    name: 'numbers-without-what-is-on-its-way',
    breaks: 'E1: numbers counted anew are those of a replay (R68)',
    edits: [
      {
        file: 'src/engine/rebuildMeasures.ts',
        from: '      for (const batch of writer.undurable()) applyFrom(fresh, batch.firstRevision, batch)\n',
        to: '',
      },
    ],
    foundBy: 'test/engine/viewsDuringWork.test.ts',
  },
  {
    name: 'gate-of-a-prototype',
    breaks: 'I8: what is decided can be stored',
    edits: [
      {
        file: 'domain/message/afterAttempt.ts',
        from: 'Object.hasOwn(command.waitFor, failureType) ? command.waitFor[failureType] : undefined',
        to: 'command.waitFor[failureType]',
      },
    ],
    foundBy: TOTALITY,
  },
  {
    name: 'edit-of-a-dead-letter',
    breaks: 'I8: what is decided can be folded in',
    edits: [
      {
        file: 'domain/message/decide.ts',
        from: "if (message.tag !== 'Waiting') return left({ type: 'MessageNotEditable', now: message.tag })",
        to: "if (message.tag === 'Finished' || message.tag === 'Leased') return left({ type: 'MessageNotEditable', now: message.tag })",
      },
    ],
    foundBy: TOTALITY,
  },
]
