// The order of a queue by its configuration (B4). docs/ordering.md has the bounds and prices side by side.
import { AdaptiveOrder } from './adaptiveOrder.js'
import { FifoOrder } from './fifoOrder.js'
import { LifoOrder } from './lifoOrder.js'
import { PriorityOrder } from './priorityOrder.js'
import type { ReadyFacts, ReadyOrder } from './readyOrder.js'
import { type BandShares, WeightedOrder } from './weightedOrder.js'

export type OrderSettings = Readonly<{
  order: 'priority' | 'fifo' | 'lifo' | 'weighted' | 'adaptive'
  bandShares: BandShares
}>

export const newOrder = ({ order, bandShares }: OrderSettings, facts: ReadyFacts): ReadyOrder => {
  switch (order) {
    case 'priority':
      return new PriorityOrder(facts)
    case 'fifo':
      return new FifoOrder(facts)
    case 'lifo':
      return new LifoOrder(facts)
    case 'weighted':
      return new WeightedOrder(facts, bandShares)
    case 'adaptive':
      return new AdaptiveOrder(facts)
  }
}
