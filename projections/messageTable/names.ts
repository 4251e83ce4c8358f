// Small numbers for strings that many records share (workers, failure types), counted, so that names nobody holds any
// more can go: a fleet of remote workers brings new names for ever.

/** Names without holders are swept when this many are known; afterwards at twice of what is left, so that it stays rare. */
const SWEEP_AT = 4_096

export class Names {
  private readonly numbers = new Map<string, number>()
  private readonly names: Array<string | undefined> = [undefined]
  private readonly holders: number[] = [0]
  private readonly free: number[] = []
  private sweepAt = SWEEP_AT

  /** The number of a name, from 1, with one more holder. */
  hold(name: string): number {
    const known = this.numbers.get(name)
    if (known !== undefined) {
      this.holders[known]!++
      return known
    }
    if (this.numbers.size >= this.sweepAt && this.free.length === 0) this.sweep()
    const number = this.free.pop() ?? this.names.length
    this.names[number] = name
    this.holders[number] = 1
    this.numbers.set(name, number)
    return number
  }

  drop(number: number): void {
    if (number !== 0) this.holders[number]!--
  }

  name(number: number): string {
    return this.names[number] ?? ''
  }

  /** By number; unknown numbers are empty. */
  list(): string[] {
    return this.names.map((name) => name ?? '')
  }

  private sweep(): void {
    for (let number = 1; number < this.names.length; number++) {
      const name = this.names[number]
      if (name === undefined || this.holders[number]! > 0) continue
      this.numbers.delete(name)
      this.names[number] = undefined
      this.free.push(number)
    }
    this.sweepAt = Math.max(SWEEP_AT, 2 * this.numbers.size)
  }
}
