// Order inside message groups (B1, §4.15): the members of a group that are not finished or dead form a list by ordinal;
// only its head may run, and only while no other member runs. A head that waits for its retry blocks the group.
import { GROUP, GROUP_NEXT, GROUP_PREVIOUS, ORDINAL } from '../messageTable/layout.js'
import type { MessageTable } from '../messageTable/messageTable.js'

type Group = { name: string; head: number; tail: number; running: number }

export class GroupOrder {
  private readonly numbers = new Map<string, number>()
  private readonly groups: Array<Group | undefined> = [undefined]
  private readonly free: number[] = []

  constructor(private readonly table: MessageTable) {}

  get size(): number {
    return this.numbers.size
  }

  /** Puts the slot where its ordinal belongs: at the tail for a new message, further up for a redriven one. */
  join(slot: number, name: string): void {
    const { table } = this
    let number = this.numbers.get(name)
    if (number === undefined) {
      number = this.free.pop() ?? this.groups.length
      this.groups[number] = { name, head: -1, tail: -1, running: 0 }
      this.numbers.set(name, number)
    }
    const group = this.groups[number]!
    const ordinal = table.double(slot, ORDINAL)
    let after = group.tail
    while (after >= 0 && table.double(after, ORDINAL) > ordinal) {
      after = table.int(after, GROUP_PREVIOUS) - 1
    }
    const before = after < 0 ? group.head : table.int(after, GROUP_NEXT) - 1
    table.setInt(slot, GROUP, number)
    this.link(group, after, slot)
    this.link(group, slot, before)
  }

  /** Answers who is at the head then; -1 when the group has ended, or there is none. */
  leave(slot: number): number {
    const { table } = this
    const number = table.int(slot, GROUP)
    if (number === 0) return -1
    const group = this.groups[number]!
    const previous = table.int(slot, GROUP_PREVIOUS) - 1
    const next = table.int(slot, GROUP_NEXT) - 1
    this.link(group, previous, next)
    table.setInt(slot, GROUP, 0)
    if (group.head < 0 && group.running === 0) {
      this.numbers.delete(group.name)
      this.groups[number] = undefined
      this.free.push(number)
    }
    return group.head
  }

  /** A member starts or stops running. */
  run(slot: number, change: 1 | -1): void {
    const number = this.table.int(slot, GROUP)
    if (number !== 0) this.groups[number]!.running += change
  }

  /** True for a message without a group, and for the head of a group in which nothing runs. */
  mayRun(slot: number): boolean {
    const number = this.table.int(slot, GROUP)
    if (number === 0) return true
    const group = this.groups[number]!
    return group.running === 0 && group.head === slot
  }

  /** The head of the slot's group; -1 without a group. */
  headOf(slot: number): number {
    const number = this.table.int(slot, GROUP)
    return number === 0 ? -1 : this.groups[number]!.head
  }

  private link(group: Group, left: number, right: number): void {
    if (left >= 0) {
      this.table.touch(left)
      this.table.setInt(left, GROUP_NEXT, right + 1)
    } else group.head = right
    if (right >= 0) {
      this.table.touch(right)
      this.table.setInt(right, GROUP_PREVIOUS, left + 1)
    } else group.tail = left
  }
}
