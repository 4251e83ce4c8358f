// The same random values for each mistake, fewer of them than usual, and no search for a smaller example: only whether a
// property fails is asked, and as often as there are mistakes.
import fc from 'fast-check'

fc.configureGlobal({ seed: 20_261_122, endOnFailure: true, numRuns: 40 })
