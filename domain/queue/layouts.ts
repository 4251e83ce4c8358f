// Which partitions a queue has had (§4.1, ADR 0013). A resize opens partitions with new numbers: the last layout takes what is new,
// the others drain. Numbers are never used again, so that a partition's number in an id, a token or a stream keeps its meaning.
export type Layout = Readonly<{
  /** Number of its first partition; the others follow. */
  first: number
  partitions: number
  /** No live message and no dead letter is left in it, and none will come. */
  isDrained: boolean
}>
/** The last one is active. */
export type Layouts = ReadonlyArray<Layout>

/** They are asked one after the other for messages with a key, and their partitions stay open: they stay few. */
export const LAYOUTS_MAX = 16

export const layoutsAtCreation = (partitions: number): Layouts => [{ first: 0, partitions, isDrained: false }]

const activeLayout = (layouts: Layouts): Layout | undefined => layouts[layouts.length - 1]

/** Partitions that there are, drained ones included. */
export const partitionsIn = (layouts: Layouts): number => {
  const active = activeLayout(layouts)
  return active === undefined ? 0 : active.first + active.partitions
}

/** Partitions that share the limits: those that are not drained. */
export const sharersIn = (layouts: Layouts): number =>
  layouts.reduce((sum, { partitions, isDrained }) => (isDrained ? sum : sum + partitions), 0)

/** Which share of the limits is a partition's, counted from 0; a drained one has nothing to start, and stands behind all. */
export const shareIn = (layouts: Layouts, partition: number): number => {
  let before = 0
  for (const { first, partitions, isDrained } of layouts) {
    if (isDrained) continue
    if (partition >= first && partition < first + partitions) return before + partition - first
    before += partitions
  }
  return before
}

/** It takes nothing but what belongs to what it holds. */
export const isDraining = (layouts: Layouts, partition: number): boolean =>
  partition < (activeLayout(layouts)?.first ?? 0)

export const isDrained = (layouts: Layouts, partition: number): boolean =>
  layouts.some(
    (layout) => layout.isDrained && partition >= layout.first && partition < layout.first + layout.partitions,
  )

/** Layouts that hold messages still, and take nothing new. */
export const drainingIn = (layouts: Layouts): Layouts =>
  layouts.slice(0, -1).filter((layout) => !layout.isDrained)

export const withLayout = (layouts: Layouts, partitions: number): Layouts => [
  ...layouts,
  { first: partitionsIn(layouts), partitions, isDrained: false },
]

export const withDrained = (layouts: Layouts, first: number): Layouts =>
  layouts.map((layout) => (layout.first === first ? { ...layout, isDrained: true } : layout))
