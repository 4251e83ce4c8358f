// Mistakes that show only when several processes share a log, a queue has several partitions, or its configuration changes
// while it runs.
import type { PlantedBug } from './bug.js'

const ENGINE = 'src/engine/queueEngine.ts'
const CLAIMS = 'src/engine/queueClaims.ts'
const PARTITION = 'src/engine/partition.ts'
const REQUESTS = 'src/engine/decideRequests.ts'
const METERS = 'projections/limits/limitMeters.ts'
const STATE = 'projections/partition/partitionState.ts'
const BOARD = 'projections/circuits/circuitBoard.ts'
const LANES = 'projections/lanes/readyLanes.ts'
const ENQUEUE = 'src/engine/decideEnqueue.ts'

export const NODE_BUGS: ReadonlyArray<PlantedBug> = [
  {
    name: 'older-configuration-adopted',
    breaks: 'R67: a configuration is never taken back',
    edits: [
      {
        file: PARTITION,
        from: 'if (state.controlRevision > this.control.revision) this.control = await this.readControl()',
        to: '',
      },
      {
        file: PARTITION,
        from: '!(state.controlRevision > this.control.revision),',
        to: 'state !== undefined,',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'living-worker-taken-for-dead',
    breaks: 'C13: who is said to be dead is certainly dead',
    edits: [
      {
        file: REQUESTS,
        from: 'if (!isCertainlyDead(table.workers.name(table.int(slot, L.WORKER)))) continue',
        to: "if (isCertainlyDead('') || !table.workers.name(table.int(slot, L.WORKER)).startsWith('local:')) continue",
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'leases-keep-the-ticks-of-another-process',
    breaks: 'I3: a take-over grants leases anew',
    edits: [
      {
        file: 'src/engine/partitionWriter.ts',
        from: 'this.state.regrantLeases(this.deps.clock.tickMs())',
        to: 'this.state.regrantLeases(0)',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'conflict-told-as-unknown-and-repeated',
    breaks: 'I2: a stale writer steps down',
    edits: [
      {
        file: 'src/engine/appendLoop.ts',
        from: "if (fault.type === 'RevisionConflict') return result\n",
        to: "if (fault.type === 'RevisionConflict') {\n      const again = await log.append(stream, fault.actual, batch)()\n      return isRight(again) ? again : result\n    }\n",
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'unknown-claim-told-as-definite',
    breaks: 'I1: a claim of unknown outcome is told as one',
    edits: [{ file: CLAIMS, from: "        if (reply.left.kind === 'unknown') return reply\n", to: '' }],
    foundBy: 'test/engine/partitions.test.ts',
  },
  {
    name: 'known-claim-not-looked-for',
    breaks: 'R28: a repeated claim is given the same messages',
    edits: [
      {
        file: CLAIMS,
        from: 'const known = wish.claimId === undefined ? undefined : await this.partitionOfClaim(wish.claimId)',
        to: 'const known = wish.claimId === undefined ? undefined : await Promise.resolve(undefined)',
      },
    ],
    foundBy: 'test/engine/partitions.test.ts',
  },
  {
    name: 'routed-by-key-before-group',
    breaks: '§4.1: a group is in one partition',
    edits: [
      {
        file: 'src/engine/routing.ts',
        from: 'attributes?.group ?? attributes?.dedupKey ?? callerId',
        to: 'attributes?.dedupKey ?? attributes?.group ?? callerId',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'routing-hash-changed',
    breaks: '§4.1: a message belongs to the same partition for ever',
    edits: [{ file: 'domain/ids.ts', from: '(hash >>> 0) % partitions', to: '(hash >>> 1) % partitions' }],
    foundBy: 'simulation',
  },
  {
    name: 'cap-not-shared',
    breaks: 'B8: partitions keep their share of a cap',
    edits: [
      {
        file: METERS,
        from: 'shareOf(cap.concurrencyMax, partitions, partition)',
        to: 'shareOf(cap.concurrencyMax, 1, partition * partitions)',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'rate-not-shared',
    breaks: 'B8: partitions keep their share of a rate',
    edits: [
      {
        file: METERS,
        from: 'count: shareOf(cap.rate.count, partitions, partition)',
        to: 'count: shareOf(cap.rate.count, 1, partition * partitions)',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'shares-rounded-up',
    breaks: 'B8: shares add up to the limit',
    edits: [
      {
        file: 'projections/limits/share.ts',
        from: '(partition < limit % partitions ? 1 : 0)',
        to: '(limit % partitions === 0 || partition < 0 ? 0 : 1)',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'new-settings-wait-for-a-restart',
    breaks: 'R67: a partition adopts what has changed',
    edits: [
      {
        file: ENGINE,
        from: 'for (const partition of this.partitions) partition.setControl(control)',
        to: 'for (const partition of this.partitions.slice(1)) partition.setControl(control)',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'settings-change-but-not-the-limits',
    breaks: 'R67: limits hold from the revision that adopts them',
    edits: [
      {
        file: STATE,
        from: '        this.config = event.config\n',
        to: '        this.config = { ...event.config, limits: Number.isNaN(this.controlRevision) ? event.config.limits : this.config.limits }\n',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'lowered-attempts-not-heeded',
    breaks: 'R67: what fails from now on is judged by the new policy',
    edits: [
      {
        file: STATE,
        from: '        this.config = event.config\n',
        to: '        this.config = { ...event.config, failures: Number.isNaN(this.controlRevision) ? event.config.failures : this.config.failures }\n',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'forced-open-circuit-ignored',
    breaks: 'C6: nothing starts where an operator has opened the circuit',
    edits: [
      {
        file: BOARD,
        from: "if (word !== undefined) return word === 'closed'",
        to: 'if (word !== undefined) return true',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'forced-circuit-moves-by-itself',
    breaks: "C6: an operator's word outranks the machine",
    edits: [
      {
        file: BOARD,
        from: 'if (state === undefined || this.settings === null || this.forced.has(circuit)) return []',
        to: 'if (state === undefined || this.settings === null) return []',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'tenants-without-turns',
    breaks: 'B8: tenants take turns',
    edits: [{ file: LANES, from: '    this.round.toBack(turn.tenant)\n', to: '' }],
    foundBy: 'simulation',
  },
  {
    name: 'lanes-without-turns',
    breaks: 'B8: the lanes of a tenant take turns',
    edits: [{ file: LANES, from: '    turn.tenant.lanes.toBack(turn)\n', to: '' }],
    foundBy: 'simulation',
  },
  {
    name: 'load-shedding-off',
    breaks: 'C10: under load the unimportant is turned away',
    edits: [{ file: ENQUEUE, from: 'if (shedAbovePercent >= 100 ||', to: 'if (shedAbovePercent >= 0 ||' }],
    foundBy: 'simulation',
  },
  {
    name: 'load-shed-one-too-late',
    breaks: 'C10: under load the unimportant is turned away',
    edits: [
      {
        file: ENQUEUE,
        from: 'state.size * 100 < maxSize * shedAbovePercent',
        to: 'state.size * 100 <= maxSize * shedAbovePercent',
      },
    ],
    foundBy: 'simulation',
  },
]
