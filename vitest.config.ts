// One project per kind of test, told apart by file name, so that each kind runs alone:
// `unit` is pure and offline, `int` starts real processes (compiled code in dist/), `sim` is seeded.
import { pathToFileURL } from 'node:url'
import { defineConfig, type Plugin } from 'vitest/config'

const INT = 'test/**/*.int.test.ts'
const SIM = 'test/**/*.sim.test.ts'

/**
 * Suites of the engine and the library that also run on the log in EventStoreDB (test/support/testLog.ts): its adapter on an emulated
 * server, or, with LEDGERQ_TEST_LOG=wire, over gRPC on the server that EVENTSTORE_URL names. Not among them: what never asks a log, and
 * test/worker/poison, which rests on the death of a process being certain (only a log in a directory makes it so).
 */
const ON_EVENTSTORE = [
  'test/engine/{cancelling,capacity,circuits,claimsInFlood,deathReasons,duplicates,followUps,fullLog}.test.ts',
  'test/engine/{groupsAfterRestart,leaseTimes,limits,order,overflow,overrides,partitions,policyChange}.test.ts',
  'test/engine/{rebuiltNumbers,recovery,recoveryFromDamagedSnapshots,replacing,replyBarrier,time}.test.ts',
  'test/engine/{viewsDuringWork,resizeSteps}.test.ts',
  'test/api/{callbacks,clearRaces,dedup,editing,gateWaits,ledger,listing,operations,projections}.test.ts',
  'test/api/{redriven,rerun,resize,results,switches}.test.ts',
]

const COMPILED_URL = /new URL\(\s*(['"])(\.{1,2}\/[^'"]+\.js)\1,\s*import\.meta\.url,?\s*\)/g

/**
 * Tests run from source, but Node cannot start a worker thread or a process on a `.ts` file. Code names such
 * a program as `new URL('./x.js', import.meta.url)`, which is right once compiled; under vitest the same
 * expression is made to mean the compiled file in dist/. `npm test` and `npm run test:int` build it first.
 */
const programsFromDist: Plugin = {
  name: 'ledgerq:programs-from-dist',
  enforce: 'pre',
  transform(code, id) {
    const root = `${import.meta.dirname}/`
    const path = id.split('?')[0] ?? id
    if (!path.startsWith(root) || !path.endsWith('.ts') || path.includes('/node_modules/')) return undefined
    const compiled = pathToFileURL(`${root}dist/${path.slice(root.length)}`)
    return code.replace(COMPILED_URL, (_, _quote, file) => `new URL('${new URL(file, compiled)}')`)
  },
}

export default defineConfig({
  plugins: [programsFromDist],
  test: {
    // The suite also runs on small CI machines; more workers than this only add memory.
    maxWorkers: 2,
    setupFiles: ['test/support/propertyRuns.ts'],
    passWithNoTests: true,
    // Its generated code registers itself globally: loaded once by the test runner and once by Node, it would not know itself.
    server: { deps: { external: [/@eventstore\/db-client/, /google-protobuf/] } },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [INT, SIM],
          // A guard against what never ends, not a measurement: a slow machine may take its time.
          testTimeout: 30_000,
          hookTimeout: 10_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'store',
          include: ON_EVENTSTORE,
          env: { LEDGERQ_TEST_LOG: process.env.LEDGERQ_TEST_LOG ?? 'store' },
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'int',
          include: [INT],
          // Real processes and real disks: one file at a time, or they starve each other.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: { name: 'sim', include: [SIM], testTimeout: 120_000, hookTimeout: 10_000 },
      },
    ],
  },
})
