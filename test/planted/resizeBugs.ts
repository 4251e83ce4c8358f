// Mistakes about a queue that is resized (ADR 0013): who takes what, when new partitions are opened, and who shares the limits.
import type { PlantedBug } from './bug.js'

const ENQUEUE = 'src/engine/decideEnqueue.ts'
const LAYOUTS = 'src/engine/layoutsInUse.ts'
const METERS = 'projections/limits/limitMeters.ts'
const RANDOM = 'test/engine/resizing.test.ts'
const STEPS = 'test/engine/resizeSteps.test.ts'

export const RESIZE_BUGS: ReadonlyArray<PlantedBug> = [
  {
    name: 'draining-partition-accepts-everything',
    breaks: '4.1: a partition that drains takes nothing new',
    edits: [
      {
        file: ENQUEUE,
        from: 'if (!context.state.isDraining) return decideEnqueue',
        to: 'if (context.state.epoch > 0) return decideEnqueue',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'groups-not-asked-of-older-partitions',
    breaks: 'B1: a group has one home at a time',
    edits: [
      {
        file: ENQUEUE,
        from: 'context.state.holdsGroup(group)) return true',
        to: 'context.state.holdsGroup(group)) return false',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'dead-letters-do-not-keep-their-group',
    breaks: 'B1: what is redriven runs beside nobody of its group',
    edits: [
      {
        file: 'projections/partition/partitionState.ts',
        from: 'this.groups.has(group) || this.messages.deadGroups.has(group)',
        to: 'this.groups.has(group)',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'replacement-brings-another-group',
    breaks: 'B1: a group has one home at a time',
    edits: [
      {
        file: ENQUEUE,
        from: 'if (!state.isDraining || group === undefined) return false',
        to: 'if (group !== undefined) return false',
      },
    ],
    foundBy: STEPS,
  },
  {
    name: 'keys-forgotten-with-the-last-message',
    breaks: 'A6: one message for each key within the window',
    edits: [
      {
        file: LAYOUTS,
        from: '(state.dedup.size === 0 || state.lastAt + control.config.dedupWindowMs <= now)',
        to: 'control.config.dedupWindowMs <= now',
      },
    ],
    foundBy: STEPS,
  },
  {
    name: 'adoption-not-awaited',
    breaks: '4.1: new partitions are opened when all older ones have recorded that they drain',
    edits: [
      {
        file: LAYOUTS,
        from: 'const older = queue.partitions.slice(0, next.first)\n    // The look',
        to: 'const older = queue.partitions.slice(0, 0)\n    // The look',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'shares-not-split-anew',
    breaks: 'B8: partitions that drain and new ones share the limits',
    edits: [
      {
        file: 'projections/partition/placement.ts',
        from: 'sharersIn(layouts), shareIn',
        to: 'config.partitions, shareIn',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'new-partition-has-its-burst',
    breaks: 'B8: a resize gives nobody a burst',
    edits: [
      {
        file: 'projections/partition/partitionState.ts',
        from: 'isFirst && this.layouts.length > 1',
        to: 'isFirst && this.layouts.length > 99',
      },
    ],
    foundBy: RANDOM,
  },
  {
    name: 'greater-share-is-a-burst',
    breaks: 'B8: a resize gives nobody a burst',
    edits: [
      {
        file: METERS,
        from: 'carried.level + (to.count - from.count) * to.perMs',
        to: 'carried.level',
      },
    ],
    foundBy: RANDOM,
  },
  {
    name: 'claims-from-new-partitions-at-once',
    breaks: 'B8: no more run than the cap says',
    edits: [{ file: LAYOUTS, from: 'if (hasCaps(queue.control)) {', to: 'if (false) {' }],
    foundBy: 'simulation',
  },
  {
    name: 'room-in-new-partitions-counted-twice',
    breaks: 'B8: no more run than the cap says',
    edits: [
      {
        file: LAYOUTS,
        from: 'if (this.claimable > claimable) continue',
        to: 'if (this.claimable > claimable + 99) continue',
      },
    ],
    foundBy: STEPS,
  },
  {
    name: 'what-hinders-an-opening-comes-out',
    breaks: 'I1: what was recorded is told',
    edits: [
      {
        file: 'src/engine/routing.ts',
        from: 'if (error instanceof Defect) throw error',
        to: 'if (error instanceof Error) throw error',
      },
    ],
    foundBy: STEPS,
  },
  {
    name: 'drained-with-dead-letters',
    breaks: '4.1: drained is what holds neither a live message nor a dead letter',
    edits: [
      {
        file: 'projections/partition/partitionState.ts',
        from: 'return this.size === 0 && this.counts.dead === 0',
        to: 'return this.size === 0',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'tenants-at-the-floor-are-listed',
    breaks: 'I6: a state has one hash, from a snapshot or not',
    edits: [
      {
        file: METERS,
        from: '!isAtMost(level, tenantFloor, tenantRate, at)',
        to: '!isEmpty(level, tenantRate, at)',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'drained-is-never-said',
    breaks: '4.1: who is drained gives back its share of the limits',
    edits: [
      {
        file: LAYOUTS,
        from: 'if (!this.seemsEmpty(layout)) continue',
        to: 'if (layout.first >= 0) continue',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'drained-layouts-not-adopted',
    breaks: '4.1: a partition adopts the layouts as the control stream has them',
    edits: [
      {
        file: 'src/engine/adoptControl.ts',
        from: '!isSame(layouts, state.layouts)',
        to: 'layouts.length !== state.layouts.length',
      },
    ],
    foundBy: 'simulation',
  },
]
