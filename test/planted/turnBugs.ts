// Mistakes about which message is next, and how many may be there or run: orders, groups, caps, rates, room, pauses, gates.
import type { PlantedBug } from './bug.js'

const GROUPS = 'projections/groups/groupOrder.ts'
const METERS = 'projections/limits/limitMeters.ts'
const ENQUEUE = 'src/engine/decideEnqueue.ts'
const OVERFLOW = 'src/engine/overflow.ts'

export const TURN_BUGS: ReadonlyArray<PlantedBug> = [
  {
    name: 'two-of-a-group-run',
    breaks: 'B1: one at a time in a group',
    edits: [{ file: GROUPS, from: 'group.running > 0 || group.isPaused', to: 'group.isPaused' }],
    foundBy: 'simulation',
  },
  {
    name: 'redriven-goes-to-the-end-of-its-group',
    breaks: 'B1: a group keeps the order of its enqueues',
    edits: [
      {
        file: GROUPS,
        from: 'if (group.tail >= 0 && table.double(group.tail, ORDINAL) > ordinal) {',
        to: 'if (group.tail >= 0 && table.double(group.tail, ORDINAL) > ordinal + 1e9) {',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'paused-group-runs',
    breaks: 'B1: a paused group offers nothing',
    edits: [{ file: GROUPS, from: 'group.running > 0 || group.isPaused', to: 'group.running > 0' }],
    foundBy: 'simulation',
  },
  {
    name: 'paused-queue-hands-out',
    breaks: 'A10: a paused queue hands out nothing',
    edits: [
      {
        file: 'src/engine/partitionWriter.ts',
        from: 'if (!this.control.paused) this.claims.serve',
        to: 'this.claims.serve',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'gate-ignored',
    breaks: 'C15: nothing starts behind a closed gate',
    edits: [
      {
        file: 'projections/lanes/laneDoors.ts',
        from: 'return gate === undefined || !this.closedGates.has(gate)',
        to: 'return gate === undefined || this.closedGates.size >= 0',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'cap-off-by-one',
    breaks: 'B8: no more run than the cap says',
    edits: [{ file: METERS, from: 'if (running >= this.queueMax)', to: 'if (running > this.queueMax)' }],
    foundBy: 'simulation',
  },
  {
    name: 'cap-of-a-tenant-off-by-one',
    breaks: 'B8: no more of a tenant run than the cap says',
    edits: [{ file: METERS, from: 'if (running >= this.tenantMax)', to: 'if (running > this.tenantMax)' }],
    foundBy: 'simulation',
  },
  {
    name: 'rate-ignored',
    breaks: 'B8: starts keep to the rate',
    edits: [
      {
        file: METERS,
        from: 'return this.queueRate === undefined ? at : opensAt(this.queueLevel, this.queueRate, at)',
        to: 'return at',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'rate-forgets-a-start',
    breaks: 'B8: starts keep to the rate',
    edits: [
      {
        file: 'projections/limits/rateMeter.ts',
        from: 'level: leaked(level, rate, at) + rate.perMs,',
        to: 'level: Math.max(rate.perMs, leaked(level, rate, at)),',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'priority-ignored',
    breaks: 'B4: the highest priority first',
    edits: [
      {
        file: 'projections/partition/messageFold.ts',
        from: 'table.setInt(slot, L.PRIORITY, event.priority)\n    if (callerId',
        to: 'table.setInt(slot, L.PRIORITY, Math.min(0, event.priority))\n    if (callerId',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'weighted-starves-low',
    breaks: 'B4: each band has its turn',
    edits: [
      {
        file: 'projections/ready/weightedOrder.ts',
        from: '      if (until >= least) continue\n',
        to: '      if (until >= least && !Number.isNaN(next)) continue\n      if (!Number.isNaN(next)) break\n',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'one-message-too-many',
    breaks: 'A9: no more wait and run than there is room for',
    edits: [
      {
        file: ENQUEUE,
        from: 'if (size + messages.length <= maxSize) return undefined',
        to: 'if (size + messages.length <= maxSize + 1) return undefined',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'overflow-drops-running',
    breaks: 'A9: what runs is not dropped',
    edits: [
      {
        file: OVERFLOW,
        from: 'slot < 0 || table.int(slot, L.TAG) !== L.TAG_WAITING) continue',
        to: 'slot < 0 || table.int(slot, L.TAG) === L.TAG_DEAD) continue',
      },
      {
        file: OVERFLOW,
        from: '    if (table.int(slot, L.TAG) !== L.TAG_WAITING) continue\n    const priority',
        to: '    if (table.int(slot, L.TAG) === L.TAG_FREE) continue\n    const priority',
      },
      {
        file: 'domain/message/decide.ts',
        from: "      break\n    case 'Leased':\n",
        to: "      break\n    case 'Leased':\n      return purged(command, message)\n",
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'overflow-drops-the-important',
    breaks: 'A9: the lowest priority makes room, for higher ones only',
    edits: [
      {
        file: OVERFLOW,
        from: 'if (candidate.priority >= below) return undefined',
        to: 'if (candidate.priority > below) return undefined',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'group-runs-two-after-restart',
    breaks: 'B1: one at a time in a group',
    edits: [
      {
        file: 'projections/partition/placement.ts',
        from: '    this.groups.stepBack(slot)\n    this.regroup(group)\n',
        to: '',
      },
    ],
    foundBy: 'test/engine/groupsAfterRestart.test.ts',
  },
  {
    name: 'started-member-stays-aside-in-a-replay',
    breaks: 'B1: the head of a group that comes back to wait blocks it',
    edits: [
      {
        file: 'projections/partition/placement.ts',
        from: '    this.groups.stepBack(slot)\n    this.regroup(group)\n',
        to: '    this.regroup(group)\n',
      },
    ],
    foundBy: 'test/engine/policyChange.test.ts',
  },
  {
    name: 'duplicate-needs-room',
    breaks: 'A9: who brings nothing new needs no room',
    edits: [{ file: ENQUEUE, from: 'if (count === 0 || missing <= 0)', to: 'if (missing <= 0)' }],
    foundBy: 'simulation',
  },
  {
    name: 'rate-of-a-tenant-ignored',
    breaks: 'B8: starts of a tenant keep to the rate',
    edits: [
      {
        file: METERS,
        from: 'return opensAt(this.levelOf(tenant), this.tenantRate, at)',
        to: 'return at',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'lifo-forgets-who-came-back',
    breaks: 'B4: what comes back goes to the place that its order gives it',
    edits: [
      {
        file: 'projections/ready/lifoOrder.ts',
        from: 'if (ordinal > last || Number.isNaN(last)) this.stack.push(ordinal)',
        to: 'if (ordinal > 0 || Number.isNaN(last)) this.stack.push(ordinal)',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'adaptive-forgets-age',
    breaks: 'B4: priorities grow with waiting',
    edits: [
      {
        file: 'projections/ready/adaptiveOrder.ts',
        from: 'const effective = priority + (at - queue.key()) / stepMs',
        to: 'const effective = priority + 0 * stepMs * (at - queue.key())',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'doubtful-waits-behind-others',
    breaks: 'C13: what its worker may have died of comes first, and alone',
    edits: [
      {
        file: 'src/engine/claimDesk.ts',
        from: '    if (inDoubt >= 0) {\n      if (!request.mayRunInDoubt) return []',
        to: '    if (inDoubt >= 0 && state.nextReady(at) < 0) {\n      if (!request.mayRunInDoubt) return []',
      },
    ],
    foundBy: 'simulation',
  },
]
