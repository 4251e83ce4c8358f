// Which groups have dead letters: one that is redriven stands in its group again, so the group is still at home here (ADR 0013).

export class DeadGroups {
  private readonly letters = new Map<string, number>()

  add(group: string | undefined): void {
    if (group !== undefined) this.letters.set(group, (this.letters.get(group) ?? 0) + 1)
  }

  remove(group: string | undefined): void {
    if (group === undefined) return
    const left = (this.letters.get(group) ?? 0) - 1
    if (left > 0) this.letters.set(group, left)
    else this.letters.delete(group)
  }

  has(group: string): boolean {
    return this.letters.has(group)
  }
}
