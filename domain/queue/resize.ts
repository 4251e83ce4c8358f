// Another number of partitions for a queue that works (§4.1, ADR 0013): whether it may have it, and when an older layout is empty.
import { type Either, left, right } from 'fp-ts/lib/Either.js'
import type { Actor } from '../message/index.js'
import { type QueueSettingsRefusal, sharesProblem } from './config.js'
import type { QueueControl } from './decide.js'
import type { ControlEvent } from './events.js'
import { LAYOUTS_MAX, sharersIn } from './layouts.js'
import { settingProblem } from './settingRules.js'

export type ResizeRefusal = QueueSettingsRefusal | Readonly<{ type: 'TooManyResizes'; max: number }>

/** The same number again is nothing to do. Earlier layouts may be draining still: each has its share of the limits until then. */
export const resizeQueue = (
  { config, layouts }: QueueControl,
  partitions: number,
  by: Actor | undefined,
): Either<ResizeRefusal, ReadonlyArray<ControlEvent>> => {
  const problem = settingProblem('partitions', partitions)
  if (problem !== undefined) return left({ type: 'QueueSettingsInvalid', ...problem })
  if (partitions === config.partitions) return right([])
  if (layouts.length >= LAYOUTS_MAX) return left({ type: 'TooManyResizes', max: LAYOUTS_MAX - 1 })
  const sharers = sharersIn(layouts) + partitions
  const refusal = sharesProblem(config.limits, sharers, 'partition until the older ones are drained')
  return refusal ?? right([{ type: 'QueueResized', partitions, by }])
}

/** Once for each layout, and never for the active one. */
export const drainLayout = ({ layouts }: QueueControl, first: number): ReadonlyArray<ControlEvent> => {
  const place = layouts.findIndex((layout) => layout.first === first)
  const isDue = place >= 0 && place < layouts.length - 1 && layouts[place]?.isDrained === false
  return isDue ? [{ type: 'LayoutDrained', first }] : []
}
