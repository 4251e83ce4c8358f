// The known name that a mistyped one was probably meant to be: the fewest letters changed, dropped, added or swapped.

const distance = (one: string, other: string): number => {
  let before: number[] = []
  let last = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 1; i <= one.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= other.length; j += 1) {
      const differs = one[i - 1] === other[j - 1] ? 0 : 1
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + differs)
      const isSwap = one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]
      if (i > 1 && j > 1 && isSwap) cost = Math.min(cost, (before[j - 2] ?? 0) + 1)
      row.push(cost)
    }
    before = last
    last = row
  }
  return last[other.length] ?? 0
}

/** Longer names come from somewhere else than a slip of the finger, and the comparison is quadratic. */
const CHARS_MAX = 80

export const nearestName = (name: string, known: ReadonlyArray<string>): string | undefined => {
  const searched = name.slice(0, CHARS_MAX).toLowerCase()
  let nearest: { name: string; away: number } | undefined
  for (const candidate of known) {
    const away = distance(searched, candidate.toLowerCase())
    if (nearest === undefined || away < nearest.away) nearest = { name: candidate, away }
  }
  return nearest?.name
}
