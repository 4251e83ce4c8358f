// Who is next in a round of turns: members in a circle, each step in constant time however many there are. A member holds
// its own links, so it stands in one ring at a time, and leaving needs no search.

export type InRing<T> = { next: T | undefined; previous: T | undefined }

export class Ring<T extends InRing<T>> {
  /** Whose turn it is. */
  first: T | undefined

  /** Last in the round; nothing happens when it is in it. */
  add(member: T): void {
    if (member.next !== undefined) return
    const { first } = this
    if (first === undefined) {
      member.next = member
      member.previous = member
      this.first = member
      return
    }
    link(first.previous!, member)
    link(member, first)
  }

  remove(member: T): void {
    const { next } = member
    if (next === undefined) return
    if (next === member) this.first = undefined
    else {
      link(member.previous!, next)
      if (this.first === member) this.first = next
    }
    member.next = undefined
    member.previous = undefined
  }

  /** It has had its turn. */
  toBack(member: T): void {
    if (this.first === member) this.first = member.next
    else if (member.next !== undefined) {
      this.remove(member)
      this.add(member)
    }
  }
}

const link = <T extends InRing<T>>(left: T, right: T): void => {
  left.next = right
  right.previous = left
}
