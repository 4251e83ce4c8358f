// Mistakes about what operators ask for: edits, operations by a filter, re-runs, histories; and about time limits and waits.
import type { PlantedBug } from './bug.js'

const EDITING = 'src/api/queue/editing.ts'
const SWEEP = 'src/api/queue/sweep.ts'
const RERUN = 'src/api/queue/rerun.ts'
const FILTER = 'projections/queries/messageFilter.ts'
const DECIDE = 'domain/message/decide.ts'

export const OPERATOR_BUGS: ReadonlyArray<PlantedBug> = [
  {
    name: 'edit-keeps-the-old-payload',
    breaks: 'A11: an edit gives what was asked',
    edits: [
      {
        file: EDITING,
        from: 'payload: keepsPayload ? contents.payload : message.payload,',
        to: 'payload: keepsPayload || message.payload !== undefined ? contents.payload : message.payload,',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'edit-forgets-the-priority',
    breaks: 'A11: what is left out stays as it is',
    edits: [
      {
        file: EDITING,
        from: 'priority: given.priority === undefined ? contents.priority : message.priority,',
        to: 'priority: message.priority,',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'edit-makes-due-at-once',
    breaks: 'A11: what is left out stays as it is',
    edits: [
      {
        file: EDITING,
        from: 'return given.notBefore === undefined ? dueAt : message.notBefore',
        to: 'return given.notBefore === undefined ? dueAt * 0 : message.notBefore',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'edit-brings-back-what-was-replaced',
    breaks: 'A11: an edit is made of what the message holds now',
    edits: [
      {
        file: EDITING,
        from: "if (event.type === 'MessageEnqueued' || event.type === 'MessageEdited') contents = event",
        to: "if (event.type === 'MessageEnqueued') contents = event",
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'edit-hands-out-the-old-payload',
    breaks: 'I10: an attempt is given the payload that is current',
    edits: [{ file: EDITING, from: '  payloads.drop(slot)\n', to: '' }],
    foundBy: 'simulation',
  },
  {
    name: 'edit-ignores-what-changed-meanwhile',
    breaks: 'A11: an edit is made of what the message holds now',
    edits: [
      {
        file: EDITING,
        from: "  if (state.table.double(slot, L.LAST_REVISION) !== lastRevision) return left({ type: 'MessageChanged' })\n",
        to: '  if (lastRevision < 0) return left({ type: "MessageChanged" })\n',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'filter-forgets-the-priority',
    breaks: 'A8: only what matches is met',
    edits: [
      {
        file: FILTER,
        from: '  const priority = table.int(slot, L.PRIORITY)\n  if (priority < (filter.priorityMin ?? priority) ||',
        to: '  const priority = table.int(slot, L.PRIORITY)\n  if (',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'filter-forgets-the-group',
    breaks: 'A8: only what matches is met',
    edits: [
      {
        file: FILTER,
        from: '    if (filter[name] !== undefined && wishes[name] !== filter[name]) return false\n',
        to: "    if (name !== 'group' && filter[name] !== undefined && wishes[name] !== filter[name]) return false\n",
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'operation-tells-one-too-few',
    breaks: 'A8: an operation tells how many it met',
    edits: [
      {
        file: SWEEP,
        from: 'const done = results.filter(isRight).length',
        to: 'const done = Math.max(0, results.filter(isRight).length - 1)',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'operation-forgets-the-last-message',
    breaks: 'C3: all that matches is met',
    edits: [
      {
        file: SWEEP,
        from: 'return found.filter(({ ordinal }) => ordinal < end)',
        to: 'return found.filter(({ ordinal }) => ordinal < end - 1)',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'clearing-drops-dead-letters',
    breaks: 'A8: cleared are messages that wait',
    edits: [
      {
        file: 'src/api/queue/operations.ts',
        from: "states: states ?? [...WAITING, 'processing'] }",
        to: "states: states ?? [...WAITING, 'processing', 'dead-lettered'] }",
      },
      {
        file: 'src/api/queue/operations.ts',
        from: "command: 'clear', filter: looked, acts: WAITING,",
        to: "command: 'purge', filter: looked, acts: [...WAITING, 'dead-lettered'],",
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'clearing-drops-who-died-meanwhile',
    breaks: 'A8: cleared are messages that wait',
    edits: [
      {
        file: 'src/api/queue/operations.ts',
        from: "command: 'clear', filter:",
        to: "command: 'purge', filter:",
      },
    ],
    foundBy: 'test/api/clearRaces.test.ts',
  },
  {
    name: 'rerun-of-the-first-contents',
    breaks: 'C16: it runs again as it ran',
    edits: [
      {
        file: RERUN,
        from: "  for (const { event } of history) if (event.type === 'MessageEdited') contents = event\n",
        to: '',
      },
    ],
    foundBy: 'test/api/rerun.test.ts',
  },
  {
    name: 'rerun-of-several-partitions-told-as-definite',
    breaks: 'I1: what was recorded is not told as a definite failure',
    edits: [
      {
        file: RERUN,
        from: 'throw partly(errorOfFailure(failure), { rerun: done, repeated }, done)',
        to: 'throw partly(errorOfFailure(failure), { rerun: done, repeated }, 0)',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'history-without-its-beginning',
    breaks: 'A10: a history is whole',
    edits: [
      {
        file: 'src/engine/history.ts',
        from: 'export const HISTORY_EVENTS_MAX = 10_000',
        to: 'export const HISTORY_EVENTS_MAX = 4',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'lease-extended-for-ever',
    breaks: 'C8: a lease is not extended beyond the time limit of a message',
    edits: [{ file: DECIDE, from: 'if (heldMs >= messageTimeoutMs) return', to: 'if (heldMs < 0) return' }],
    foundBy: 'simulation',
  },
  {
    name: 'release-forgets-its-delay',
    breaks: 'C12: a released message waits as long as was asked',
    edits: [
      {
        file: DECIDE,
        from: 'command.delayMs === 0 ? NO_INSTANT : command.at + command.delayMs',
        to: 'command.delayMs === 0 ? NO_INSTANT : command.at',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'policy-of-the-message-ignored',
    breaks: 'A13: the wish of a message wins over the policy of its queue',
    edits: [
      {
        file: 'domain/message/afterAttempt.ts',
        from: 'wishes.retry ?? ruleFor(command.rules, failureType)',
        to: 'ruleFor(command.rules, failureType)',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'open-gate-ends-a-wait',
    breaks: 'C15: only a closed gate ends a wait',
    edits: [
      {
        file: 'src/engine/decideGateWaits.ts',
        from: 'if (gate === undefined || !gates.has(gate) || !switches.closedGates.includes(gate)) return true',
        to: 'if (gate === undefined || gates.size > 9) return true',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'gate-wait-too-short',
    breaks: 'C15: a message waits for its gate as long as its queue says',
    edits: [
      {
        file: 'src/engine/decideGateWaits.ts',
        from: 'const latest = batch.at - config.gateWaitMaxMs',
        to: 'const latest = batch.at - config.gateWaitMaxMs / 8',
      },
    ],
    foundBy: 'test/api/gateWaits.test.ts',
  },
]
