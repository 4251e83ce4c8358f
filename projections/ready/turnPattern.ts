// In which order bands with fixed shares take turns: a cycle as long as the sum of the shares, in which each band stands as
// often as its share says, and as evenly as three can stand together. It is the chairman assignment of R. Tijdeman ("The
// chairman assignment problem", Discrete Mathematics 32, 1980): after t turns no band is more than 3/4 of a turn away from
// its due, t·s/S. Hence in any floor(3S/2s) + 1 turns in a row a band of share s has at least one.
// Why not the neater "one in any ceil(S/s)": for shares 3, 2, 1 no order at all keeps it (every 2nd, 3rd and 6th turn; the
// pinwheel problem). The default 6, 3, 1 does keep it: one in any 2, 4 and 10.

/** Band numbers, one per turn. `shares` are whole numbers from 1. */
export const turnPattern = (shares: ReadonlyArray<number>): Uint8Array => {
  const divisor = shares.reduce(greatestCommonDivisor)
  const weights = shares.map((share) => share / divisor)
  const total = weights.reduce((a, b) => a + b, 0)
  const given = weights.map(() => 0)
  const pattern = new Uint8Array(total)
  for (let turn = 1; turn <= total; turn++) {
    let chosen = -1
    let leastSlack = 0
    weights.forEach((weight, band) => {
      // Four times what is owed to the band, in shares of a turn; all of it in whole numbers.
      const owed = 4 * (weight * turn - given[band]! * total)
      if (owed < total) return
      const slack = (3 * total - owed) / weight
      if (chosen >= 0 && slack >= leastSlack) return
      chosen = band
      leastSlack = slack
    })
    given[chosen]!++
    pattern[turn - 1] = chosen
  }
  return pattern
}

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b)
