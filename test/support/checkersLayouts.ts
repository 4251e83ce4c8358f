// A queue that is resized, told again as a whole (§4.1, ADR 0013): its partitions and its control stream in the order of the log. What
// a partition says of itself is the story's (checkers.ts); here it is held against what the others say just then.
import type { LedgerEvent, RecordedBatch } from '../../domain/batch.js'
import type { Limits } from '../../domain/queue/index.js'
import type { Story } from './checkers.js'
import { ANYWHERE, type Calls, type EnqueueCall } from './checkersCalls.js'
import type { Control } from './checkersControl.js'
import { isIn, routingKey, type ToldLayout } from './checkersPlace.js'

type Enqueued = Extract<LedgerEvent, { type: 'MessageEnqueued' }>
type Edited = Extract<LedgerEvent, { type: 'MessageEdited' }>
type Holder = Readonly<{ story: Story; ordinal: number; at: number }>
type Start = Readonly<{ at: number; tenant: string | undefined }>

/** Of a queue that may have been resized. */
export type Resized = Readonly<{
  control: ReadonlyArray<RecordedBatch>
  /** All clocks agreed all the time, so times of several partitions can be compared. */
  isOneClock: boolean
  /** All is healed, and nothing goes on any more. */
  isOver: boolean
}>

const holds = (story: Story, group: string): boolean =>
  [...story.live.values()].some(({ attributes }) => attributes.group === group)

class Together {
  readonly broken: string[] = []
  readonly seen = new Map<string, number>()
  private layouts: ToldLayout[]
  /** Who was let in under a name, latest last. */
  private readonly holders = new Map<string, Holder[]>()
  private readonly starts: Start[] = []
  private heldBefore = new Set<string>()
  private readonly replacing: ReadonlySet<string>

  constructor(
    private readonly stories: ReadonlyArray<Story>,
    private readonly controls: ReadonlyArray<Control>,
    calls: Calls,
    private readonly isOneClock: boolean,
  ) {
    this.layouts = [...(controls[0]?.layouts ?? [])]
    const asked = calls.enqueues.flatMap(({ messages }) => messages)
    const latest = asked.filter(({ dedupMode }) => dedupMode !== undefined)
    this.replacing = new Set(latest.map(({ payload }) => payload))
  }

  private must(story: Story, isSo: boolean, rule: string): void {
    story.must(isSo, rule)
  }

  private saw(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
  }

  control(event: LedgerEvent): void {
    if (event.type === 'QueueResized' || event.type === 'LayoutDrained') this.saw(event.type)
    if (event.type === 'QueueResized') this.resized(event.partitions)
    if (event.type === 'LayoutDrained') this.drained(event.first)
  }

  private resized(partitions: number): void {
    const isAgain = this.layouts.slice(0, -1).some(({ isDrained }) => !isDrained)
    if (isAgain) this.saw('resized while older partitions drain')
    const first = this.layouts.reduce((sum, layout) => sum + layout.partitions, 0)
    this.layouts.push({ first, partitions, isDrained: false })
  }

  private drained(first: number): void {
    const place = this.layouts.findIndex((layout) => layout.first === first)
    const layout = this.layouts[place]
    const isOlder = layout !== undefined && place < this.layouts.length - 1 && !layout.isDrained
    if (!isOlder) this.broken.push(`4.1 the layout from ${first} is said to be drained`)
    if (layout === undefined) return
    for (const story of this.stories) {
      if (!isIn(layout, story.partition)) continue
      this.must(story, story.live.size === 0, `4.1 drained, and it holds ${[...story.live.keys()]}`)
      const knows = story.place.isDraining
      this.must(story, knows, '4.1 drained, and it has not recorded that it drains')
    }
    this.layouts[place] = { ...layout, isDrained: true }
  }

  batchBegins(story: Story): void {
    this.heldBefore = new Set()
    if (!story.place.isDraining) return
    for (const { attributes } of story.live.values())
      if (attributes.group !== undefined) this.heldBefore.add(attributes.group)
  }

  /** Nothing of it has changed the story yet. */
  take(story: Story, event: LedgerEvent, at: number): void {
    switch (event.type) {
      case 'PartitionOpened':
        return this.opened(story)
      case 'MessageEnqueued':
        return this.enqueued(story, event, at)
      case 'MessageEdited':
        if (event.cause !== 'operator') this.replaced(story, event, at)
        return
      case 'AttemptStarted':
        return this.started(story, event.ordinal, at)
    }
  }

  private opened(story: Story): void {
    const place = this.layouts.findIndex((layout) => isIn(layout, story.partition))
    if (place < 0) return this.must(story, false, '4.1 a partition that no layout has')
    for (const older of this.stories.slice(0, this.layouts[place]?.first ?? 0))
      this.must(
        story,
        older.place.layouts.length > place,
        `4.1 opened before partition ${older.partition} has recorded that it drains`,
      )
  }

  private enqueued(story: Story, event: Enqueued, at: number): void {
    const group = event.attributes?.group
    const { ordinal } = event
    const layout = this.layouts.find((one) => isIn(one, story.partition))
    this.must(story, layout?.isDrained === false, `4.1 message ${ordinal} in a partition that is drained`)
    if (group !== undefined) this.mustBeOnlyHome(story, group, ordinal)
    if (story.place.isDraining) {
      const isHeld = group !== undefined && (this.heldBefore.has(group) || holds(story, group))
      this.must(story, isHeld, `4.1 message ${ordinal} of ${group} in a partition that drains`)
      this.saw('something stays in an older partition')
    }
    for (const name of this.namesOf(event)) {
      for (const before of this.holders.get(name) ?? []) this.mayFollow(story, event, at, name, before)
      this.holders.set(name, [...(this.holders.get(name) ?? []), { story, ordinal, at }])
    }
  }

  private replaced(story: Story, event: Edited, at: number): void {
    const group = event.attributes?.group
    const { ordinal } = event
    if (group !== undefined) this.mustBeOnlyHome(story, group, ordinal)
    if (story.place.isDraining) {
      const isHeld = group === undefined || this.heldBefore.has(group) || holds(story, group)
      this.must(story, isHeld, `4.1 message ${ordinal} gets the group ${group} where it drains`)
      this.saw('something stays in an older partition')
    }
    // Its own id stays what it was: only keys come with the contents.
    for (const name of this.namesOf({ ...event, callerId: undefined }))
      this.holders.set(name, [...(this.holders.get(name) ?? []), { story, ordinal, at }])
  }

  /** B1: whoever is in another partition would run beside it. */
  private mustBeOnlyHome(story: Story, group: string, ordinal: number): void {
    for (const other of this.stories)
      if (other !== story)
        this.must(
          story,
          !holds(other, group),
          `B1 message ${ordinal} of the group ${group}, which is at home in partition ${other.partition}`,
        )
  }

  /** Messages with one routing key have one home at a time, so each other key of theirs is one there. */
  private namesOf(event: Pick<Enqueued, 'callerId' | 'attributes'>): string[] {
    const routed = routingKey(event)
    const { dedupKey, idempotencyKey } = event.attributes ?? {}
    const kinds = { dedup: dedupKey, idempotency: idempotencyKey, id: event.callerId }
    return Object.entries(kinds).flatMap(([kind, key]) =>
      key === undefined ? [] : [JSON.stringify([kind, key, routed])],
    )
  }

  /** 6: of one partition the story itself says so. */
  private mayFollow(story: Story, event: Enqueued, at: number, name: string, before: Holder): void {
    if (before.story === story) return
    const known = before.story.live.get(before.ordinal)
    if (name.startsWith('["id"')) {
      const { callerId = '' } = event
      const isAlive = known !== undefined && known.callerId === callerId
      const { partition, finishedIds, windowMs } = before.story
      const endedAt = finishedIds.get(callerId) ?? Number.NEGATIVE_INFINITY
      const isForgotten = !this.isOneClock || endedAt + windowMs <= at
      this.must(story, !isAlive && isForgotten, `6 caller's id ${callerId} twice, in partition ${partition}`)
      return
    }
    const isPast = !this.isOneClock || before.at + story.windowMs <= at
    const isLatest = name.startsWith('["dedup"') && this.replacing.has(event.payload)
    const mayJoin = known?.situation === 'waiting'
    this.must(
      story,
      isPast || (isLatest && !mayJoin),
      `6 ${name} twice in its window, in partition ${before.story.partition}`,
    )
  }

  private started(story: Story, ordinal: number, at: number): void {
    const tenant = story.live.get(ordinal)?.attributes.tenant
    this.starts.push({ at, tenant })
    this.withinCap(
      story,
      '',
      this.most((limits) => limits.concurrencyMax),
    )
    if (tenant !== undefined)
      this.withinCap(
        story,
        tenant,
        this.most((limits) => limits.perTenant?.concurrencyMax),
      )
  }

  /** Settings that change leave what runs as it is: the highest that there ever was. */
  private most(capOf: (limits: Limits) => number | undefined): number {
    return Math.max(...this.controls.map(({ config }) => capOf(config.limits) ?? Number.POSITIVE_INFINITY))
  }

  private withinCap(story: Story, tenant: string, concurrencyMax: number): void {
    if (concurrencyMax === Number.POSITIVE_INFINITY) return
    let running = 1
    for (const { live } of this.stories)
      for (const { situation, attributes } of live.values())
        if (situation === 'leased' && (tenant === '' || attributes.tenant === tenant)) running++
    this.must(
      story,
      running <= concurrencyMax,
      `B8 ${running} of ${tenant} run in all partitions, the cap is ${concurrencyMax}`,
    )
  }

  /** B8: of all partitions together, where their times can be compared and the limits were always the same. */
  ratesHold(): void {
    const [first, ...others] = this.controls.map(({ config }) => config.limits)
    if (first === undefined || others.some((one) => JSON.stringify(one) !== JSON.stringify(first))) return
    this.rateHolds('', first.rate, this.starts)
    const tenants = new Set(this.starts.map(({ tenant }) => tenant))
    for (const tenant of tenants)
      if (tenant !== undefined)
        this.rateHolds(
          tenant,
          first.perTenant?.rate,
          this.starts.filter((start) => start.tenant === tenant),
        )
  }

  private rateHolds(tenant: string, rate: Limits['rate'], starts: ReadonlyArray<Start>): void {
    if (rate === undefined) return
    const times = starts.map(({ at }) => at).sort((one, other) => one - other)
    times.forEach((since, n) => {
      times.slice(n).forEach((at, more) => {
        const allowed = rate.count + Math.floor(((at - since) * rate.count) / rate.perMs)
        if (more + 1 > allowed)
          this.broken.push(
            `B8 ${more + 1} starts of ${tenant} in ${at - since} ms in all partitions, from ${since}`,
          )
      })
    })
  }

  /** An older layout that holds nothing is said to be drained in the end. */
  allAreDrained(): void {
    for (const layout of this.layouts.slice(0, -1)) {
      const left = this.stories.filter(({ partition, live }) => isIn(layout, partition) && live.size > 0)
      if (left.length === 0 && !layout.isDrained)
        this.broken.push(`4.1 the layout from ${layout.first} holds nothing, and is not said to be drained`)
    }
  }
}

/** Tells all stories in the order of the log. */
export const tellTogether = (
  stories: ReadonlyArray<Story>,
  logs: ReadonlyArray<ReadonlyArray<RecordedBatch>>,
  calls: Calls,
  controls: ReadonlyArray<Control>,
  { control, isOneClock, isOver }: Resized,
): Readonly<{ broken: ReadonlyArray<string>; seen: ReadonlyMap<string, number> }> => {
  const together = new Together(stories, controls, calls, isOneClock)
  for (const story of stories) story.watch = (event, at) => together.take(story, event, at)
  const told = [
    ...control.map((batch) => ({ batch, story: undefined })),
    ...logs.flatMap((batches, n) => batches.map((batch) => ({ batch, story: stories[n] }))),
  ].sort((one, other) => one.batch.position - other.batch.position)
  for (const { batch, story } of told) {
    if (story === undefined) for (const event of batch.events) together.control(event)
    else {
      together.batchBegins(story)
      story.tell([batch])
    }
  }
  if (isOneClock) together.ratesHold()
  if (isOver) together.allAreDrained()
  for (const call of calls.enqueues) if (call.partition === ANYWHERE) checkRouted(stories, call, calls)
  return together
}

/** 1: as of a call to one partition (checkersAnswers.ts), but wherever the message has found its home. */
const checkRouted = (stories: ReadonlyArray<Story>, call: EnqueueCall, calls: Calls): void => {
  const { told, messages, results } = call
  const [first] = stories
  const [message] = messages
  const [result] = results
  if (first === undefined || message === undefined) return
  const { payload } = message
  const isOnly =
    calls.enqueues.flatMap((other) => other.messages).filter((other) => other.payload === payload).length ===
    1
  const found = stories.flatMap((story) =>
    (story.byPayload.get(payload) ?? []).map((ordinal) => ({ story, ordinal })),
  )
  const edited = stories.flatMap((story) => {
    const ordinal = story.edits.get(payload)
    return ordinal === undefined ? [] : [{ story, ordinal }]
  })
  const isCalled = (id: string, { story, ordinal }: (typeof found)[number]): boolean =>
    id === `orders.${story.partition}.${ordinal.toString(36)}` || story.ids.get(ordinal) === id
  if (told === 'definite' && isOnly)
    first.must(found.length + edited.length === 0, `1 a refused enqueue is in the log: ${payload}`)
  if (isOnly) first.must(found.length <= 1, `1 ${payload} was enqueued twice`)
  if (told !== 'ok' || result === undefined) return
  const { id, duplicate, replaced } = result
  const isThere = found.some((one) => isCalled(id, one))
  if (isOnly) {
    first.must(edited.length > 0 === (replaced === true), `A11 message ${id} and the log disagree`)
    first.must(
      edited.every((one) => isCalled(id, one)),
      `A11 id ${id} is of another message`,
    )
    first.must((found.length === 0) === duplicate, `1 message ${id} and the log disagree`)
  }
  if (!duplicate) return first.must(isThere, `1 id ${id} is of another message`)
  const isKnown = stories.some((story) =>
    [...story.ids.keys()].some((ordinal) => isCalled(id, { story, ordinal })),
  )
  first.must(isKnown, `6 duplicate of ${id}, which is not there`)
}
