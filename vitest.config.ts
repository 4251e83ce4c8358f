// One project per kind of test, told apart by file name, so that each kind runs alone:
// `unit` is pure and offline, `int` starts real processes (compiled code in dist/), `sim` is seeded.
import { defineConfig } from 'vitest/config'

const INT = 'test/**/*.int.test.ts'
const SIM = 'test/**/*.sim.test.ts'

export default defineConfig({
  test: {
    // The suite also runs on small CI machines; more workers than this only add memory.
    maxWorkers: 2,
    passWithNoTests: true,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [INT, SIM],
          testTimeout: 10_000,
          hookTimeout: 10_000,
        },
      },
      {
        test: {
          name: 'int',
          include: [INT],
          // Real processes and real disks: one file at a time, or they starve each other.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      { test: { name: 'sim', include: [SIM], testTimeout: 120_000, hookTimeout: 10_000 } },
    ],
  },
})
