// Mistakes between a decision and the log, and between the log and the state.
import type { PlantedBug } from './bug.js'

const WRITER = 'src/engine/partitionWriter.ts'
const SNAPSHOT = 'projections/partition/snapshotForm.ts'

export const LOG_BUGS: ReadonlyArray<PlantedBug> = [
  {
    name: 'ack-before-durable',
    breaks: 'I1: ok is durable',
    edits: [
      {
        file: WRITER,
        from: 'this.answerWhenDurable(batch, request.answer, () => results)',
        to: 'request.answer(answered(results, this.appends.durableRevision, this.appends.durablePosition))',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'enqueue-before-durable',
    breaks: 'I1: ok is durable',
    edits: [
      {
        file: WRITER,
        from: 'this.answerWhenDurable(batch, request.answer, (at) =>',
        to: 'this.answerAtOnce(request.answer, (at) =>',
      },
      {
        file: WRITER,
        from: '  private send(): void {',
        to: '  private answerAtOnce<A>(answer: Answer<A>, value: (at: Places) => A): void {\n    answer(answered(value((index) => index), 0, 0))\n  }\n\n  private send(): void {',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'repeat-with-another-batch-id',
    breaks: 'I2: the repeat of an unanswered append is identical',
    edits: [
      {
        file: 'src/engine/appendLoop.ts',
        from: 'await log.append(stream, expectedRevision, batch)()',
        to: 'await log.append(stream, expectedRevision, { ...batch, batchId: `${batch.batchId}.${repeat}` })()',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'unknown-told-as-definite',
    breaks: 'I1: a definite failure never shows up in the log',
    edits: [
      {
        file: 'src/engine/appendLoop.ts',
        from: "return repeat === 0 ? result : left({ type: 'OutcomeUnknown', reason: describeAppendFault(fault) })",
        to: 'return result',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'batch-ids-from-stream-and-revision',
    breaks: 'I2: batch ids are unique for each term',
    edits: [{ file: WRITER, from: 'this.term = deps.ids.unique()', to: 'this.term = this.stream' }],
    foundBy: 'simulation',
  },
  {
    name: 'time-goes-back',
    breaks: 'I9: recorded time never goes back',
    edits: [{ file: 'src/engine/logClock.ts', from: '    return this.lastAt\n', to: '    return wall\n' }],
    foundBy: 'simulation',
  },
  {
    name: 'replay-forgets-an-extension',
    breaks: 'I6: replay is the live state',
    edits: [
      {
        file: 'projections/partition/messageFold.ts',
        from: 'table.setInt(slot, L.LEASE_MS, event.leaseMs)\n        this.placement.leases',
        to: 'if (tick > 0) table.setInt(slot, L.LEASE_MS, event.leaseMs)\n        this.placement.leases',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'replay-skips-an-event',
    breaks: 'I6: replay is the live state',
    edits: [
      {
        file: 'src/engine/recovery.ts',
        from: 'if (event !== undefined) state.apply',
        to: "if (event?.type === 'CancelRequested') state.nextRevision++\n        else if (event !== undefined) state.apply",
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'snapshot-drops-dedup-keys',
    breaks: 'I6: snapshot and tail are the live state',
    edits: [
      {
        file: SNAPSHOT,
        from: 'this.chunkCount = this.tableChunks + this.dedup.chunkCount',
        to: 'this.chunkCount = this.tableChunks',
      },
      {
        file: SNAPSHOT,
        from: 'dedup: { chunks: dedup.chunkCount, keys: dedup.keys },',
        to: 'dedup: { chunks: 0, keys: 0 },',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'snapshot-drops-claim-ids',
    breaks: 'I6: snapshot and tail are the live state',
    edits: [{ file: SNAPSHOT, from: 'claimIds: state.claimIds.list(),', to: 'claimIds: [],' }],
    foundBy: 'simulation',
  },
  {
    name: 'snapshot-drops-meters',
    breaks: 'I6: snapshot and tail are the live state',
    edits: [
      {
        file: SNAPSHOT,
        from: 'limits: state.limits.list(state.lastAt),',
        to: 'limits: { queue: undefined, tenants: [] },',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'snapshot-drops-circuits',
    breaks: 'I6: snapshot and tail are the live state',
    edits: [{ file: SNAPSHOT, from: 'circuits: state.circuits.snapshot(),', to: 'circuits: [],' }],
    foundBy: 'simulation',
  },
  {
    name: 'snapshot-misses-a-change',
    breaks: 'I6: snapshot and tail are the live state',
    edits: [
      {
        file: SNAPSHOT,
        from: 'state.toldFull = header.toldFull',
        to: 'state.toldFull = false',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'failed-append-told-ok',
    breaks: 'I1: ok is durable',
    edits: [
      {
        file: WRITER,
        from: 'for (const waiting of batch.waiting) waiting({ ok: false, failure: why })',
        to: 'for (const waiting of batch.waiting) waiting({ ok: true, firstRevision: 0, position: 0 })',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'hands-out-what-is-not-in-the-log',
    breaks: 'I1: what is handed out is durable as an attempt',
    edits: [
      {
        file: 'src/engine/claimDesk.ts',
        from: "      if (!outcome.ok) return request.answer({ _tag: 'Left', left: outcome.failure })\n      const { firstRevision, position } = outcome\n",
        to: '      const { firstRevision, position } = outcome.ok ? outcome : { firstRevision: 0, position: 0 }\n',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'epoch-not-raised',
    breaks: 'I2: each term has an epoch of its own',
    edits: [
      { file: WRITER, from: 'epoch: this.state.epoch + 1,', to: 'epoch: Math.max(1, this.state.epoch),' },
    ],
    foundBy: 'simulation',
  },
]
