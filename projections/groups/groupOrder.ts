// Order inside message groups (B1, §4.15): the members of a group that are not finished or dead stand by ordinal, and only
// the first may run, and only while no other member runs and the group is not paused (B7). Whether a member that is not
// due yet keeps its place (and so blocks the group) or steps aside until it is due is up to the caller.
// Members arrive in order, so they form a list through their records. One that comes back before the last of the list (a
// redriven one, or one that had stepped aside) goes into a small heap of its group instead of a walk along the list.
// What stands in records of it is rebuilt after a snapshot was loaded, so no record is touched for it (messageTable.ts).
import { GROUP, GROUP_NEXT, GROUP_PREVIOUS, ORDINAL } from '../messageTable/layout.js'
import type { MessageTable } from '../messageTable/messageTable.js'
import { NumberHeap } from '../ready/numberHeap.js'

type Group = {
  readonly number: number
  readonly name: string
  /** Of the list; -1 = it is empty. */
  head: number
  tail: number
  /** Ordinals; some may have left since. */
  comeBack: NumberHeap | undefined
  /** Those that have stepped aside among them. */
  members: number
  running: number
  isPaused: boolean
  /** The member that stands among the ready ones; -1 = none. */
  offered: number
}

/** No group has this number. */
const NONE = 0
// In GROUP_PREVIOUS, where members of the list have a neighbour (slot + 1) or 0.
const IN_HEAP = -1
const ASIDE = -2

export class GroupOrder {
  private readonly numbers = new Map<string, number>()
  private readonly groups: Array<Group | undefined> = [undefined]
  private readonly free: number[] = []
  private paused: ReadonlySet<string> = new Set()

  constructor(private readonly table: MessageTable) {}

  get size(): number {
    return this.numbers.size
  }

  /** Whether it has members; dead letters are none. */
  has(name: string): boolean {
    return this.numbers.has(name)
  }

  /** Puts the slot where its ordinal belongs. */
  join(slot: number, name: string): void {
    const group = this.named(name)
    this.table.setInt(slot, GROUP, group.number)
    group.members++
    this.place(group, slot)
  }

  /** Answers the number of the group it was in, which may have ended with it; 0 when there is none. */
  leave(slot: number): number {
    const group = this.of(slot)
    if (group === undefined) return 0
    this.unplace(group, slot)
    this.table.setInt(slot, GROUP, 0)
    if (group.offered === slot) group.offered = -1
    group.members--
    if (group.members > 0) return group.number
    this.numbers.delete(group.name)
    this.groups[group.number] = undefined
    this.free.push(group.number)
    return 0
  }

  /** It lets the next one go first until it {@link stepBack}s. */
  stepAside(slot: number): void {
    const group = this.of(slot)
    if (group === undefined) return
    this.unplace(group, slot)
    this.table.setInt(slot, GROUP_PREVIOUS, ASIDE)
  }

  /** Nothing happens to a member that has its place. */
  stepBack(slot: number): void {
    const group = this.of(slot)
    if (group === undefined || this.table.int(slot, GROUP_PREVIOUS) !== ASIDE) return
    this.place(group, slot)
  }

  /** A member starts or stops running. */
  run(slot: number, change: 1 | -1): void {
    const group = this.of(slot)
    if (group !== undefined) group.running += change
  }

  /** The member that may run now; -1 when none may. */
  runnable(number: number): number {
    const group = this.groups[number]
    return group === undefined || group.running > 0 || group.isPaused ? -1 : this.head(group)
  }

  /** What the caller has put among the ready ones; -1 = nothing. */
  offeredOf(number: number): number {
    return this.groups[number]?.offered ?? -1
  }
  setOffered(number: number, slot: number): void {
    const group = this.groups[number]
    if (group !== undefined) group.offered = slot
  }

  /** From now on these groups are paused, and no others. Answers the numbers of the groups for which that is news. */
  pause(names: ReadonlySet<string>): number[] {
    const before = this.paused
    this.paused = names
    const changed: number[] = []
    for (const name of new Set([...before, ...names])) {
      const group = this.groups[this.numbers.get(name) ?? NONE]
      if (group === undefined || group.isPaused === names.has(name)) continue
      group.isPaused = !group.isPaused
      changed.push(group.number)
    }
    return changed
  }

  private named(name: string): Group {
    const known = this.numbers.get(name)
    if (known !== undefined) return this.groups[known]!
    const number = this.free.pop() ?? this.groups.length
    const group: Group = {
      number,
      name,
      head: -1,
      tail: -1,
      comeBack: undefined,
      members: 0,
      running: 0,
      isPaused: this.paused.has(name),
      offered: -1,
    }
    this.groups[number] = group
    this.numbers.set(name, number)
    return group
  }

  private of(slot: number): Group | undefined {
    return this.groups[this.table.int(slot, GROUP)]
  }

  private place(group: Group, slot: number): void {
    const { table } = this
    const ordinal = table.double(slot, ORDINAL)
    if (group.tail >= 0 && table.double(group.tail, ORDINAL) > ordinal) {
      group.comeBack ??= new NumberHeap()
      group.comeBack.push(ordinal)
      table.setInt(slot, GROUP_PREVIOUS, IN_HEAP)
      return
    }
    this.link(group, group.tail, slot)
    this.link(group, slot, -1)
  }

  private unplace(group: Group, slot: number): void {
    const previous = this.table.int(slot, GROUP_PREVIOUS)
    // An entry in the heap is dropped when it comes up.
    if (previous >= 0) this.link(group, previous - 1, this.table.int(slot, GROUP_NEXT) - 1)
  }

  private head(group: Group): number {
    const { table } = this
    const { head, comeBack } = group
    while (comeBack !== undefined && comeBack.size > 0) {
      const ordinal = comeBack.peek()
      if (head >= 0 && table.double(head, ORDINAL) < ordinal) return head
      const slot = table.slotOf(ordinal)
      const isMember = slot >= 0 && table.int(slot, GROUP) === group.number
      if (isMember && table.int(slot, GROUP_PREVIOUS) === IN_HEAP) return slot
      comeBack.take()
    }
    return head
  }

  private link(group: Group, left: number, right: number): void {
    if (left >= 0) this.table.setInt(left, GROUP_NEXT, right + 1)
    else group.head = right
    if (right >= 0) this.table.setInt(right, GROUP_PREVIOUS, left + 1)
    else group.tail = left
  }
}
