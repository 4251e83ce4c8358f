// Mistakes of what runs around the partitions: schedules, follow-ups, and what a handler's answer means.
import type { PlantedBug } from './bug.js'

const SCHEDULES = 'src/schedules/queueSchedules.ts'

export const PROCESS_BUGS: ReadonlyArray<PlantedBug> = [
  {
    name: 'schedule-ticks-twice',
    breaks: 'B5: one message for each planned instant',
    edits: [
      {
        file: SCHEDULES,
        from: 'if (instant > doubtUntil) return Promise.resolve(false)',
        to: 'if (instant > 0) return Promise.resolve(false)',
      },
    ],
    foundBy: 'test/schedules/scheduler.test.ts',
  },
  {
    name: 'schedule-never-ticks',
    breaks: 'B5: one message for each planned instant',
    edits: [
      {
        file: SCHEDULES,
        from: 'if (nextAt <= now && notBeforeTick <= tick) names.push(name)',
        to: 'if (nextAt < notBeforeTick && notBeforeTick <= tick) names.push(name)',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'schedule-skips-an-interval',
    breaks: 'B5: one message for each planned instant',
    edits: [
      {
        file: 'domain/schedule/ticks.ts',
        from: '(Math.floor((at - from) / everyMs) + 1) * everyMs',
        to: '(Math.floor((at - from) / everyMs) + 2) * everyMs',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'follow-up-cursor-early',
    breaks: 'C9: a follow-up is enqueued, whatever dies in between',
    edits: [
      {
        file: 'src/engine/followUps.ts',
        from: 'position = Math.min(position, one.position)',
        to: 'position = Math.max(position, one.position)',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'follow-up-enqueued-twice',
    breaks: 'C9: one message for each follow-up',
    edits: [
      {
        file: 'src/engine/followUpDelivery.ts',
        from: 'return share.filter((numbered) => !found.has(numbered))',
        to: 'return share',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'partial-failure-acks-all',
    breaks: 'B6: only what succeeded is acked',
    edits: [{ file: 'src/worker/batchOutcome.ts', from: 'named.get(id) ?? rest', to: 'rest' }],
    foundBy: 'test/worker/batchOutcome.test.ts',
  },
  {
    name: 'reconcile-ignored',
    breaks: 'C5: what has happened is not done again',
    edits: [
      {
        file: 'src/worker/composedHandler.ts',
        from: 'if (!context.inDoubt) return run(message, context)',
        to: 'if (message !== undefined) return run(message, context)',
      },
    ],
    foundBy: 'test/worker/beforeAndAfter.test.ts',
  },
  {
    name: 'reconciles-every-time',
    breaks: 'C5: a first attempt is not asked about',
    edits: [
      {
        file: 'src/worker/composedHandler.ts',
        from: 'if (!context.inDoubt) return run(message, context)',
        to: 'if (message === undefined) return run(message, context)',
      },
    ],
    foundBy: 'test/worker/beforeAndAfter.test.ts',
  },
]
