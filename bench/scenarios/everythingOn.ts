// Many features at once, as a real queue has them: tenants that take turns under caps and rates, groups, priorities in the adaptive
// order, types, dedup keys, an adaptive circuit, a follow-up for each tenth success, snapshots while it works. Once plain and
// once so, in one run; what is delivered is counted by the separate reader in both.
import { type Feature, useFeature } from './features.js'
import type { Scenario } from './scenario.js'

const TENANTS = 100
const GROUPS = 5_000
const TYPES = 10
const PRIORITIES = 21

const MIXED: Feature = {
  name: 'everything_on',
  settings: {
    order: 'adaptive',
    circuit: { adaptive: true, failureTypes: ['*'] },
    limits: {
      rate: { count: 10_000_000, perMs: 1_000 },
      perTenant: { concurrencyMax: 50, rate: { count: 1_000_000, perMs: 1_000 } },
    },
  },
  options: (seq) => ({
    type: `type-${seq % TYPES}`,
    tenant: `tenant-${seq % TENANTS}`,
    // Every second message belongs to a group.
    ...(seq % 2 === 0 ? { group: `group-${seq % GROUPS}` } : {}),
    dedupKey: `order-${seq}`,
    priority: (seq % PRIORITIES) - Math.floor(PRIORITIES / 2),
  }),
  followUpEvery: 10,
  snapshots: true,
}

export const everythingOn: Scenario = {
  name: 'everything-on',
  about:
    'tenants, groups, priorities, types, keys, limits, circuit, follow-ups and snapshots at once, beside plain',
  steps: [{ name: 'plain_beside', snapshots: true } as const, MIXED].map((feature) => ({
    name: feature.name,
    folder: feature.name,
    run: (bench) => useFeature(feature, bench.n, bench),
  })),
}
