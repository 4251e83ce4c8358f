// Mistakes about a single message: its lease, its attempts, its end, its contents.
import type { PlantedBug } from './bug.js'

const DECIDE = 'domain/message/decide.ts'
const AFTER = 'domain/message/afterAttempt.ts'
const FOLD = 'projections/partition/messageFold.ts'
const REQUESTS = 'src/engine/decideRequests.ts'
const ENQUEUE = 'src/engine/decideEnqueue.ts'
const WRITER = 'src/engine/partitionWriter.ts'
const LEASE_TIMES = 'src/engine/leaseTimes.ts'

export const MESSAGE_BUGS: ReadonlyArray<PlantedBug> = [
  {
    name: 'fence-not-checked',
    breaks: 'I3: late settlements are refused',
    edits: [
      {
        file: DECIDE,
        from: "      if (message.fence !== command.fence) return left(leaseNotHeld(command.fence, message))\n      return right([\n        {\n          type: 'AttemptSucceeded',\n          ordinal: message.ordinal,\n          callerId: message.callerId,\n          fence: command.fence,",
        to: "      return right([\n        {\n          type: 'AttemptSucceeded',\n          ordinal: message.ordinal,\n          callerId: message.callerId,\n          fence: message.fence,",
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'fence-not-checked-on-extend',
    breaks: 'I3: late settlements are refused',
    edits: [
      {
        file: DECIDE,
        from: "if (message.tag !== 'Leased' || message.fence !== command.fence) {\n    return left(leaseNotHeld(command.fence, message))\n  }\n  const { ordinal, callerId, startedAt, wishes } = message",
        to: "if (message.tag !== 'Leased') {\n    return left(leaseNotHeld(command.fence, message))\n  }\n  const { ordinal, callerId, startedAt, wishes } = message",
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'fence-not-new',
    breaks: 'I3: fences only rise',
    edits: [
      { file: REQUESTS, from: 'fence: state.nextFence,', to: 'fence: Math.max(1, state.nextFence - 1),' },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'lease-expiry-ignored',
    breaks: 'I3: a lost worker does not keep a message',
    edits: [
      {
        file: REQUESTS,
        from: 'n < PROMOTE_MAX && state.leases.nextAt() <= tick',
        to: 'n < 0 && state.leases.nextAt() <= tick',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'lease-expires-early',
    breaks: 'I3: a lease lasts as long as it was granted',
    edits: [
      {
        file: REQUESTS,
        from: 'n < PROMOTE_MAX && state.leases.nextAt() <= tick',
        to: 'n < PROMOTE_MAX && state.leases.nextAt() <= tick + 40',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'extension-does-not-extend',
    breaks: 'I3: a lease lasts as long as it was granted',
    edits: [
      { file: FOLD, from: 'this.placement.leases.set(slot, tick + event.leaseMs)', to: '' },
      {
        file: LEASE_TIMES,
        from: "if (event.type !== 'AttemptStarted' && event.type !== 'LeaseExtended') continue",
        to: "if (event.type !== 'AttemptStarted') continue",
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'lease-begins-when-decided',
    breaks: 'R12: a slow log takes nothing off a lease',
    edits: [
      {
        file: 'src/engine/openBatch.ts',
        from: 'apply(event, this.at, NOT_BEGUN)',
        to: 'apply(event, this.at, this.tick)',
      },
      { file: LEASE_TIMES, from: 'this.state.beginLease(event.ordinal, event.fence, tick)', to: '' },
    ],
    foundBy: 'test/engine/leaseTimes.test.ts',
  },
  {
    name: 'expiry-at-the-time-of-the-turn',
    breaks: 'I3: no lease ends at a recorded time before its end',
    edits: [{ file: WRITER, from: 'this.leaseTimes.overBy(batch.tick)', to: 'this.leaseTimes.overBy(tick)' }],
    foundBy: 'simulation',
  },
  {
    name: 'nobody-is-heard-after-a-hold-up',
    breaks: 'R20: heartbeats that arrived during a hold-up count',
    edits: [{ file: LEASE_TIMES, from: 'if (tick - endTick <= HELD_UP_MS) return tick', to: 'return tick' }],
    foundBy: 'test/engine/leaseTimes.test.ts',
  },
  {
    name: 'one-retry-too-many',
    breaks: 'I4: attempts stay within the policy',
    edits: [
      {
        file: 'domain/retry/backoff.ts',
        from: 'Math.max(0, policy.retriesMax - attempt + 1)',
        to: 'Math.max(0, policy.retriesMax - attempt + 2)',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'one-retry-too-few',
    breaks: 'I4: a message gets all its attempts',
    edits: [
      {
        file: 'domain/retry/backoff.ts',
        from: 'Math.max(0, policy.retriesMax - attempt + 1)',
        to: 'Math.max(0, policy.retriesMax - attempt)',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'retry-budget-ignored',
    breaks: 'C2: no retry starts after the time that the policy allows in all',
    edits: [
      {
        file: 'domain/retry/backoff.ts',
        from: 'now + delayMs - firstAttemptAt > policy.budgetMs',
        to: 'now + delayMs - now > policy.budgetMs',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'retry-at-once',
    breaks: 'no delivery before its due time',
    edits: [
      {
        file: FOLD,
        from: 'this.becomeWaiting(slot, event.retryAt, at)',
        to: 'this.becomeWaiting(slot, NO_INSTANT, at)',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'started-before-due',
    breaks: 'no delivery before its due time',
    edits: [
      { file: 'projections/partition/placement.ts', from: 'if (dueAt > at) {', to: 'if (dueAt > at + 15) {' },
      { file: DECIDE, from: 'message.dueAt > command.at', to: 'message.dueAt > command.at + 15' },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'release-counts-as-attempt',
    breaks: 'I4: what was handed back is no attempt',
    edits: [
      {
        file: FOLD,
        from: 'const attempts = table.int(slot, L.ATTEMPTS) - 1',
        to: 'const attempts = table.int(slot, L.ATTEMPTS)',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'redrive-keeps-attempts',
    breaks: 'I4: a redriven message starts anew',
    edits: [{ file: FOLD, from: 'table.setInt(slot, L.ATTEMPTS, 0)\n', to: '\n' }],
    foundBy: 'simulation',
  },
  {
    name: 'dead-letter-not-recorded',
    breaks: 'I5: nothing goes without an event',
    edits: [{ file: AFTER, from: 'if (deadLetters) return [dead]', to: 'if (deadLetters) return []' }],
    foundBy: 'simulation',
  },
  {
    name: 'unkept-dead-letter-without-purge',
    breaks: 'A15: a queue that keeps no dead letters purges them with an event',
    edits: [
      {
        file: AFTER,
        from: 'if (deadLetters) return [dead]',
        to: 'if (deadLetters !== undefined) return [dead]',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'system-error-retried',
    breaks: 'C3: a failure that says nothing about the work is not retried',
    edits: [
      { file: AFTER, from: "  if (failureType === SYSTEM_FAILURE) return giveUp('systemError')\n", to: '' },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'single-delivery-retried',
    breaks: 'D1: fire and forget is delivered once',
    edits: [
      {
        file: AFTER,
        from: "  if (wishes.guarantee === 'fireAndForget') return giveUp('singleDelivery')\n",
        to: '',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'expired-is-delivered',
    breaks: 'A7: nothing starts after its time to live',
    edits: [
      {
        file: FOLD,
        from: 'table.setDouble(slot, L.EXPIRES_AT, event.expiresAt)\n    table.setDouble(slot, L.PAYLOAD_REVISION, revision)\n    table.setDouble(slot, L.LAST_REVISION',
        to: 'table.setDouble(slot, L.EXPIRES_AT, event.expiresAt === 0 ? 0 : event.expiresAt + 100)\n    table.setDouble(slot, L.PAYLOAD_REVISION, revision)\n    table.setDouble(slot, L.LAST_REVISION',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'cancel-wins-over-ack',
    breaks: 'A11: work that succeeded has succeeded',
    edits: [
      {
        file: DECIDE,
        from: "      return right([\n        {\n          type: 'AttemptSucceeded',",
        to: "      if (message.cancelRequested !== undefined)\n        return right([\n          { type: 'AttemptReleased', ordinal: message.ordinal, callerId: message.callerId, fence: command.fence, notBefore: 0 },\n          cancelled(message, undefined),\n        ])\n      return right([\n        {\n          type: 'AttemptSucceeded',",
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'wish-to-cancel-forgotten',
    breaks: 'A11: whatever ends the attempt but success cancels the message',
    edits: [
      {
        file: DECIDE,
        from: '  if (cancelRequested !== undefined) return right([failed, cancelled(message, cancelRequested.by)])\n',
        to: '',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'payload-of-the-message-before',
    breaks: 'I10: a payload comes back as it was accepted',
    edits: [
      {
        file: REQUESTS,
        from: "  if (settlement.outcome === 'ack') {\n    context.payloads.drop(slot)\n",
        to: "  if (settlement.outcome === 'ack') {\n",
      },
      {
        file: 'src/engine/payloads.ts',
        from: '    this.drop(slot)\n    const bytes',
        to: '    if (this.kept[slot] !== undefined) return\n    const bytes',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'payload-of-another-revision',
    breaks: 'I10: who replaced a message gets what he put in',
    edits: [
      {
        file: FOLD,
        from: 'table.setDouble(slot, L.PAYLOAD_REVISION, revision)\n    table.setDouble(slot, L.EXPIRES_AT',
        to: 'table.setDouble(slot, L.EXPIRES_AT',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'edit-seen-only-after-restart',
    breaks: 'I10: who replaced a message gets what he put in',
    edits: [
      {
        file: ENQUEUE,
        from: '  payloads.drop(slot)\n  const index = batch.events.length',
        to: '  const index = batch.events.length',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'edit-lost-after-restart',
    breaks: 'I10: who replaced a message gets what he put in',
    edits: [
      {
        file: FOLD,
        from: 'table.setDouble(slot, L.PAYLOAD_REVISION, revision)\n    table.setDouble(slot, L.EXPIRES_AT',
        to: 'table.setDouble(slot, L.EXPIRES_AT',
      },
      {
        file: ENQUEUE,
        from: '  for (const event of decision.right) batch.add(event)\n  return { ordinal, index, replaced: true }',
        to: "  for (const event of decision.right) {\n    batch.add(event)\n    if (event.type === 'MessageEdited') payloads.keep(slot, event)\n  }\n  return { ordinal, index, replaced: true }",
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'replaces-a-running-message',
    breaks: 'A11: only what waits can be changed',
    edits: [
      {
        file: DECIDE,
        from: "if (message.tag !== 'Waiting') return left({ type: 'MessageNotEditable'",
        to: "if (message.tag !== 'Waiting' && message.tag !== 'Leased') return left({ type: 'MessageNotEditable'",
      },
      { file: ENQUEUE, from: '&& !isWaiting(state, first)', to: '&& state.table.slotOf(first) < 0' },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'dedup-window-off',
    breaks: 'A6: one message for each key within the window',
    edits: [
      {
        file: ENQUEUE,
        from: "state.dedup.find('dedup', dedupKey, batch.at, windowMs)",
        to: "state.dedup.find('dedup', dedupKey, batch.at, 0)",
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'finished-ids-forgotten',
    breaks: "A6: a caller's id is known for the window after its message has finished",
    edits: [{ file: FOLD, from: "      this.dedup.remember('id', callerId, ordinal, at)\n", to: '' }],
    foundBy: 'simulation',
  },
  {
    name: 'claim-repeated-anew',
    breaks: 'R28: a claim that is repeated is answered as the first time',
    edits: [
      {
        file: 'src/engine/claimDesk.ts',
        from: '      if (again !== undefined) return again\n',
        to: '',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'idempotency-keys-forgotten',
    breaks: 'A6: one message for each key within the window',
    edits: [
      {
        file: FOLD,
        from: "    if (idempotencyKey !== undefined) this.dedup.remember('idempotency', idempotencyKey, ordinal, at)\n",
        to: '',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'retry-forgets-its-gate',
    breaks: 'C15: a retry waits for the gate that its failure named',
    edits: [
      {
        file: FOLD,
        from: 'if (event.gate !== undefined) {',
        to: 'if (event.gate !== undefined && at < 0) {',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'redriven-keeps-its-time-to-live',
    breaks: 'A7: a redriven message starts anew',
    edits: [
      {
        file: FOLD,
        from: '    table.setDouble(slot, L.EXPIRES_AT, NO_INSTANT)\n    table.setFailureType(slot, undefined)',
        to: '    table.setFailureType(slot, undefined)',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'cancels-what-may-not-be-cancelled',
    breaks: 'A13: the sender may forbid it',
    edits: [
      {
        file: DECIDE,
        from: "    case 'Waiting':\n      if (message.wishes.cancelable === false) return left({ type: 'MessageNotCancelable' })\n",
        to: "    case 'Waiting':\n",
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'wish-not-to-retry-ignored',
    breaks: 'A13: the sender may forbid it',
    edits: [
      {
        file: AFTER,
        from: 'if (!command.retryable || wishes.retryable === false)',
        to: 'if (!command.retryable)',
      },
    ],
    foundBy: 'simulation',
  },
]
