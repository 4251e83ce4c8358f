// A set of ordinals in their order: dead letters, which may be millions. A Set of them holds up the loop for seconds when it grows, and
// a page of a list would have to sort all of them first. Here they stand in sorted runs of bounded length; finding a place is two
// binary searches, and what moves on an insertion is one run, or the row of runs when one is split.

/** Ordinals in a run at most: 8 KiB move at worst. */
const RUN_MAX = 1_024

type Run = { ordinals: Float64Array; count: number }

const newRun = (): Run => ({ ordinals: new Float64Array(8), count: 0 })

export class SortedOrdinals {
  /** In order; none is empty. */
  private runs: Run[] = []
  private total = 0

  get size(): number {
    return this.total
  }

  has(ordinal: number): boolean {
    const run = this.runs[this.runOf(ordinal)]
    if (run === undefined) return false
    const place = placeIn(run, ordinal)
    return place < run.count && run.ordinals[place] === ordinal
  }

  add(ordinal: number): void {
    let number = Math.max(0, this.runOf(ordinal))
    let run = this.runs[number]
    if (run === undefined) {
      run = newRun()
      this.runs.push(run)
    }
    if (run.count === RUN_MAX) {
      const upper = splitOf(run)
      this.runs.splice(number + 1, 0, upper)
      if (ordinal >= (upper.ordinals[0] ?? 0)) {
        number++
        run = upper
      }
    }
    const place = placeIn(run, ordinal)
    if (place < run.count && run.ordinals[place] === ordinal) return
    if (run.count === run.ordinals.length) {
      const grown = new Float64Array(2 * run.ordinals.length)
      grown.set(run.ordinals)
      run.ordinals = grown
    }
    run.ordinals.copyWithin(place + 1, place, run.count)
    run.ordinals[place] = ordinal
    run.count++
    this.total++
  }

  delete(ordinal: number): void {
    const number = this.runOf(ordinal)
    const run = this.runs[number]
    if (run === undefined) return
    const place = placeIn(run, ordinal)
    if (place >= run.count || run.ordinals[place] !== ordinal) return
    run.ordinals.copyWithin(place, place + 1, run.count)
    run.count--
    this.total--
    if (run.count === 0) this.runs.splice(number, 1)
  }

  *[Symbol.iterator](): IterableIterator<number> {
    for (const { ordinals, count } of this.runs) yield* ordinals.subarray(0, count)
  }

  /** From `from` on, upwards or downwards, until `visit` answers false. */
  walk(from: number, step: 1 | -1, visit: (ordinal: number) => boolean): void {
    let number = Math.max(0, this.runOf(from))
    let run = this.runs[number]
    if (run === undefined) return
    let place = placeIn(run, from)
    if (step === -1 && (place >= run.count || run.ordinals[place] !== from)) place--
    while (run !== undefined) {
      for (; place >= 0 && place < run.count; place += step) if (!visit(run.ordinals[place] ?? 0)) return
      number += step
      run = this.runs[number]
      place = step === 1 ? 0 : (run?.count ?? 0) - 1
    }
  }

  /** The last run that begins at or before this ordinal; -1 = all begin behind it. */
  private runOf(ordinal: number): number {
    let [low, high] = [0, this.runs.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.runs[middle]?.ordinals[0] ?? 0) <= ordinal) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

/** Of the first ordinal that is not below; `count` = there is none. */
const placeIn = ({ ordinals, count }: Run, ordinal: number): number => {
  let [low, high] = [0, count]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ordinals[middle] ?? 0) < ordinal) low = middle + 1
    else high = middle
  }
  return low
}

/** Takes the upper half. */
const splitOf = (run: Run): Run => {
  const at = run.count >>> 1
  const upper = { ordinals: new Float64Array(RUN_MAX), count: run.count - at }
  upper.ordinals.set(run.ordinals.subarray(at, run.count))
  run.count = at
  return upper
}
