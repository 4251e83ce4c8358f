// Where a partition stands among the others, told again from what it has adopted (§4.1, ADR 0013): its layout, whether that drains,
// which keys are at home in it, and its share of each limit.
import type { LedgerEvent } from '../../domain/batch.js'
import type { MessageEnqueued } from '../../domain/message/index.js'

type Must = (holds: boolean, rule: string) => void
export type ToldLayout = Readonly<{ first: number; partitions: number; isDrained: boolean }>
type ToldLayouts = ReadonlyArray<ToldLayout>
type LayoutsAdopted = Extract<LedgerEvent, { type: 'LayoutsAdopted' }>

export const isIn = ({ first, partitions }: ToldLayout, partition: number): boolean =>
  partition >= first && partition < first + partitions

const spelt = (layouts: ToldLayouts): string =>
  layouts.map(({ first, partitions, isDrained }) => `${first}+${partitions}${isDrained ? 'd' : ''}`).join()

/** What a message is routed by. */
export const routingKey = ({
  callerId,
  attributes,
}: Pick<MessageEnqueued, 'callerId' | 'attributes'>): string | undefined =>
  attributes?.group ?? attributes?.dedupKey ?? callerId ?? attributes?.idempotencyKey

export class Place {
  /** As adopted; empty before the first. */
  layouts: ToldLayouts = []

  constructor(
    private readonly partition: number,
    private readonly must: Must,
  ) {}

  layoutsAdopted({ layouts }: LayoutsAdopted): void {
    const before = this.layouts.length
    this.must(layouts.length >= before, `4.1 it knew ${before} layouts, and now ${layouts.length}`)
    this.layouts = layouts
  }

  /** What the control stream said at the revision that is adopted now. */
  configAdopted(told: ToldLayouts): void {
    if (told.length === 1) this.layouts = told
    const [mine, theirs] = [spelt(this.layouts), spelt(told)]
    this.must(mine === theirs, `4.1 it adopts a configuration with the layouts ${mine}, not ${theirs}`)
  }

  private get own(): ToldLayout | undefined {
    return this.layouts.find((layout) => isIn(layout, this.partition))
  }

  get isDraining(): boolean {
    return this.layouts.length > 1 && this.own !== this.layouts.at(-1)
  }

  /** What belongs together is in one partition of a layout: FNV-1a of its group, key or id. */
  mustBeHome(event: MessageEnqueued): void {
    const key = routingKey(event)
    const { own } = this
    if (key === undefined || own === undefined) return
    let hash = 2_166_136_261n
    for (const char of key) hash = ((hash ^ BigInt(char.charCodeAt(0))) * 16_777_619n) % 4_294_967_296n
    const home = own.first + Number(hash % BigInt(own.partitions))
    this.must(home === this.partition, `A2 message ${event.ordinal} of ${key} belongs to partition ${home}`)
  }

  /** 10 over 4 partitions are 3, 3, 2 and 2; those that are drained have no part in it. */
  shareOf(limit: number): number {
    const { number, of } = this.sharing()
    if (limit === Number.POSITIVE_INFINITY) return limit
    let share = 0
    for (let n = number; n < limit; n += of) share++
    return share
  }

  sharing(): Readonly<{ number: number; of: number }> {
    const sharers: number[] = []
    for (const { first, partitions, isDrained } of this.layouts)
      if (!isDrained) for (let n = 0; n < partitions; n++) sharers.push(first + n)
    const number = sharers.indexOf(this.partition)
    // Drained, it has nothing to start.
    return { number: number < 0 ? Number.POSITIVE_INFINITY : number, of: Math.max(1, sharers.length) }
  }
}
