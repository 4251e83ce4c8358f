// The same random values for each mistake, and no search for a smaller example: only whether a property fails is asked.
import fc from 'fast-check'

fc.configureGlobal({ seed: 20_261_122, endOnFailure: true })
