// What the control stream says comes into a partition by events of its own, before the first decision that follows it (§4.2).
import type { Layouts, QueueControl } from '../../domain/queue/index.js'
import type { PartitionState } from '../../projections/partition/index.js'
import type { OpenBatch } from './openBatch.js'

export const adoptControl = (batch: OpenBatch, state: PartitionState, control: QueueControl): void => {
  if (state.controlRevision === control.revision) return
  const { config, paused, switches, layouts, revision: controlRevision } = control
  if (layouts.length > 1 && !isSame(layouts, state.layouts)) batch.add({ type: 'LayoutsAdopted', layouts })
  batch.add({ type: 'ConfigAdopted', controlRevision, config, paused, switches })
}

/** They only grow in number, and each is drained once. */
const isSame = (one: Layouts, other: Layouts): boolean =>
  one.length === other.length && one.every(({ isDrained }, n) => isDrained === other[n]?.isDrained)
