// Loaded before every test file. Properties draw the same values on every run, so a suite that passed passes again and a
// failure is the change's own. To look further than one seed does, give another, or more runs of each property:
//   LEDGERQ_PROPERTY_SEED=random LEDGERQ_PROPERTY_RUNS=2000 npm run test:unit
import fc from 'fast-check'

const SEED = 20_260_501

const seed = process.env.LEDGERQ_PROPERTY_SEED ?? String(SEED)
const runs = process.env.LEDGERQ_PROPERTY_RUNS

fc.configureGlobal({
  ...(seed === 'random' ? {} : { seed: Number(seed) }),
  ...(runs === undefined ? {} : { numRuns: Number(runs) }),
})
